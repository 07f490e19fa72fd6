//! Splits the body of a request into records.
//!
//! A body may be compressed, and in any charset. This module only splits it into records; `record.rs`
//! parses them one by one, so that damage in one does not affect the others.

use std::io::Read as _;

use bytes::Bytes;
use document::{decode, elements};
use flate2::read::MultiGzDecoder;
use normalizer_text::Hints;

const UNKNOWN_ENCODING: &str =
    "the body is compressed in a way that is not supported: send it uncompressed or with gzip";
const TOO_LARGE: &str = "the unpacked body is larger than 8 MiB: send fewer records at once";

/// Splits the body of a request into records, as UTF-8: a single record, or the elements of an array.
/// Malformed bytes are unchanged.
///
/// # Errors
/// The body cannot be unpacked, is larger than `max_bytes`, or its brackets do not match.
pub(crate) fn split_records(
    bytes: &[u8],
    content_type: Option<&str>,
    encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Vec<Bytes>, String> {
    let unpacked = unpack(bytes, encoding, max_bytes)?;
    let bytes = unpacked.as_deref().unwrap_or(bytes);
    let hints = Hints { content_type, ..Hints::default() };
    let text = decode(bytes, &hints);
    let source_bytes = |element| Bytes::from(text.facts.findings.source_bytes(&text.text[element]));
    let elements =
        elements(&text.text).map_err(|error| format!("the body is not JSON: {error}"))?;
    Ok(elements.into_iter().map(source_bytes).collect())
}

/// Unpacks a body; `None` if it is not compressed.
fn unpack(
    bytes: &[u8],
    encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, String> {
    match encoding.map(str::trim) {
        None | Some("" | "identity") => return Ok(None),
        Some(name) if ["gzip", "x-gzip"].contains(&name.to_ascii_lowercase().as_str()) => {}
        Some(_) => return Err(UNKNOWN_ENCODING.to_owned()),
    }
    let mut unpacked = Vec::new();
    // Reading one byte more than allowed shows that the body is too large.
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut unpacked);
    read.map_err(|_| "the body is not valid gzip, although Content-Encoding says so".to_owned())?;
    if unpacked.len() > max_bytes {
        return Err(TOO_LARGE.to_owned());
    }
    Ok(Some(unpacked))
}

#[cfg(test)]
mod tests;
