//! Bodies with several parts (RFC 2046): the main part is the document, and the others are files.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{media_type, parameter};
use crate::TEXT_NAME;

/// Maximum number of parts. Real bodies have as many as their records have files.
const MAX_PARTS: usize = 10_000;

/// With what the address of a part begins.
const FILE_SCHEME: &str = "cid:";
/// Maximum number of characters of an id in a message.
const MAX_SHOWN: usize = 80;

/// The parts of a body.
pub(super) struct Parts {
    /// The content type of the main part.
    pub(super) content_type: Option<String>,
    /// The main part.
    pub(super) main: Vec<u8>,
    /// The other parts that can be read, by their `Content-ID`.
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// Splits a body into its parts. The main part is the one that `start` names (RFC 2387), or the first. SOAP services
/// send such bodies if they attach files (MTOM).
///
/// # Errors
/// The body is of another kind, or ends too early, or its main part cannot be read.
pub(super) fn split(bytes: &[u8], kind: &str) -> Result<Parts, String> {
    let error = |what: &str| format!("the body is {}: {what}", media_type(kind));
    if !["multipart/related", "multipart/mixed"].contains(&media_type(kind).as_str()) {
        return Err(error("this kind of body with several parts is not supported"));
    }
    let boundary = parameter(kind, "boundary").ok_or_else(|| error("it names no boundary"))?;
    let delimiter = format!("--{boundary}");
    let begins_line = |at: &usize| *at == 0 || bytes.get(at.wrapping_sub(1)) == Some(&b'\n');
    // A line that only begins like the delimiter belongs to a part (RFC 2046 §5.1.1).
    let is_whole = |at: &usize| {
        let after = bytes.get(at + delimiter.len()..).unwrap_or_default();
        after.first().is_none_or(u8::is_ascii_whitespace) || after.starts_with(b"--")
    };
    let found = memmem::find_iter(bytes, delimiter.as_bytes());
    let delimiters: Vec<usize> =
        found.filter(begins_line).filter(is_whole).take(MAX_PARTS + 2).collect();
    if delimiters.len() > MAX_PARTS + 1 {
        return Err(error(&format!("it has over {MAX_PARTS} parts: request smaller pages")));
    }
    let after_last = delimiters.last().and_then(|at| bytes.get(at + delimiter.len()..));
    if !after_last.is_some_and(|after| after.starts_with(b"--")) {
        return Err(error("it ends before its last part is complete"));
    }
    let parts = delimiters.windows(2).filter_map(|pair| match pair {
        [from, to] => split_part(bytes.get(from + delimiter.len()..*to)?),
        _ => None,
    });
    let mut parts: Vec<(String, &[u8])> = parts.collect();
    let start = parameter(kind, "start");
    let is_start = |head: &str| start.is_some() && header(head, "content-id") == start;
    let at = parts.iter().position(|(head, _)| is_start(head)).unwrap_or(0);
    if at >= parts.len() {
        return Err(error("it has no part that can be read"));
    }
    let (head, main) = parts.swap_remove(at);
    let main = content(&head, main).map_err(|what| error(&format!("its main part {what}")))?;
    let mut files = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (head, file) in parts {
        let Some(id) = header(&head, "content-id") else { continue };
        let id = id.trim_matches(['<', '>']).to_owned();
        if !ids.insert(id.clone()) {
            return Err(error(&format!("two of its parts have the Content-ID {}", shown(&id))));
        }
        if let Ok(file) = content(&head, file) {
            files.insert(id, file);
        }
    }
    Ok(Parts { content_type: header(&head, "content-type"), main, files })
}

/// The id of a part in a message: a source may write anything into it.
fn shown(id: &str) -> String {
    let id: String = id.chars().take(MAX_SHOWN).collect();
    format!("`{}`", id.escape_debug())
}

/// Puts files in Base64 into the elements of XML that refer to them (XOP). Each is put into one place only: a
/// small body cannot become a large tree.
///
/// # Errors
/// An element refers to a file that is not there: its record would seem to have none.
pub(super) fn put_files(tree: &mut Value, files: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    put_new(tree, files, &mut BTreeSet::new())
}

fn put_new<'a>(
    tree: &mut Value,
    files: &'a BTreeMap<String, Vec<u8>>,
    used: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    match tree {
        Value::Array(list) => list.iter_mut().try_for_each(|value| put_new(value, files, used)),
        Value::Object(element) => {
            let address = element.get("Include").and_then(|include| include.get(0)?.get("@href"));
            let Some(href) = address.and_then(Value::as_str).filter(|href| is_file(href)) else {
                return element.values_mut().try_for_each(|value| put_new(value, files, used));
            };
            let id = percent_decode_str(href.get(FILE_SCHEME.len()..).unwrap_or_default());
            let Some((id, file)) = files.get_key_value(&*id.decode_utf8_lossy()) else {
                return Err(format!(
                    "the answer refers to a file {} that it does not contain, or that cannot be read",
                    shown(href)
                ));
            };
            if used.insert(id) {
                element.remove("Include");
                element.insert(TEXT_NAME.to_owned(), STANDARD.encode(file).into());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether an address is that of a part of the same body (RFC 2392).
fn is_file(href: &str) -> bool {
    href.get(..FILE_SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(FILE_SCHEME))
}

/// The content of a part, without the encoding in which it was sent.
fn content(head: &str, body: &[u8]) -> Result<Vec<u8>, &'static str> {
    let encoding = header(head, "content-transfer-encoding").unwrap_or_default().to_lowercase();
    match encoding.as_str() {
        "base64" => {
            let digits: Vec<u8> =
                body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(digits).map_err(|_| "is not valid Base64")
        }
        "" | "binary" | "8bit" | "7bit" => Ok(body.to_vec()),
        _ => Err("has a transfer encoding that is not supported"),
    }
}

/// The headers and the body of a part, without the line breaks around them.
fn split_part(part: &[u8]) -> Option<(String, &[u8])> {
    let (at, len) = match (memmem::find(part, b"\r\n\r\n"), memmem::find(part, b"\n\n")) {
        (Some(at), other) if other.is_none_or(|other| at < other) => (at, 4),
        (_, at) => (at?, 2),
    };
    let body = part.get(at + len..)?;
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    Some((String::from_utf8_lossy(part.get(..at)?).into_owned(), body))
}

/// The value of a header.
fn header(head: &str, name: &str) -> Option<String> {
    let unfolded = head.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let mut headers = unfolded.lines().filter_map(|line| line.split_once(':'));
    let found = headers.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}
