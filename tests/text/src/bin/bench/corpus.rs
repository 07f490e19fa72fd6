//! The texts for the measurements: clean texts, and texts that the model has not seen.

use std::{collections::BTreeSet, path::Path};

use text_tests::{
    lines::{Language, lines},
    messages,
};

/// The texts for all measurements.
pub(crate) struct Corpus {
    /// Clean texts of each kind: made-up lines in other languages, and all texts of the folder, which are
    /// the last.
    pub(crate) clean: Vec<(&'static str, Vec<String>)>,
    /// Texts that the model has not seen, and clauses of such texts.
    pub(crate) unseen: Vec<String>,
}

impl Corpus {
    /// The clean texts in simplified Chinese.
    pub(crate) fn demands(&self) -> &[String] {
        self.clean.last().map_or(&[], |(_, texts)| texts)
    }
}

/// The number of made-up lines in each language.
const N_MADE_UP: usize = 20_000;

/// The number of clauses in `unseen`, chosen at even intervals from all of them.
const N_CLAUSES: usize = 12_000;
/// The number of whole texts, chosen in the same way.
const N_WHOLE: usize = 3_000;

/// Reads the messages in `folder`, and chooses the texts. Without a folder, the texts are made up.
pub(crate) fn read(folder: Option<&Path>) -> anyhow::Result<Corpus> {
    let mut clean = vec![
        ("English", lines(Language::English, N_MADE_UP)),
        ("Japanese", lines(Language::Japanese, N_MADE_UP)),
        ("traditional Chinese", lines(Language::Traditional, N_MADE_UP)),
    ];
    let Some(folder) = folder else {
        let unseen = lines(Language::Simplified, 3_000);
        clean.push(("made-up demands", unseen.clone()));
        return Ok(Corpus { clean, unseen });
    };
    let messages = messages::read(folder)?;
    let (seen, unseen): (Vec<_>, Vec<_>) = messages.into_iter().partition(|m| m.is_seen);
    let texts = |half: &[messages::Message]| half.iter().flat_map(|m| m.texts.clone()).collect();
    let (seen, unseen): (BTreeSet<String>, BTreeSet<String>) = (texts(&seen), texts(&unseen));
    clean.push(("texts of messages", seen.union(&unseen).cloned().collect()));
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
