//! Says what was guessed, how sure it is, what was not found, and what to do next.

use std::path::Path;

use contract::ChannelId;
use serde::Serialize;

use super::{
    draft::{CHANNEL, Proposal},
    guess::Guess,
};
use crate::cli::out;

/// What became of a source that nobody had described.
#[derive(Serialize)]
pub(super) struct Report {
    channel: ChannelId,
    folder: String,
    /// The settings that were guessed.
    guessed: Vec<Guess>,
    /// Those that a person must write.
    missing: Vec<Guess>,
    /// What of the command was not taken over.
    ignored: Vec<String>,
    /// The next commands.
    next: Vec<String>,
}

impl Report {
    pub(super) fn new(
        channel: &ChannelId,
        folder: &Path,
        found: &Proposal,
        has_example: bool,
    ) -> Self {
        let all = found.guesses().map(|(prefix, guess)| Guess {
            setting: format!("{prefix}{}", guess.setting),
            why: guess.why.replace(CHANNEL, channel.as_str()),
            ..guess.clone()
        });
        let (guessed, missing) = all.partition(|guess| guess.value.is_some());
        let folder = folder.display().to_string();
        let page = if found.records.is_xml { "page.xml" } else { "page.json" };
        let page =
            has_example.then(|| format!("tonghui explain {channel} {folder}/fixtures/{page}"));
        let others = [format!("tonghui preview {channel}"), "tonghui check".to_owned()];
        let next = page.into_iter().chain(others).collect();
        Self { channel: channel.clone(), folder, guessed, missing, ignored: Vec::new(), next }
    }

    pub(super) fn ignoring(self, ignored: Vec<String>) -> Self {
        Self { ignored, ..self }
    }

    /// As text.
    pub(super) fn draw(&self) -> String {
        let Self { channel: _, folder, guessed, missing, ignored, next } = self;
        let rows = guessed.iter().map(|guess| {
            let sure = guess.sure.map(|sure| sure.name().to_owned()).unwrap_or_default();
            vec![
                sure,
                guess.setting.clone(),
                guess.value.clone().unwrap_or_default(),
                guess.why.clone(),
            ]
        });
        let mut text = format!(
            "wrote {folder}\n\n{}\n",
            out::table(&["how sure", "setting", "guess", "why"], rows, 4)
        );
        if !missing.is_empty() {
            text.push_str("\nnot found, or not clear (TODO in channel.toml):\n");
            missing
                .iter()
                .for_each(|guess| text.push_str(&format!("  {}: {}\n", guess.setting, guess.why)));
        }
        if !ignored.is_empty() {
            text.push_str("\nignored of the command:\n");
            ignored.iter().for_each(|what| text.push_str(&format!("  {what}\n")));
        }
        text.push_str("\ncompare each guess in channel.toml with the source's documents, then:\n");
        text + &next.join("\n")
    }
}
