//! The place of figures in a document: between two marks, `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

use std::{fs, path::Path};

use anyhow::Context as _;

/// Replaces what is between the two marks with this name in a file.
///
/// # Errors
/// The file cannot be read or written, or lacks the marks.
pub fn write_between_marks(file: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let whole = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parts = whole.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.context("the file lacks the two marks of the measurements")?;
    Ok(fs::write(file, format!("{before}{begin}{text}{end}{after}"))?)
}
