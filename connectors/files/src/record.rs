//! Turns a row into an entry: a record, or bytes that cannot be read.

use bytes::Bytes;
use contract::{Entry, Place, Reason, RecordKey, Revision, TextReport, demand::QualityFlag};
use document::{TimeFormat, no_key};
use serde_json::Value;

use crate::{
    format::RawRow,
    options::{Options, RevisionSource},
    selection,
};

/// The revision in the name of a file; `None` if the channel takes revisions from the records.
pub(crate) fn revision_by_name(name: &str, options: &Options) -> Result<Option<Revision>, Reason> {
    match &options.revision {
        RevisionSource::Field(..) => Ok(None),
        RevisionSource::Name(format) => match selection::time_in_name(name, format) {
            Some(time) => Ok(Some(Revision::time(time))),
            None => Err(no_revision(format!(
                "the name of the file contains no time in the format {}",
                format.as_str()
            ))),
        },
    }
}

/// The entry for a row of the file `name`. `name_revision` is the revision in that name; `None` if
/// the row contains the revision. `report` says how the text was decoded.
pub(crate) fn entry(
    name: &str,
    name_revision: Option<Revision>,
    row: RawRow,
    report: &TextReport,
    options: &Options,
) -> Entry {
    let RawRow { at, mut tree, bytes, findings, defects: row_defects } = row;
    let is_malformed =
        row_defects.marks.iter().any(|mark| mark.flag == QualityFlag::MalformedBytes);
    let is_damaged = |key: &String| is_malformed && key.contains(char::REPLACEMENT_CHARACTER);
    // In a row with too many or too few cells, the key may be any value, even a personal one.
    let key = findings.key(&options.config.key, &tree).filter(|_| row_defects.damage.is_none());
    let key = key.and_then(|key| trimmed(&key)).filter(|key| !is_damaged(key)).map(RecordKey::new);
    let mut defects = findings.defects_in("", &tree, &report.charset);
    defects.marks.extend(row_defects.marks);
    defects.damage = row_defects.damage.or(defects.damage);
    let revision = match (defects.reason(options.config.malformed), name_revision) {
        (Some(reason), _) => Err(reason),
        (None, Some(revision)) => Ok(revision),
        (None, None) => revision_by_field(&tree, options),
    };
    let reason = match (revision, &key) {
        (Err(reason), _) => reason,
        (Ok(_), None) => {
            let why = options.config.key.text(&tree).and_then(|key| no_key(&key));
            Reason::new("missing_key", why.unwrap_or("the record has no key that can be read"))
        }
        (Ok(revision), Some(key)) => {
            let mut text = report.clone();
            text.marks.extend(defects.marks);
            findings.remove_markers(&mut tree);
            return Entry::record(key.clone(), revision, tree, text);
        }
    };
    let bytes = bytes.unwrap_or_else(|| tree.to_string().into_bytes());
    let place = Place { key, at: format!("{name}, {at}") };
    Entry::Unreadable { place, bytes: Bytes::from(bytes), reason }
}

fn revision_by_field(tree: &Value, options: &Options) -> Result<Revision, Reason> {
    let RevisionSource::Field(path, format) = &options.revision else { return Ok(Revision::NONE) };
    let text = path
        .text(tree)
        .and_then(|text| trimmed(&text))
        .ok_or_else(|| no_revision("the record has no revision"))?;
    let revision = match format {
        None => text.parse().ok().map(Revision::number),
        Some(format) => format.read(&text).map(Revision::time),
    };
    revision.ok_or_else(|| {
        let format = format.as_ref().map_or("a whole number", TimeFormat::as_str);
        no_revision(format!("the revision is not written as {format}"))
    })
}

fn no_revision(detail: impl Into<String>) -> Reason {
    Reason::new("no_revision", detail)
}

/// The text without whitespace around it; `None` if nothing is left.
fn trimmed(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|trimmed| !trimmed.is_empty())
}

#[cfg(test)]
mod tests;
