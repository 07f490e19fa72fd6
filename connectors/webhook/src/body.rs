//! Splits the body of a request into records.
//!
//! A body may be compressed, in any charset, and JSON, lines of JSON, XML or a form. This module only splits
//! it into records; `record.rs` parses them one by one, so that damage in one does not affect the others.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::RecordKey;
use document::{Fate, Findings, Message, Path, Shape, decode, elements, take_records};
use normalizer_text::Hints;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::record::Reader;

const FORM: &str = "application/x-www-form-urlencoded";

/// How a body was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Headers<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) encoding: Option<&'a str>,
}

/// Splits the body of a request into records, as JSON in UTF-8. Malformed bytes are unchanged.
///
/// # Errors
/// The body cannot be unpacked, is larger than `max_bytes`, is not in a format that can be read, or has a
/// key twice with different contents.
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
    let is_form = content_type.is_some_and(|kind| {
        let head = kind.trim_start().get(..FORM.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(FORM))
    });
    let path = reader.config.records.as_ref();
    let is_text = text.text.trim_start().starts_with('"');
    let shape = if is_form { Shape::Json } else { message.shape(&text.text) };
    let records = if path.is_none() && !is_form && !is_text && shape == Shape::Json {
        // The bytes stay as the source wrote them.
        pieces(&text.text, &text.facts.findings)?
    } else if is_form {
        let hints = Hints { content_type, ..Hints::default() };
        selected(path, form(&text.text, &hints)?, shape, &mut Findings::default())?
    } else {
        let tree = message.parse(&mut text, None).map_err(|why| format!("the body: {why}"))?;
        selected(path, tree, shape, &mut text.facts.findings)?
    };
    without_duplicates(reader, records)
}

/// The elements of a JSON list, or the whole text.
fn pieces(text: &str, findings: &Findings) -> Result<Vec<Bytes>, String> {
    let elements = elements(text).map_err(|error| format!("the body is not JSON: {error}"))?;
    let bytes = |element| Bytes::from(findings.source_bytes(&text[element]));
    Ok(elements.into_iter().map(bytes).collect())
}

/// The records of a tree. A text at `path` is JSON itself, as in a field of a form, and may be a list.
fn selected(
    path: Option<&Path>,
    mut tree: Value,
    shape: Shape,
    findings: &mut Findings,
) -> Result<Vec<Bytes>, String> {
    let is_xml = shape == Shape::Xml;
    // Without a path, the record is the root element of XML, or the whole body.
    let mut path = match path {
        Some(path) => path.clone(),
        None => Path::parse(if is_xml { "$.*[*]" } else { "$" })?,
    };
    let mut is_list = false;
    for pointer in path.locations(&tree) {
        let Some(value) = tree.pointer_mut(&pointer).filter(|_| !pointer.is_empty()) else {
            continue;
        };
        if let Value::String(text) = value
            && text.trim_start().starts_with(['{', '[', '<'])
        {
            let text = findings.without_irregularities(text);
            *value = Shape::of(&text).parse(&text, findings)?;
        }
        is_list |= value.is_array();
    }
    if is_list {
        path = Path::parse(&format!("{}[*]", path.as_str()))?;
    }
    let records = take_records(&mut tree, &path, is_xml, findings)?;
    Ok(records.iter().map(|record| json(record, findings)).collect())
}

fn json(value: &Value, findings: &Findings) -> Bytes {
    findings.source_bytes(&value.to_string()).into()
}

/// The fields of a form, whose bytes may be in any charset.
fn form(text: &str, hints: &Hints<'_>) -> Result<Value, String> {
    let decoded = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(&text.replace('+', " ")).collect();
        let field = decode(&bytes, hints);
        let is_whole = field.facts.findings.is_empty();
        is_whole.then_some(field.text).ok_or("a field of the form is not valid in its charset")
    };
    let fields = text.trim().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name)?, Value::String(decoded(value)?)))
    });
    fields.collect::<Result<_, &str>>().map(Value::Object).map_err(str::to_owned)
}

/// Leaves out records whose key comes again in the same request. With a revision, each state has its place
/// in history, so nothing is left out.
fn without_duplicates(reader: &Reader, records: Vec<Bytes>) -> Result<Vec<Bytes>, String> {
    if records.len() < 2 || reader.config.revision.is_some() {
        return Ok(records);
    }
    let parsed = records.iter().map(|bytes| reader.key_and_tree(bytes));
    let (keys, trees): (Vec<_>, Vec<_>) = parsed.unzip();
    let fates = reader.config.duplicates.fates(&keys, &trees)?;
    let mut kept = Vec::new();
    let mut rejected: BTreeMap<Option<RecordKey>, Vec<Bytes>> = BTreeMap::new();
    for ((record, fate), key) in records.into_iter().zip(fates).zip(keys) {
        match fate {
            Fate::Read => kept.push(record),
            Fate::Repeated => {}
            Fate::Quarantine => rejected.entry(key).or_default().push(record),
        }
    }
    // A list is no record, so the contents of one key go to quarantine together.
    let lists = rejected
        .into_values()
        .map(|contents| [&b"["[..], &contents.join(&b","[..]), b"]"].concat());
    kept.extend(lists.map(Bytes::from));
    Ok(kept)
}

#[cfg(test)]
mod tests;
