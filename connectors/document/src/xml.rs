//! Parses XML into a tree that JSONPaths can search.
//!
//! Children are always arrays, so that a single child has the same form as one of several. Prefixes
//! of names are removed, because every SOAP library uses different ones. A name that a document declares
//! for a short text is replaced with it; one for anything else is damage. Damage within an element is
//! marked in it. An element that is never closed is damaged, but the elements after it are not.

mod builder;
mod entities;

use quick_xml::Reader;
use serde_json::Value;

pub use builder::{Builder, MIXED_TEXT, Step, TEXT_NAME, contains_text};
pub use entities::Entities;

use crate::{findings::Findings, tree::at_line};

/// Parses an XML text into an object that contains the root element.
///
/// # Errors
/// The text is not XML, ends too early, or is too large.
pub fn parse(text: &str, findings: &mut Findings) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    findings.choose_marker(text, None);
    let mut reader = Reader::from_str(text);
    Builder::configure(reader.config_mut());
    let mut builder = Builder::document(text);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| at_line(error_kind(&error), text, at))?;
        match builder.take(event, findings).map_err(|detail| at_line(detail, text, at))? {
            Step::More => {}
            Step::Complete(mut trees) | Step::EndedByParent(mut trees, _) => {
                return Ok(trees.swap_remove(0));
            }
        }
    }
}

/// The kind of an error. The parser's own messages are not used: they show names from the document.
fn error_kind(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "the XML text ends within a tag",
        _ => "the text is not XML",
    }
}

#[cfg(test)]
mod tests;
