//! The records in the body of a request.
//!
//! A body is read like the answer of a source: compressed or not, in any charset. Its records are
//! split here and parsed later, one by one: damage in one of them does not affect the others.

use std::io::Read as _;

use bytes::Bytes;
use document::{decode, elements};
use flate2::read::MultiGzDecoder;
use normalizer_text::Hints;

const UNKNOWN_ENCODING: &str =
    "the body is compressed in a way that is not supported: send it plain, or with gzip";
const TOO_LARGE: &str = "the body is above 8 MiB unpacked: send fewer records at once";

/// The records in the body of a request, as UTF-8: one, or those of an array. Malformed bytes stay
/// as they are.
///
/// # Errors
/// It cannot be unpacked within `max_bytes`, or its brackets do not match.
pub(crate) fn records(
    bytes: &[u8],
    content_type: Option<&str>,
    encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Vec<Bytes>, String> {
    let unpacked = unpack(bytes, encoding, max_bytes)?;
    let bytes = unpacked.as_deref().unwrap_or(bytes);
    let hints = Hints { content_type, ..Hints::default() };
    let text = decode(bytes, &hints);
    let source = |element| Bytes::from(text.facts.findings.source_bytes(&text.text[element]));
    let elements =
        elements(&text.text).map_err(|error| format!("the body is not JSON: {error}"))?;
    Ok(elements.into_iter().map(source).collect())
}

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
    // One byte more than allowed shows that there is more.
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut unpacked);
    read.map_err(|_| "the body is not the gzip that Content-Encoding says".to_owned())?;
    if unpacked.len() > max_bytes {
        return Err(TOO_LARGE.to_owned());
    }
    Ok(Some(unpacked))
}

#[cfg(test)]
mod tests;
