//! Splits the body of a request into records.
//!
//! A body may be compressed, in any charset, and JSON, lines of JSON, XML or a form. This module only splits
//! it into records; `record.rs` parses them one by one, so that damage in one does not affect the others.

use std::collections::BTreeMap;

use bytes::Bytes;
use connector_wire::reason::visible;
use contract::{Entry, RecordKey};
use document::{
    DocumentFormat, DuplicateOutcome, Findings, Message, Path, decode, elements, is_same, n_values,
    take_records,
};
use normalizer_text::Hints;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::record::Reader;

const FORM: &str = "application/x-www-form-urlencoded";
/// If a request has more records without a key than this, they are put together: each would be a row of its
/// own in quarantine, which takes far more room than its bytes.
const MAX_KEYLESS: usize = 20;
/// The maximum number of records in a request, and of values in them: each takes memory of its own, however
/// short its text is.
const MAX_RECORDS: usize = 50_000;
const MAX_VALUES: usize = 1_000_000;

/// How a body was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Headers<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) encoding: Option<&'a str>,
}

/// Splits the body of a request into records, as JSON in UTF-8. Malformed bytes are unchanged.
///
/// # Errors
/// The body cannot be unpacked, is larger than `max_bytes`, has too many values or records, is not in a format
/// that can be read, or has a key twice with different contents.
pub(crate) fn split_records(
    reader: &Reader,
    bytes: &[u8],
    headers: Headers<'_>,
    max_bytes: usize,
) -> Result<Vec<Bytes>, String> {
    let Headers { content_type, encoding } = headers;
    let message = Message::open(bytes, content_type, encoding, max_bytes)
        .map_err(|error| error.to_string())?;
    let mut text = message.decode(&Hints::default());
    let start = text.text.trim_start();
    let is_text = start.starts_with('"');
    // In a form, these signs are encoded. Some clients call whatever they send a form, as `curl -d` does.
    let is_document = is_text || start.starts_with(['{', '[', '<']);
    let is_form = !is_document
        && content_type.is_some_and(|kind| {
            let head = kind.trim_start().get(..FORM.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(FORM))
        });
    let path = reader.config.records.as_ref();
    let format = if is_form { DocumentFormat::Json } else { message.format(&text.text) };
    if format == DocumentFormat::Json && !is_form {
        check_number(n_values(text.text.as_bytes()), MAX_VALUES, "values")?;
    }
    let records = if path.is_none() && !is_form && !is_text && format == DocumentFormat::Json {
        // The bytes stay as the source wrote them.
        pieces(&text.text, &text.diagnostics.findings)?
    } else if is_form {
        let hints = Hints { content_type, ..Hints::default() };
        selected(path, form(&text.text, &hints)?, format, &mut Findings::default())?
    } else {
        let tree = message.parse(&mut text, None).map_err(|why| format!("the body: {why}"))?;
        selected(path, tree, format, &mut text.diagnostics.findings)?
    };
    by_key(reader, records)
}

fn check_number(number: usize, max: usize, what: &str) -> Result<(), String> {
    if number > max {
        return Err(format!("the body has more than {max} {what}: send fewer in one request"));
    }
    Ok(())
}

/// The elements of a JSON list, or the whole text.
fn pieces(text: &str, findings: &Findings) -> Result<Vec<Bytes>, String> {
    let elements = elements(text).map_err(|error| format!("the body is not JSON: {error}"))?;
    check_number(elements.len(), MAX_RECORDS, "records")?;
    let bytes = |element| Bytes::from(findings.source_bytes(&text[element]));
    Ok(elements.into_iter().map(bytes).collect())
}

/// The records of a tree. A text at `path` is JSON itself, as in a field of a form, and may be a list; so may the text
/// whose elements `path` names.
fn selected(
    path: Option<&Path>,
    mut tree: Value,
    format: DocumentFormat,
    findings: &mut Findings,
) -> Result<Vec<Bytes>, String> {
    let is_xml = format == DocumentFormat::Xml;
    let mut has_xml = is_xml;
    // Without a path, the record is the root element of XML, or the whole body.
    let mut path = match path {
        Some(path) => path.clone(),
        None => Path::parse(if is_xml { "$.*[*]" } else { "$" })?,
    };
    if let (Some(list), false) = (path.as_str().strip_suffix("[*]"), is_xml) {
        open_texts(&mut tree, &Path::parse(list)?, findings, &mut has_xml)?;
    }
    if open_texts(&mut tree, &path, findings, &mut has_xml)? {
        path = Path::parse(&format!("{}[*]", path.as_str()))?;
    }
    let records = take_records(&mut tree, &path, is_xml, findings)?;
    check_number(records.len(), MAX_RECORDS, "records")?;
    Ok(records.iter().map(|record| piece(record, findings, has_xml)).collect())
}

/// Puts what the texts at a path say in their place, and returns whether there is a list.
fn open_texts(
    tree: &mut Value,
    path: &Path,
    findings: &mut Findings,
    has_xml: &mut bool,
) -> Result<bool, String> {
    let mut is_list = false;
    for pointer in path.locations(tree) {
        let Some(value) = tree.pointer_mut(&pointer).filter(|_| !pointer.is_empty()) else {
            continue;
        };
        if let Value::String(text) = value
            && text.trim_start().starts_with(['{', '[', '<'])
        {
            let text = findings.without_irregularities(text);
            let format = DocumentFormat::of(&text);
            *has_xml |= format == DocumentFormat::Xml;
            if format == DocumentFormat::Json {
                check_number(n_values(text.as_bytes()), MAX_VALUES, "values")?;
            }
            *value = format.parse(&text, findings)?;
        }
        is_list |= value.is_array();
    }
    Ok(is_list)
}

/// A record as JSON. In JSON, nobody would find again that XML was damaged: such a record becomes a list with the
/// reason, which is no record. What is only a flag of a field rejects no record.
fn piece(record: &Value, findings: &Findings, has_xml: bool) -> Bytes {
    let bytes = findings.source_bytes(&record.to_string());
    let damage = has_xml.then(|| findings.defects_in("", record, "").damage).flatten();
    match damage {
        Some(damage) => {
            [&b"["[..], Value::from(damage.detail).to_string().as_bytes(), b",", &bytes, b"]"]
                .concat()
                .into()
        }
        None => bytes.into(),
    }
}

/// The fields of a form, whose bytes may be in any charset.
fn form(text: &str, hints: &Hints<'_>) -> Result<Value, String> {
    let decoded = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(&text.replace('+', " ")).collect();
        let field = decode(&bytes, hints);
        let is_whole = field.diagnostics.findings.is_empty();
        is_whole.then_some(field.text).ok_or("a field of the form is not valid in its charset")
    };
    let mut fields = Map::new();
    for pair in text.trim().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, Value::String(decoded(value)?));
        if fields.get(&name).is_some_and(|earlier| *earlier != value) {
            let name = visible(&name);
            return Err(format!(
                "the field `{name}` of the form occurs twice, with different values"
            ));
        }
        fields.insert(name, value);
    }
    Ok(Value::Object(fields))
}

/// Leaves out records whose key comes again in the same request, and puts many records without a key
/// together. With a revision, each state has its place in history, so nothing is left out.
fn by_key(reader: &Reader, records: Vec<Bytes>) -> Result<Vec<Bytes>, String> {
    let has_revision = reader.config.revision.is_some();
    if records.len() < 2 || (has_revision && records.len() <= MAX_KEYLESS) {
        return Ok(records);
    }
    // A tree takes many times the memory of its text, so only one is there at a time.
    let (mut keys, mut keyless) = (Vec::new(), Vec::new());
    for bytes in &records {
        let entry = reader.entry(bytes, String::new());
        keyless.push(entry.key().is_none());
        keys.push(match entry {
            Entry::Record(record) => Some(record.key),
            Entry::Unreadable { .. } => None,
        });
    }
    let is_equal = |a: &Bytes, b: &Bytes| a == b || is_same(&reader.tree(a), &reader.tree(b));
    let outcomes = match has_revision {
        true => vec![DuplicateOutcome::Read; records.len()],
        false => reader.config.duplicates.outcomes_where(&keys, &records, is_equal)?,
    };
    let has_many_keyless = keyless.iter().filter(|is_keyless| **is_keyless).count() > MAX_KEYLESS;
    let mut kept = Vec::new();
    let mut rejected: BTreeMap<Option<RecordKey>, Vec<Bytes>> = BTreeMap::new();
    for (((record, outcome), key), is_keyless) in
        records.into_iter().zip(outcomes).zip(keys).zip(keyless)
    {
        match outcome {
            DuplicateOutcome::Read if is_keyless && has_many_keyless => {
                rejected.entry(None).or_default().push(record);
            }
            DuplicateOutcome::Read => kept.push(record),
            DuplicateOutcome::Repeated => {}
            DuplicateOutcome::Quarantine => rejected.entry(key).or_default().push(record),
        }
    }
    // A list is no record, so the contents of one key, or of none, go to quarantine together.
    let lists = rejected
        .into_values()
        .map(|contents| [&b"["[..], &contents.join(&b","[..]), b"]"].concat());
    kept.extend(lists.map(Bytes::from));
    Ok(kept)
}

#[cfg(test)]
mod tests;
