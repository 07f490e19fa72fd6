//! Opens the bodies of HTTP messages: what is packed, has several parts, or is another format than it says.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{
    bufread::GzDecoder,
    read::{DeflateDecoder, ZlibDecoder},
};
use memchr::memmem;
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{DocumentFormat, Text, decode};

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
/// Maximum number of characters of the title of a web page in a message.
const MAX_TITLE: usize = 60;

/// The body of an HTTP message.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its bytes, unpacked; of a body with several parts, those of the main part.
    bytes: Cow<'a, [u8]>,
    /// The content type of these bytes.
    content_type: Option<String>,
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
        match content_type {
            Some(kind) if media_type(kind).starts_with("multipart/") => {
                let (content_type, part) = main_part(&bytes, kind)?;
                Ok(Self { bytes: part.into(), content_type })
            }
            kind => Ok(Self { bytes, content_type: kind.map(str::to_owned) }),
        }
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

    /// Parses a text of this message, in its own format if `format` is `None`. If the document is one JSON
    /// string that is a document itself, as .NET services send it, that one is parsed.
    ///
    /// # Errors
    /// The text is not in this format, or is a web page.
    pub fn parse(&self, text: &mut Text, format: Option<DocumentFormat>) -> Result<Value, String> {
        if let Some(page) = web_page(&text.text) {
            return Err(page);
        }
        let tree = text.parse(format.unwrap_or_else(|| self.format(&text.text)))?;
        match &tree {
            Value::String(inner) if inner.trim_start().starts_with(['{', '[', '<']) => {
                let findings = &mut text.diagnostics.findings;
                let inner = findings.without_irregularities(inner);
                DocumentFormat::of(&inner).parse(&inner, findings)
            }
            _ => Ok(tree),
        }
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

/// Reads all that a decoder unpacks. Reading one byte more than allowed shows that the body is too large.
fn unpack(decoder: impl io::Read, name: &str, max_bytes: usize) -> Result<Vec<u8>, MessageError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.take(limit).read_to_end(&mut unpacked);
    if unpacked.len() > max_bytes {
        return Err(MessageError::TooLarge(max_bytes));
    }
    read.map_err(|_| format!("the body is damaged: it cannot be unpacked with {name}"))?;
    Ok(unpacked)
}

/// The main part of a multipart body (RFC 2387), with its content type. SOAP services send such bodies if
/// they attach files (MTOM); the other parts are the files.
fn main_part(bytes: &[u8], kind: &str) -> Result<(Option<String>, Vec<u8>), String> {
    let error = |what: &str| format!("the body is {}: {what}", media_type(kind));
    if !["multipart/related", "multipart/mixed"].contains(&media_type(kind).as_str()) {
        return Err(error("this kind of body with several parts is not supported"));
    }
    let boundary = parameter(kind, "boundary").ok_or_else(|| error("it names no boundary"))?;
    let delimiter = format!("--{boundary}");
    let begins_line = |at: &usize| *at == 0 || bytes.get(at.wrapping_sub(1)) == Some(&b'\n');
    let delimiters: Vec<usize> =
        memmem::find_iter(bytes, delimiter.as_bytes()).filter(begins_line).collect();
    let after_last = delimiters.last().and_then(|at| bytes.get(at + delimiter.len()..));
    if !after_last.is_some_and(|after| after.starts_with(b"--")) {
        return Err(error("it ends before its last part is complete"));
    }
    let parts = delimiters.windows(2).filter_map(|pair| match pair {
        [from, to] => split_part(bytes.get(from + delimiter.len()..*to)?),
        _ => None,
    });
    let parts: Vec<(String, &[u8])> = parts.collect();
    let start = parameter(kind, "start");
    let is_start = |head: &str| start.is_some() && header(head, "content-id") == start;
    let named = parts.iter().find(|(head, _)| is_start(head));
    let (head, body) =
        named.or(parts.first()).ok_or_else(|| error("it has no part that can be read"))?;
    let encoding = header(head, "content-transfer-encoding").unwrap_or_default().to_lowercase();
    let body = match encoding.as_str() {
        "base64" => {
            let digits: Vec<u8> =
                body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(digits).map_err(|_| error("its main part is not valid Base64"))?
        }
        "" | "binary" | "8bit" | "7bit" => body.to_vec(),
        _ => return Err(error("the transfer encoding of its main part is not supported")),
    };
    Ok((header(head, "content-type"), body))
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

/// A content type without its parameters, in lower case.
fn media_type(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The value of a parameter of a content type.
fn parameter(kind: &str, name: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
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
