//! Turns a row into an entry: a record, or bytes that cannot be read.

use bytes::Bytes;
use contract::{
    Entry, FieldFlag, Place, Reason, RecordKey, Revision, TextReport, demand::QualityFlag,
};
use document::{Findings, Path, TimeFormat, column_name, scalar_text};
use serde_json::Value;

use crate::{
    config::Config,
    format::{Doubt, RawRow, time_of_cell},
    options::{Options, RevisionSource},
    selection,
};

/// With at least this many required columns beside the key, a row that fills only a quarter of them is no record.
const MIN_REQUIRED: usize = 8;

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

/// Whether the channel reads this row, by its settings `skip` and `only`. Of a damaged row they decide nothing
/// that could hide it: what it says may be in another field. A value that was lost may be one of `only`.
pub(crate) fn is_selected(row: &RawRow, options: &Options) -> bool {
    let matches = |(field, patterns): (&String, &Vec<String>)| {
        let text = row.tree.get(field).and_then(scalar_text).unwrap_or_default();
        patterns.iter().any(|pattern| selection::matches_pattern(text.trim(), pattern))
    };
    let Config { skip, only, .. } = &options.config;
    if row.defects.damage.is_some() || !row.tree.is_object() {
        return true;
    }
    let has_lost = row.doubts.iter().any(|(_, doubt)| matches!(doubt, Doubt::Lost(_)));
    !skip.iter().any(matches) && (has_lost || only.iter().all(matches))
}

/// The entry for a row, which is `at` this place. `name_revision` is the revision in the name of its file;
/// `None` if the row contains the revision. `report` says how the text was decoded.
pub(crate) fn entry(
    at: String,
    name_revision: Option<Revision>,
    row: RawRow,
    report: &TextReport,
    options: &Options,
) -> Entry {
    let RawRow { mut tree, bytes, doubts, findings, defects: row_defects, is_table_row, .. } = row;
    // Quarantine keeps what the cells say, even if it is no value.
    let source = (bytes.is_none() && !doubts.is_empty()).then(|| tree.to_string());
    let has_date_cells =
        bytes.is_none() && !doubts.iter().any(|(_, doubt)| matches!(doubt, Doubt::Ambiguous(_)));
    let (doubt, doubt_flags) = apply_doubts(&doubts, &mut tree, options.config.key.paths());
    let key = match doubt {
        Some(doubt) => Err(doubt.to_owned()),
        None => key(&tree, &findings, options),
    };
    let key = key.and_then(|key| match is_table_row && key.as_str() == "0" {
        true => Err("the key is 0, which people write where there is none".to_owned()),
        false => Ok(key),
    });
    // In a row with too many or too few cells, the key may be any value, even a personal one; and so it may in a
    // signature below a table.
    let has_lost = doubts.iter().any(|(_, doubt)| matches!(doubt, Doubt::Lost(_)));
    let may_be_stub = is_table_row && !has_lost;
    let stub = may_be_stub.then(|| stub(&tree, options)).flatten();
    let can_have_key = row_defects.damage.is_none() && stub.is_none();
    let mut defects = findings.defects_in("", &tree, &report.charset);
    defects.flags.extend(row_defects.flags.into_iter().chain(doubt_flags));
    defects.flags.extend(null_flags(&tree));
    defects.damage = row_defects.damage.or(defects.damage);
    let revision =
        name_revision.map_or_else(|| revision_by_field(&tree, has_date_cells, options), Ok);
    let reason = match (defects.reason(options.config.malformed), &revision, &key) {
        (Some(reason), ..) => reason,
        (None, Err(reason), _) => reason.clone(),
        (None, Ok(_), Err(why)) => Reason::new("missing_key", why.as_str()),
        (None, Ok(_), Ok(_)) if stub.is_some() => Reason::new("only_key", stub.unwrap_or_default()),
        (None, Ok(revision), Ok(key)) => {
            let mut text = report.clone();
            text.flags.extend(defects.flags);
            findings.remove_markers(&mut tree);
            return Entry::record(key.clone(), *revision, tree, text);
        }
    };
    let bytes = bytes.unwrap_or_else(|| source.unwrap_or_else(|| tree.to_string()).into_bytes());
    let revision = revision.unwrap_or(Revision::NONE);
    let place = Place { key: key.ok().filter(|_| can_have_key), revision, at };
    Entry::Unreadable { place, bytes: Bytes::from(bytes), reason }
}

/// Flags for fields that are `\N`, which a database writes where there is no value, and of which `null` says nothing.
fn null_flags(tree: &Value) -> Vec<FieldFlag> {
    let fields = tree.as_object().into_iter().flatten();
    let nulls = fields.filter(|(_, value)| value.as_str() == Some("\\N"));
    let flag = |(field, _): (&String, &Value)| {
        let detail = "it is `\\N`, which a database writes where there is no value: set `null`";
        FieldFlag { field: field.clone(), flag: QualityFlag::Damaged, detail: detail.to_owned() }
    };
    nulls.map(flag).collect()
}

/// The key of a record. Blanks around its parts, and characters that nobody sees, do not belong to it, because
/// people type into tables and paste into them.
fn key(tree: &Value, findings: &Findings, options: &Options) -> Result<RecordKey, String> {
    let visible = |part: String| {
        let part: String = part.chars().filter(|c| !is_invisible(*c)).collect();
        part.trim().to_owned()
    };
    let parts = options.config.key.parts(tree, findings)?;
    let parts: Vec<String> = parts.into_iter().map(visible).collect();
    match parts.iter().any(String::is_empty) {
        true => Err("the key has no character that can be seen".to_owned()),
        false => Ok(RecordKey::composed(parts)),
    }
}

/// Whether a character has no width and no ink: soft hyphens, joiners, marks of the direction or of the byte order.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{FEFF}' | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
    )
}

/// Why a row of a table is no record although it may have a key: a total, a note or a signature below a table
/// fills the first cell, and perhaps one more. Where few columns are required, a demand may fill as few.
fn stub(tree: &Value, options: &Options) -> Option<String> {
    let own = |name: &str| {
        let revision = match &options.revision {
            RevisionSource::Field(path, _) => Some(path),
            RevisionSource::Name(_) => None,
        };
        let mut paths = options.config.key.paths().iter().chain(revision);
        paths.any(|path| column_name(path) == Some(name))
    };
    let is_filled = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    };
    let columns = &options.config.columns;
    let mut others = tree.as_object()?.iter().filter(|(name, _)| !own(name)).peekable();
    others.peek()?;
    let filled: Vec<&String> =
        others.filter(|(_, value)| is_filled(value)).map(|(name, _)| name).collect();
    if filled.is_empty() {
        return Some("only its key is filled: a total, a note or a signature?".to_owned());
    }
    if filled.iter().any(|name| !columns.contains_key(*name)) {
        return None;
    }
    let required = columns.keys().filter(|name| !own(name));
    let required: Vec<bool> = required.map(|name| tree.get(name).is_some_and(is_filled)).collect();
    let (n_filled, n) = (required.iter().filter(|is_filled| **is_filled).count(), required.len());
    (n >= MIN_REQUIRED && 4 * n_filled <= n).then(|| {
        format!(
            "only {n_filled} of {n} required columns beside the key are filled: a total, a note or a \
             signature?"
        )
    })
}

/// Removes the values that were lost. Returns why the key is not exact, if it is not, and the flags of
/// the other fields.
fn apply_doubts(
    doubts: &[(String, Doubt)],
    tree: &mut Value,
    key: &[Path],
) -> (Option<&'static str>, Vec<FieldFlag>) {
    let key_fields = key.iter().filter(|_| !doubts.is_empty());
    let key_fields: Vec<String> = key_fields.flat_map(|path| path.locations(tree)).collect();
    let (mut no_key, mut flags) = (None, Vec::new());
    for (field, doubt) in doubts {
        let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        let (flag, detail) = match doubt {
            Doubt::Ambiguous(detail) => (QualityFlag::AmbiguousTime, detail),
            Doubt::Lost(detail) | Doubt::NotAKey(detail) => {
                if key_fields.contains(&pointer) {
                    no_key = Some(*detail);
                }
                (QualityFlag::Damaged, detail)
            }
        };
        if let (Doubt::Lost(_), Some(value)) = (doubt, tree.get_mut(field)) {
            *value = Value::Null;
        }
        if !matches!(doubt, Doubt::NotAKey(_)) {
            flags.push(FieldFlag { field: field.clone(), flag, detail: (*detail).to_owned() });
        }
    }
    (no_key, flags)
}

fn revision_by_field(
    tree: &Value,
    has_date_cells: bool,
    options: &Options,
) -> Result<Revision, Reason> {
    let RevisionSource::Field(path, format) = &options.revision else { return Ok(Revision::NONE) };
    let text = path
        .text(tree)
        .and_then(|text| trimmed(&text))
        .ok_or_else(|| no_revision("the record has no revision"))?;
    let revision = match format {
        None => text.parse().ok().map(Revision::number),
        Some(format) => {
            let cell = || Some(format.from_local(time_of_cell(&text).filter(|_| has_date_cells)?));
            format.read(&text).or_else(cell).map(Revision::time)
        }
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
