//! The records in the body of a request.
//!
//! A body is read like the answer of a source: compressed or not, in any charset. Its records are
//! split here and parsed later, one by one: damage in one of them does not affect the others.

use std::io::Read as _;

use bytes::Bytes;
use document::{decode, elements};
use flate2::read::MultiGzDecoder;
use normalizer_text::Hints;

const UNKNOWN: &str =
    "the body is compressed in a way that is not supported: send it plain, or with gzip";
const TOO_LARGE: &str = "the body is above 8 MiB unpacked: send fewer records at once";

/// The body of a request, with its headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<'a> {
    /// As it arrived.
    pub(crate) bytes: &'a [u8],
    /// `Content-Type`.
    pub(crate) content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub(crate) encoding: Option<&'a str>,
}

impl Body<'_> {
    /// The records in it, as UTF-8: one, or those of an array. Malformed bytes stay as they are.
    ///
    /// # Errors
    /// It cannot be unpacked within `most_bytes`, or its brackets do not match.
    pub(crate) fn records(&self, most_bytes: usize) -> Result<Vec<Bytes>, String> {
        let unpacked = self.unpacked(most_bytes)?;
        let bytes = unpacked.as_deref().unwrap_or(self.bytes);
        let hints = Hints { content_type: self.content_type, ..Hints::default() };
        let text = decode(bytes, &hints);
        let source = |element| Bytes::from(text.facts.findings.source_of(&text.text[element]));
        let elements =
            elements(&text.text).map_err(|broken| format!("the body is not JSON: {broken}"))?;
        Ok(elements.into_iter().map(source).collect())
    }

    fn unpacked(&self, most_bytes: usize) -> Result<Option<Vec<u8>>, String> {
        match self.encoding.map(str::trim) {
            None | Some("" | "identity") => return Ok(None),
            Some(name) if ["gzip", "x-gzip"].contains(&name.to_ascii_lowercase().as_str()) => {}
            Some(_) => return Err(UNKNOWN.to_owned()),
        }
        let mut unpacked = Vec::new();
        // One byte more than allowed shows that there is more.
        let limit = u64::try_from(most_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let read = MultiGzDecoder::new(self.bytes).take(limit).read_to_end(&mut unpacked);
        read.map_err(|_| "the body is not the gzip that Content-Encoding says".to_owned())?;
        if unpacked.len() > most_bytes {
            return Err(TOO_LARGE.to_owned());
        }
        Ok(Some(unpacked))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8], encoding: Option<&str>) -> Result<Vec<String>, String> {
        let records = Body { bytes, content_type: None, encoding }.records(1_000)?;
        Ok(records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn one_record_or_an_array_of_them() {
        for (body, n_records) in [
            (r#" {"id":1} "#, Some(1)),
            (r#"[{"id":1},{"id":2}, 3]"#, Some(3)),
            ("[{\"id\":1},{\"id\":NaN},{\"a\":\"\t\"}]", Some(3)),
            ("[]", Some(0)),
            (r#""text""#, Some(1)),
            ("", None),
            (r#"{"id":1"#, None),
            ("id=1", None),
        ] {
            let records = read(body.as_bytes(), None);
            assert_eq!(records.ok().map(|records| records.len()), n_records, "{body:?}");
        }
    }

    #[test]
    fn a_body_is_read_in_any_charset_with_or_without_a_mark() {
        let gbk = b"[{\"id\":1,\"nr\":\"\xd0\xa1\xc7\xf8\xb5\xe7\xcc\xdd\xbb\xb5\xc1\xcb\"}]";
        let utf16: Vec<u8> = "\u{feff}[{\"id\":1,\"nr\":\"小区电梯坏了\"}]"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let utf8 = "\u{feff}[{\"id\":1,\"nr\":\"小区电梯坏了\"}]".as_bytes();
        for body in [&gbk[..], &utf16, utf8] {
            assert_eq!(read(body, None).unwrap(), ["{\"id\":1,\"nr\":\"小区电梯坏了\"}"]);
        }
    }

    #[test]
    fn a_packed_body_is_unpacked_within_the_limit() {
        let text = br#"[{"id":1},{"id":2}]"#;
        assert_eq!(read(&gzip(text), Some("gzip")).unwrap().len(), 2);
        let bomb = gzip(&vec![b' '; 10 << 20]);
        assert_eq!(read(&bomb, Some("GZIP")), Err(TOO_LARGE.to_owned()));
        for (body, encoding) in
            [(&text[..], "gzip"), (&text[..], "br"), (&gzip(text)[..20], "gzip")]
        {
            assert!(read(body, Some(encoding)).unwrap_err().contains("the body is "));
        }
    }
}
