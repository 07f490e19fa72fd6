//! The place of the figures in docs/performance.md: between two marks.

use std::{fs, path::Path};

use anyhow::Context as _;

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->";

/// Replaces what is between the two marks in a file.
pub(crate) fn write_between_marks(file: &Path, text: &str) -> anyhow::Result<()> {
    let whole = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parts = whole.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.context("the file lacks the two marks of the measurements")?;
    Ok(fs::write(file, format!("{before}{BEGIN}{text}{END}{after}"))?)
}
