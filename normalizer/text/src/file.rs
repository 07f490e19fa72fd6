//! Files that people edit: code tables and settings, as spreadsheets and editors save them.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_16BE, UTF_16LE};

/// The text of a file that somebody wrote by hand: UTF-8 with or without byte order mark, UTF-16
/// with one, else GB18030. `None` where it is none of them: nothing is guessed.
pub fn decode_file(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let strict = |charset: &'static Encoding, bytes| {
        charset.decode_without_bom_handling_and_without_replacement(bytes)
    };
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return std::str::from_utf8(rest).ok().map(Cow::Borrowed);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return strict(UTF_16LE, rest);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return strict(UTF_16BE, rest);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => strict(GB18030, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_spreadsheet_saves_a_file_gives_the_same_text() {
        let text = "raw,code\n咨询,consult\n";
        let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect();
        let (little, big): (Vec<u8>, Vec<u8>) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        let (gbk, _, _) = GB18030.encode(text);
        for bytes in [
            text.as_bytes(),
            &[b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            &[b"\xFF\xFE", little.as_slice()].concat(),
            &[b"\xFE\xFF", big.as_slice()].concat(),
            &gbk,
        ] {
            assert_eq!(decode_file(bytes).as_deref(), Some(text), "{bytes:?}");
        }
        assert_eq!(decode_file(b"raw\xFF,code"), None);
        assert_eq!(decode_file(b"\xFF\xFEa"), None);
    }
}
