//! XML as a tree in which JSONPaths work.
//!
//! Children are always arrays, so a list of one looks like a list of two. Prefixes of names are
//! removed: every SOAP library uses different ones. Entities are not expanded: those that a document
//! declares stay as they are written. Damage within an element is marked in it; an element that is
//! never closed is damaged itself, and those after it are not affected.

mod builder;

use quick_xml::Reader;
use serde_json::Value;

pub use builder::{Builder, Step};

use crate::{findings::Findings, tree::located};

/// Parses an XML text: gives one object with the root element in it.
///
/// # Errors
/// It is not XML, it ends too early, or it is too large.
pub fn parse(text: &str, findings: &mut Findings) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    findings.choose_marker(text, None);
    let mut reader = Reader::from_str(text);
    Builder::prepare(reader.config_mut());
    let mut builder = Builder::document(text);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| located(reason(&error), text, at))?;
        match builder.take(event, findings).map_err(|detail| located(detail, text, at))? {
            Step::More => {}
            Step::Complete(mut trees) | Step::EndedByParent(mut trees, _) => {
                return Ok(trees.swap_remove(0));
            }
        }
    }
}

/// The messages of the parser quote names of the document, so only the kind of error is given.
fn reason(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "the XML text ends within a tag",
        _ => "not XML",
    }
}

#[cfg(test)]
mod tests;
