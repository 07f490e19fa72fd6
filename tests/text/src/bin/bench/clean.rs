//! Counts the clean texts that the repair changes: none may be.

use std::{fs, io, path::Path};

use anyhow::Context;
use normalizer_text::repair;
use text_tests::peers;

use super::{corpus::Corpus, say};

/// The name of a dictionary in the folder with the messages: a word begins each line, like in the
/// dictionary of jieba on PyPI.
const DICTIONARY: &str = "dict.txt";

/// How a word of the dictionary stands in a text.
const SETTINGS: [(&str, &str); 4] = [
    ("words alone", "{}"),
    ("words in a sentence", "昨天有人说{}的事，请尽快处理。"),
    ("words between blanks", "A {} 12-3"),
    ("words between digits", "12{}34"),
];

/// Prints how many clean texts of each kind are changed. Returns a message for each kind in which any is.
pub(crate) fn measure(corpus: &Corpus, folder: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let mut missed = Vec::new();
    say(format_args!("\n| clean texts | number | changed by us | changed by ftfy |"))?;
    say(format_args!("|---|---|---|---|"))?;
    let mut show = |name: &str, n: usize, changed: usize, theirs: &str| {
        if changed > 0 {
            missed.push(format!("{name}: {changed} of {n} were changed"));
        }
        say(format_args!("| {name} | {n} | {changed} | {theirs} |"))
    };
    for (name, texts) in &corpus.clean {
        let mut theirs = String::new();
        let program = include_str!("../../../peers/clean.py");
        peers::run(program, &serde_json::to_vec(texts)?, |line| {
            line.clone_into(&mut theirs);
            Ok(())
        })?;
        let changed = texts.iter().filter(|text| is_changed(text)).count();
        show(name, texts.len(), changed, &theirs)?;
    }
    let words = folder.map(words).transpose()?.unwrap_or_default();
    for (name, setting) in SETTINGS {
        let changed = words.iter().filter(|word| is_changed(&setting.replace("{}", word))).count();
        show(name, words.len(), changed, "")?;
    }
    Ok(missed)
}

fn is_changed(text: &str) -> bool {
    !repair(text).repairs.is_empty()
}

/// The words of two and more characters of the dictionary in a folder; none if it has no dictionary.
fn words(folder: &Path) -> anyhow::Result<Vec<String>> {
    let path = folder.join(DICTIONARY);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| path.display().to_string())?,
    };
    let words = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(words.filter(|word| word.chars().nth(1).is_some()).map(str::to_owned).collect())
}
