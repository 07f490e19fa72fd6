//! What becomes of a row: a record, or bytes that nobody could read.

use bytes::Bytes;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use contract::{Body, Entry, Place, RawRecord, Reason, RecordKey, Revision, TextReport, Timestamp};
use serde_json::Value;

use crate::{
    config::Malformed,
    form::Row,
    name,
    plan::{RecordPlan, RevisionPlan},
};

/// The revision that all records of a file have, where its name says it.
pub(crate) fn revision_of(name: &str, plan: &RecordPlan) -> Result<Option<Revision>, Reason> {
    match &plan.revision {
        RevisionPlan::Field(..) => Ok(None),
        RevisionPlan::Name(format) => match name::time(name, format, plan.zone) {
            Some(time) => Ok(Some(Revision::time(time))),
            None => Err(no_revision(format!("the file's name has no time in the form {format}"))),
        },
    }
}

/// The entry for a row of the file `name`.
pub(crate) fn entry(
    name: &str,
    of_file: Option<Revision>,
    row: Row,
    report: &TextReport,
    plan: &RecordPlan,
) -> Entry {
    let Row { at, tree, bytes, malformed, marks, problem } = row;
    let is_damaged = |key: &String| key.contains(char::REPLACEMENT_CHARACTER);
    // What stands in the place of the key in a row that is out of shape may be anything, and anybody.
    let key = if problem.is_some() { None } else { plan.key.text(&tree) };
    let key = key.filter(|key| malformed.is_empty() || !is_damaged(key)).map(RecordKey::new);
    let rejected = match (problem, &malformed[..], plan.malformed) {
        (Some(problem), ..) => Some(problem),
        (None, [first, ..], Malformed::Reject) => {
            let field =
                if first.field.is_empty() { String::new() } else { format!("{}: ", first.field) };
            Some(Reason::new("malformed_bytes", format!("{field}{}", first.detail)))
        }
        _ => None,
    };
    let (revision, rejected) = match (rejected, of_file) {
        (Some(reason), _) => (Revision::NONE, Some(reason)),
        (None, Some(revision)) => (revision, None),
        (None, None) => match revision_in(&tree, plan) {
            Ok(revision) => (revision, None),
            Err(reason) => (Revision::NONE, Some(reason)),
        },
    };
    let reason = match (rejected, &key) {
        (Some(reason), _) => reason,
        (None, None) => Reason::new("missing_key", "the record has no key"),
        (None, Some(key)) => {
            let mut text = report.clone();
            text.marks.extend(marks.into_iter().chain(malformed));
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

fn revision_in(tree: &Value, plan: &RecordPlan) -> Result<Revision, Reason> {
    let RevisionPlan::Field(path, format) = &plan.revision else { return Ok(Revision::NONE) };
    let text = path.text(tree).ok_or_else(|| no_revision("the record has no revision"))?;
    let revision = match format {
        None => text.parse().ok().map(Revision::number),
        Some(format) => time(&text, format, plan).map(Revision::time),
    };
    revision.ok_or_else(|| {
        let form = format.as_deref().unwrap_or("a whole number");
        no_revision(format!("the revision is not in the form {form}"))
    })
}

fn time(text: &str, format: &str, plan: &RecordPlan) -> Option<Timestamp> {
    let local = NaiveDateTime::parse_from_str(text, format).ok().or_else(|| {
        let date = NaiveDate::parse_from_str(text, format).ok()?;
        Some(date.and_time(NaiveTime::MIN))
    })?;
    plan.zone.from_local_datetime(&local).earliest().map(|time| time.with_timezone(&Utc))
}

fn no_revision(detail: impl Into<String>) -> Reason {
    Reason::new("no_revision", detail)
}
