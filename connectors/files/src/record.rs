//! What becomes of a row: a record, or bytes that nobody could read.

use bytes::Bytes;
use chrono::{
    NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc,
    format::{Item, StrftimeItems},
};
use chrono_tz::Tz;
use contract::{
    Body, ConnectorContext, Entry, Fault, Place, RawRecord, Reason, RecordKey, Revision,
    TextReport, Timestamp,
};
use document::{Malformed, Path};
use serde_json::Value;

use crate::{
    config::{Config, RevisionConfig},
    form::RawRow,
    pick,
};

/// How a row becomes a record.
#[derive(Debug)]
pub(crate) struct RecordOptions {
    key: Path,
    pub(crate) revision: RevisionSource,
    malformed: Malformed,
    pub(crate) zone: Tz,
}

/// Where the revision is read from.
#[derive(Debug)]
pub(crate) enum RevisionSource {
    /// The name of the file.
    Name(String),
    /// A field, in a time format or as a whole number.
    Field(Path, Option<String>),
}

impl RecordOptions {
    /// Refuses paths and formats that are none.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Self, Fault> {
        Ok(Self {
            key: Path::parse(&config.key.0)
                .map_err(|what| Fault::stopped(format!("`key`: {what}")))?,
            revision: revision_source(&config.revision)?,
            malformed: config.malformed,
            zone: context.zone,
        })
    }
}

/// The revision that all records of a file have, where its name says it.
pub(crate) fn revision_of(name: &str, options: &RecordOptions) -> Result<Option<Revision>, Reason> {
    match &options.revision {
        RevisionSource::Field(..) => Ok(None),
        RevisionSource::Name(format) => match pick::time(name, format, options.zone) {
            Some(time) => Ok(Some(Revision::time(time))),
            None => Err(no_revision(format!("the file's name has no time in the form {format}"))),
        },
    }
}

/// The entry for a row of the file `name`.
pub(crate) fn entry(
    name: &str,
    of_file: Option<Revision>,
    row: RawRow,
    report: &TextReport,
    options: &RecordOptions,
) -> Entry {
    let RawRow { at, mut tree, bytes, findings, malformed, marks, problem } = row;
    let is_damaged = |key: &String| key.contains(char::REPLACEMENT_CHARACTER);
    // What stands in the place of the key in a row that is out of shape may be anything, and anybody.
    let key = if problem.is_some() { None } else { findings.key(&options.key, &tree) };
    let key = key.and_then(trimmed).filter(|key| malformed.is_empty() || !is_damaged(key));
    let key = key.map(RecordKey::new);
    let mut verdict = findings.judge("", &tree, &report.charset);
    verdict.marks.extend(malformed.into_iter().chain(marks));
    let rejected = problem.or_else(|| verdict.reason(options.malformed));
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
            return Entry::Record(RawRecord {
                key: key.clone(),
                revision,
                body: Body::new(tree),
                text,
            });
        }
    };
    let bytes = bytes.unwrap_or_else(|| tree.to_string().into_bytes());
    let place = Place { key, at: format!("{name}, {at}") };
    Entry::Unreadable { place, bytes: Bytes::from(bytes), reason }
}

fn revision_in(tree: &Value, options: &RecordOptions) -> Result<Revision, Reason> {
    let RevisionSource::Field(path, format) = &options.revision else { return Ok(Revision::NONE) };
    let text = path
        .text(tree)
        .and_then(trimmed)
        .ok_or_else(|| no_revision("the record has no revision"))?;
    let revision = match format {
        None => text.parse().ok().map(Revision::number),
        Some(format) => time(&text, format, options).map(Revision::time),
    };
    revision.ok_or_else(|| {
        let form = format.as_deref().unwrap_or("a whole number");
        no_revision(format!("the revision is not in the form {form}"))
    })
}

fn time(text: &str, format: &str, options: &RecordOptions) -> Option<Timestamp> {
    let local = NaiveDateTime::parse_from_str(text, format).ok().or_else(|| {
        let date = NaiveDate::parse_from_str(text, format).ok()?;
        Some(date.and_time(NaiveTime::MIN))
    })?;
    options.zone.from_local_datetime(&local).earliest().map(|time| time.with_timezone(&Utc))
}

fn no_revision(detail: impl Into<String>) -> Reason {
    Reason::new("no_revision", detail)
}

fn revision_source(config: &RevisionConfig) -> Result<RevisionSource, Fault> {
    let RevisionConfig { name, at, format } = config;
    for format in name.iter().chain(format) {
        if StrftimeItems::new(format).any(|item| item == Item::Error) {
            return Err(Fault::stopped(format!("`revision`: `{format}` is not a time format"))
                .remedy("write it like \"_%Y%m%d%H%M%S.\""));
        }
    }
    match (name, at) {
        (Some(name), None) if format.is_none() => Ok(RevisionSource::Name(name.clone())),
        (None, Some(at)) => {
            let path =
                Path::parse(&at.0).map_err(|what| Fault::stopped(format!("`revision`: {what}")))?;
            Ok(RevisionSource::Field(path, format.clone()))
        }
        _ => Err(Fault::stopped("`revision` is read from one place").remedy(
            "write { name = \"…\" }, { at = \"$.…\" } or { at = \"$.…\", format = \"…\" }",
        )),
    }
}

/// The first text or number at a path that is not blank, without the blanks around it.
fn trimmed(text: String) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty())
        .then(|| if trimmed.len() == text.len() { text.clone() } else { trimmed.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_found_in_a_row_and_in_a_tree() {
        let tree = json!({ "诉求编号": " W1\t", "n": 7, "no": "", "a": [{ "$text": "x" }] });
        for (path, expected) in [
            ("$.诉求编号", Some("W1")),
            ("$.n", Some("7")),
            ("$.no", None),
            ("$.absent", None),
            ("$.a[0]['$text']", Some("x")),
            ("$['n']", Some("7")),
        ] {
            let found = Path::parse(path).unwrap().text(&tree).and_then(trimmed);
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        assert!(Path::parse("诉求编号").is_err());
    }
}
