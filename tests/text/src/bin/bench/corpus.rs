//! The texts for the measurements: clean texts, and texts that the model has not seen.

use std::{collections::BTreeSet, path::Path};

use normalizer_text::repair;
use text_tests::{
    lines::{Language, lines},
    messages, peers,
};

use super::say;

/// The texts for all measurements.
pub(crate) struct Corpus {
    /// Made-up lines in English, Japanese and traditional Chinese, then all texts of the folder.
    pub(crate) clean: Vec<String>,
    /// Texts that the model has not seen, and clauses of such texts.
    pub(crate) unseen: Vec<String>,
}

impl Corpus {
    /// The clean texts without the made-up lines in other languages.
    pub(crate) fn demands(&self) -> &[String] {
        &self.clean[N_MADE_UP.min(self.clean.len())..]
    }
}

/// The number of made-up lines.
const N_MADE_UP: usize = 20_000;

/// The number of clauses in `unseen`, chosen at even intervals from all of them.
const N_CLAUSES: usize = 12_000;
/// The number of whole texts, chosen in the same way.
const N_WHOLE: usize = 3_000;

/// Reads the messages in `folder`, and chooses the texts. Without a folder, the texts are made up.
pub(crate) fn read(folder: Option<&Path>) -> anyhow::Result<Corpus> {
    let mut clean = lines(Language::English, 7_000);
    clean.extend(lines(Language::Japanese, 6_500));
    clean.extend(lines(Language::Traditional, 6_500));
    let Some(folder) = folder else {
        let unseen = lines(Language::Simplified, 3_000);
        clean.extend(unseen.iter().cloned());
        return Ok(Corpus { clean, unseen });
    };
    let messages = messages::read(folder)?;
    let (seen, unseen): (Vec<_>, Vec<_>) = messages.into_iter().partition(|m| m.is_seen);
    let texts = |half: &[messages::Message]| half.iter().flat_map(|m| m.texts.clone()).collect();
    let (seen, unseen): (BTreeSet<String>, BTreeSet<String>) = (texts(&seen), texts(&unseen));
    clean.extend(seen.union(&unseen).cloned());
    let seen_clauses: BTreeSet<&str> = seen.iter().flat_map(|text| clauses(text)).collect();
    // Some messages occur twice, with an even and with an odd id.
    let whole: Vec<_> = unseen.difference(&seen).cloned().collect();
    let clauses: BTreeSet<&str> = whole.iter().flat_map(|text| clauses(text)).collect();
    let clauses: Vec<&str> = clauses.difference(&seen_clauses).copied().collect();
    let every = |n: usize, wanted: usize| (n / wanted).max(1);
    let some = whole.iter().step_by(every(whole.len(), N_WHOLE)).cloned();
    let some_clauses = clauses.iter().step_by(every(clauses.len(), N_CLAUSES));
    let unseen = some.chain(some_clauses.map(|clause| (*clause).to_owned())).collect();
    Ok(Corpus { clean, unseen })
}

fn clauses(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(['，', '。', '！', '？', '；', '\n']).map(str::trim);
    parts.filter(|clause| clause.chars().count() >= 4)
}

/// Prints how many clean texts the repair changes. Returns a message if it changes any.
pub(crate) fn measure_clean(corpus: &Corpus) -> anyhow::Result<Option<String>> {
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
