//! Splits the body of a request into records.
//!
//! A body may be compressed, in any charset, and JSON, lines of JSON, XML or a form. This module only splits
//! it into records; `record.rs` parses them one by one, so that damage in one does not affect the others.

use bytes::Bytes;
use document::{Fate, Findings, Message, Path, Shape, decode, elements};
use normalizer_text::Hints;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

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
    let message = Message::open(bytes, content_type, encoding, max_bytes)?;
    let mut text = message.decode(&Hints::default());
    let is_form = headers.content_type.is_some_and(|kind| kind.trim_start().starts_with(FORM));
    let path = reader.config.records.as_ref();
    let is_plain = path.is_none() && !is_form && message.shape(&text.text) == Shape::Json;
    let records = if is_plain {
        // The bytes stay as the source wrote them.
        pieces(&text.text, &text.facts.findings)?
    } else if is_form {
        let hints = Hints { content_type: headers.content_type, ..Hints::default() };
        selected(path, &form(&text.text, &hints)?, Shape::Json, &Findings::default())?
    } else {
        let shape = message.shape(&text.text);
        let tree = message.parse(&mut text, None).map_err(|why| format!("the body: {why}"))?;
        selected(path, &tree, shape, &text.facts.findings)?
    };
    without_duplicates(reader, records)
}

/// The elements of a JSON list, or the whole text.
fn pieces(text: &str, findings: &Findings) -> Result<Vec<Bytes>, String> {
    let elements = elements(text).map_err(|error| format!("the body is not JSON: {error}"))?;
    let bytes = |element| Bytes::from(findings.source_bytes(&text[element]));
    Ok(elements.into_iter().map(bytes).collect())
}

/// The records of a tree. A text that `path` selects is JSON itself, as in a field of a form.
fn selected(
    path: Option<&Path>,
    tree: &Value,
    shape: Shape,
    findings: &Findings,
) -> Result<Vec<Bytes>, String> {
    let values: Vec<&Value> = match (path, shape) {
        (Some(path), _) => path.all(tree),
        (None, Shape::JsonLines) => tree.as_array().into_iter().flatten().collect(),
        // The root element.
        (None, Shape::Xml) => tree.as_object().into_iter().flat_map(Map::values).collect(),
        (None, Shape::Json) => vec![tree],
    };
    let is_list = |list: Path| list.all(tree).iter().any(|value| !value.is_null());
    if values.is_empty() && !path.and_then(Path::list).is_some_and(is_list) {
        let at = path.map_or("$", Path::as_str);
        return Err(format!("the body has no record at {at}"));
    }
    let mut records = Vec::new();
    for value in values {
        match value {
            Value::String(text) => records.extend(pieces(text, findings)?),
            Value::Array(list) => records.extend(list.iter().map(|item| json(item, findings))),
            value => records.push(json(value, findings)),
        }
    }
    Ok(records)
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
    let (mut kept, mut rejected) = (Vec::new(), Vec::new());
    for (record, fate) in records.into_iter().zip(fates) {
        match fate {
            Fate::Read => kept.push(record),
            Fate::Repeated => {}
            Fate::Quarantine => rejected.push(record),
        }
    }
    if !rejected.is_empty() {
        // A list is no record, so it goes to quarantine.
        let list = [&b"["[..], &rejected.join(&b","[..]), b"]"].concat();
        kept.push(list.into());
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
