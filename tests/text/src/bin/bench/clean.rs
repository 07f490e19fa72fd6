//! Clean texts that are changed: there must be none.

use normalizer_text::repair;
use text_tests::peers;

use super::{corpus::Corpus, say};

/// Prints a table; gives the bar if it is missed.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<Option<String>> {
    let changed: Vec<_> =
        corpus.clean.iter().filter(|text| !repair(text).repairs.is_empty()).collect();
    let mut theirs = String::new();
    let program = include_str!("../../../peers/clean.py");
    peers::run(program, &serde_json::to_vec(&corpus.clean)?, |line| {
        line.clone_into(&mut theirs);
        Ok(())
    })?;
    say(format_args!("\n| clean texts | changed by us | changed by ftfy |\n|---|---|---|"))?;
    say(format_args!("| {} | {} | {theirs} |", corpus.clean.len(), changed.len()))?;
    Ok((!changed.is_empty()).then(|| format!("{} clean texts were changed", changed.len())))
}
