//! Opens the bodies of HTTP messages: what is packed, has several parts, or is another format than it says.

mod parts;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{self, Read as _},
};

use flate2::{
    bufread::GzDecoder,
    read::{DeflateDecoder, ZlibDecoder},
};
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{DocumentFormat, Layout, Text, csv::parse as parse_csv, decode};

/// How often a body may be compressed: some servers and proxies do it twice.
const MAX_LAYERS: usize = 3;
const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
/// Content types of JSON values on lines.
const LINE_TYPES: [&str; 6] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
    "application/json-seq",
];
/// Documents that are no text, by their first bytes.
const BINARY: [(&[u8], &str); 3] = [
    (b"PK\x03\x04", "a zip archive or a workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook (.xls)"),
    (b"%PDF-", "a PDF document"),
];
/// Maximum number of characters of the title of a web page in a message.
const MAX_TITLE: usize = 60;

/// The body of an HTTP message.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its bytes, unpacked; of a body with several parts, those of the main part.
    bytes: Cow<'a, [u8]>,
    /// The content type of these bytes.
    content_type: Option<String>,
    /// The other parts of the body by their `Content-ID`: files, to which the main part refers.
    files: BTreeMap<String, Vec<u8>>,
    /// Whether the body has several parts.
    has_parts: bool,
}

impl<'a> Message<'a> {
    /// Opens a body. Gzip is recognised by its bytes, because some servers do not declare it. `encoding` is
    /// the header `Content-Encoding`.
    ///
    /// # Errors
    /// The unpacked body is larger than `max_bytes`, or it cannot be unpacked.
    pub fn open(
        bytes: &'a [u8],
        content_type: Option<&str>,
        encoding: Option<&str>,
        max_bytes: usize,
    ) -> Result<Self, MessageError> {
        let encoding = encoding.unwrap_or_default().trim().to_ascii_lowercase();
        let mut bytes = Cow::Borrowed(bytes);
        match encoding.as_str() {
            _ if bytes.starts_with(GZIP_MAGIC) => {}
            "" | "identity" => {}
            "deflate" => {
                let unpacked = match unpack(ZlibDecoder::new(&*bytes), "deflate", max_bytes) {
                    // Some servers leave out the head of zlib.
                    Err(MessageError::Unreadable(_)) => {
                        unpack(DeflateDecoder::new(&*bytes), "deflate", max_bytes)
                    }
                    unpacked => unpacked,
                };
                bytes = unpacked?.into();
            }
            "gzip" | "x-gzip" => {
                let what = "the body is not gzip, although Content-Encoding says so";
                return Err(what.to_owned().into());
            }
            other => {
                let what = format!("the body is packed with {other}, which is not supported");
                return Err(what.into());
            }
        }
        for _ in 0..MAX_LAYERS {
            if bytes.starts_with(GZIP_MAGIC) {
                bytes = gunzip(&bytes, max_bytes)?.into();
            }
        }
        if let Some((_, what)) = BINARY.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Err(format!(
                "the body is {what}, which is not read here: ask for JSON, XML or CSV, or have it put into a \
                 folder that the connector `files` reads"
            )
            .into());
        }
        match content_type {
            Some(kind) if media_type(kind).starts_with("multipart/") => {
                let parts::Parts { content_type, main, files } = parts::split(&bytes, kind)?;
                Ok(Self { bytes: main.into(), content_type, files, has_parts: true })
            }
            kind => {
                let files = BTreeMap::new();
                Ok(Self { bytes, content_type: kind.map(str::to_owned), files, has_parts: false })
            }
        }
    }

    /// About how much memory the files of a body with several parts take: as they came, as they are, and in Base64 in
    /// the tree.
    pub fn file_bytes(&self) -> usize {
        self.files.values().map(|file| file.len().div_ceil(3) * 4 + 2 * file.len()).sum()
    }

    /// Decodes the text. A content type that says UTF-8 does not count if the channel declares another
    /// charset: many servers say so of everything, and what is UTF-8 is recognised by its bytes.
    pub fn decode(&self, hints: &Hints<'_>) -> Text {
        let says_utf8 = |kind: &&str| {
            let charset = parameter(kind, "charset").and_then(|label| Charset::from_label(&label));
            charset == Some(Charset::Utf8)
        };
        let is_declared = hints.declared.is_some_and(|declared| declared != Charset::Utf8);
        let content_type = self.content_type.as_deref();
        let content_type = content_type.filter(|kind| !(is_declared && says_utf8(kind)));
        decode(&self.bytes, &Hints { content_type, ..*hints })
    }

    /// The format of the text: what the content type says about lines of JSON, else what the text looks like.
    pub fn format(&self, text: &str) -> DocumentFormat {
        let kind = self.content_type.as_deref().map(media_type).unwrap_or_default();
        if LINE_TYPES.contains(&kind.as_str()) {
            DocumentFormat::JsonLines
        } else {
            DocumentFormat::of(text)
        }
    }

    /// Whether its elements may stand for files, which the body must then contain.
    fn may_refer_to_files(&self) -> bool {
        let kind = self.content_type.as_deref().map(media_type);
        self.has_parts || kind.is_some_and(|kind| kind == "application/xop+xml")
    }

    /// Whether the content type says that this is CSV.
    pub fn is_csv(&self) -> bool {
        let kind = self.content_type.as_deref().map(media_type);
        kind.is_some_and(|kind| ["text/csv", "text/tab-separated-values"].contains(&kind.as_str()))
    }

    /// Parses a text of this message, in its own format if `format` is `None`. JSON may be the argument of a
    /// call (JSONP). If the document is one JSON string that is a document itself, as .NET services send it, that
    /// one is parsed. Files beside XML stand in Base64 where it refers to them (XOP).
    ///
    /// # Errors
    /// The text is not in this format, or is a web page, or refers to a file that the body does not contain.
    pub fn parse(&self, text: &mut Text, format: Option<DocumentFormat>) -> Result<Value, String> {
        if let Some(page) = web_page(&text.text) {
            return Err(page);
        }
        let format = match format.unwrap_or_else(|| self.format(&text.text)) {
            // As a failure is reported: not each of its lines is a broken record.
            DocumentFormat::JsonLines if text.text.trim_start().starts_with('<') => {
                DocumentFormat::Xml
            }
            format => format,
        };
        let findings = &mut text.diagnostics.findings;
        let mut tree = match argument(&text.text).filter(|_| format == DocumentFormat::Json) {
            Some(json) => format.parse(json, findings)?,
            None => format.parse(&text.text, findings)?,
        };
        if self.may_refer_to_files() {
            parts::put_files(&mut tree, &self.files)?;
        }
        match &tree {
            Value::String(inner) if inner.trim_start().starts_with(['{', '[', '<']) => {
                let inner = findings.without_irregularities(inner);
                DocumentFormat::of(&inner).parse(&inner, findings)
            }
            _ => Ok(tree),
        }
    }

    /// Parses a CSV text of this message. If it is a whole document in another format, such as one that reports
    /// a failure, that one is parsed.
    ///
    /// # Errors
    /// The text has no header, or is a web page.
    pub fn parse_csv(&self, text: &mut Text, layout: &Layout) -> Result<Value, String> {
        if let Some(page) = web_page(&text.text) {
            return Err(page);
        }
        if text.text.trim_start().starts_with(['{', '[', '<']) {
            let mut findings = text.diagnostics.findings.clone();
            let tree = DocumentFormat::of(&text.text).parse(&text.text, &mut findings);
            if let Ok(tree) = tree {
                text.diagnostics.findings = findings;
                return Ok(tree);
            }
        }
        parse_csv(&text.text, layout, &mut text.diagnostics.findings)
    }
}

/// Why a body cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageError {
    /// The unpacked body is larger than this number of bytes.
    TooLarge(usize),
    /// It is packed in a way that is not supported, it is damaged, or a part of it is missing.
    Unreadable(String),
}

impl From<String> for MessageError {
    fn from(what: String) -> Self {
        Self::Unreadable(what)
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(max) => write!(f, "the unpacked body is larger than {max} bytes"),
            Self::Unreadable(what) => f.write_str(what),
        }
    }
}

/// Unpacks gzip, with all of its members: some servers pack what they send in pieces.
///
/// # Errors
/// The unpacked body is larger than `max_bytes`, or it cannot be unpacked.
pub fn gunzip(bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, MessageError> {
    let (mut rest, mut unpacked) = (bytes, Vec::new());
    loop {
        let mut member = GzDecoder::new(rest);
        let room = max_bytes - unpacked.len();
        unpacked.extend(unpack(&mut member, "gzip", room).map_err(|error| match error {
            MessageError::TooLarge(_) => MessageError::TooLarge(max_bytes),
            error => error,
        })?);
        rest = member.into_inner();
        // As `gzip -d` does: some servers fill up what they send with zero bytes.
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(unpacked);
        }
    }
}

/// Reads all that a decoder unpacks; `name` is what it decodes. Reading one byte more than allowed shows that the body
/// is too large.
///
/// # Errors
/// The unpacked body is larger than `max_bytes`, or it cannot be unpacked.
pub fn unpack(
    decoder: impl io::Read,
    name: &str,
    max_bytes: usize,
) -> Result<Vec<u8>, MessageError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.take(limit).read_to_end(&mut unpacked);
    if unpacked.len() > max_bytes {
        return Err(MessageError::TooLarge(max_bytes));
    }
    read.map_err(|_| format!("the body is damaged: it cannot be unpacked with {name}"))?;
    Ok(unpacked)
}

/// A content type without its parameters, in lower case.
fn media_type(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The value of a parameter of a content type.
pub fn parameter(kind: &str, name: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

/// The argument of a call like `callback({…});` (JSONP); `None` if the text is no call with a list or an object.
fn argument(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with(['{', '[', '"']) {
        return None;
    }
    // Before the call, some servers write a comment, and whether there is such a function.
    let text = match text.strip_prefix("/*") {
        Some(comment) => comment.split_once("*/")?.1,
        None => text,
    };
    let (head, rest) = text.split_once('(')?;
    let head = head.trim();
    let name = match head.rsplit_once("&&") {
        Some((check, name)) if check.starts_with("typeof ") => name.trim(),
        Some(_) => return None,
        None => head,
    };
    let is_part = |c: char| c.is_alphanumeric() || "_-$.[]'\"".contains(c);
    let is_name = !name.is_empty() && name.chars().all(is_part);
    let argument = rest.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let argument = argument.strip_suffix(')')?.trim();
    (is_name && argument.starts_with(['{', '['])).then_some(argument)
}

/// What to say if the text is a web page; `None` if it is something else.
fn web_page(text: &str) -> Option<String> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    for (begin, end) in [("<?xml", "?>"), ("<!--", "-->")] {
        if rest.starts_with(begin) {
            rest = rest.split_once(end).map_or("", |(_, after)| after).trim_start();
        }
    }
    let begins_with = |tag: &str| {
        rest.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag))
            && !rest.get(tag.len()..).is_some_and(|after| after.starts_with(char::is_alphanumeric))
    };
    if !begins_with("<!doctype html") && !begins_with("<html") {
        return None;
    }
    // Lower case in ASCII leaves every offset as it is.
    let page = rest.to_ascii_lowercase();
    let title = page.find("<title").and_then(|tag| {
        let from = tag + page.get(tag..)?.find('>')? + 1;
        rest.get(from..from + page.get(from..)?.find("</title")?)
    });
    let title: String = title.unwrap_or_default().trim().chars().take(MAX_TITLE).collect();
    let titled = if title.is_empty() { title } else { format!(" with the title \"{title}\"") };
    let is_login = ["type=\"password\"", "type='password'", "type=password"]
        .iter()
        .chain(&["登录", "登陆", "login", "log in", "sign in", "signin"])
        .any(|sign| page.contains(sign));
    let login = if is_login { ", probably a login page: the session may have ended" } else { "" };
    Some(format!("it is an HTML page{titled}{login}"))
}

#[cfg(test)]
mod tests;
