//! From a row to an entry: a record, or bytes that cannot be read.

use bytes::Bytes;
use contract::{Entry, Place, Reason, RecordKey, Revision, TextReport};
use document::TimeFormat;
use serde_json::Value;

use crate::{
    form::RawRow,
    options::{Options, RevisionSource},
    pick,
};

/// The revision that all records of a file have, where its name says it.
pub(crate) fn revision_of(name: &str, options: &Options) -> Result<Option<Revision>, Reason> {
    match &options.revision {
        RevisionSource::Field(..) => Ok(None),
        RevisionSource::Name(format) => match pick::time(name, format) {
            Some(time) => Ok(Some(Revision::time(time))),
            None => Err(no_revision(format!(
                "the file's name has no time in the format {}",
                format.as_str()
            ))),
        },
    }
}

/// The entry for a row of the file `name`.
pub(crate) fn entry(
    name: &str,
    of_file: Option<Revision>,
    row: RawRow,
    report: &TextReport,
    options: &Options,
) -> Entry {
    let RawRow { at, mut tree, bytes, findings, malformed, marks, problem } = row;
    let is_damaged = |key: &String| key.contains(char::REPLACEMENT_CHARACTER);
    // In a row with too many or too few cells, the cell of the key may be anything, even a person.
    let key = if problem.is_some() { None } else { findings.key(&options.config.key, &tree) };
    let key = key.and_then(trimmed).filter(|key| malformed.is_empty() || !is_damaged(key));
    let key = key.map(RecordKey::new);
    let mut verdict = findings.judge("", &tree, &report.charset);
    verdict.marks.extend(malformed.into_iter().chain(marks));
    let rejected = problem.or_else(|| verdict.reason(options.config.malformed));
    let (revision, rejected) = match (rejected, of_file) {
        (Some(reason), _) => (Revision::NONE, Some(reason)),
        (None, Some(revision)) => (revision, None),
        (None, None) => match revision_in(&tree, options) {
            Ok(revision) => (revision, None),
            Err(reason) => (Revision::NONE, Some(reason)),
        },
    };
    let reason = match (rejected, &key) {
        (Some(reason), _) => reason,
        (None, None) => Reason::new("missing_key", "the record has no key"),
        (None, Some(key)) => {
            let mut text = report.clone();
            text.marks.extend(verdict.marks);
            findings.settle(&mut tree);
            return Entry::record(key.clone(), revision, tree, text);
        }
    };
    let bytes = bytes.unwrap_or_else(|| tree.to_string().into_bytes());
    let place = Place { key, at: format!("{name}, {at}") };
    Entry::Unreadable { place, bytes: Bytes::from(bytes), reason }
}

fn revision_in(tree: &Value, options: &Options) -> Result<Revision, Reason> {
    let RevisionSource::Field(path, format) = &options.revision else { return Ok(Revision::NONE) };
    let text = path
        .text(tree)
        .and_then(trimmed)
        .ok_or_else(|| no_revision("the record has no revision"))?;
    let revision = match format {
        None => text.parse().ok().map(Revision::number),
        Some(format) => format.read(&text).map(Revision::time),
    };
    revision.ok_or_else(|| {
        let format = format.as_ref().map_or("a whole number", TimeFormat::as_str);
        no_revision(format!("the revision is not in the format {format}"))
    })
}

fn no_revision(detail: impl Into<String>) -> Reason {
    Reason::new("no_revision", detail)
}

/// A text without the blanks around it; `None` where nothing is left.
fn trimmed(text: String) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.len() == text.len() {
        return (!text.is_empty()).then_some(text);
    }
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests;
