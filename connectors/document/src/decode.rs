//! A body as text, with the malformed sequences in their places.

use std::collections::BTreeSet;

use contract::TextReport;
use normalizer_text::{Charset, Hints, decode_strict};
use serde_json::Value;

use crate::{
    malformed::{Malformed, Writer},
    texts::each_text,
};

/// A body as text.
#[derive(Debug)]
pub struct Text {
    /// The text, without a byte order mark. Malformed sequences are marked in it, see [`Malformed`].
    pub text: String,
    /// How it was found.
    pub report: TextReport,
    /// The sequences that are not in the charset.
    pub malformed: Malformed,
    /// Characters that stood in the private-use area and were put back, each once.
    pub put_back: Vec<char>,
}

/// The fields of a tree in which one of these characters stands.
pub fn fields_with(put_back: &[char], tree: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    if !put_back.is_empty() {
        each_text(tree, &mut |field, text| {
            if text.contains(put_back) {
                fields.push(field.to_owned());
            }
        });
    }
    fields
}

/// Decodes a body. Never fails: what is malformed is kept beside the text.
pub fn decode(bytes: &[u8], hints: &Hints<'_>) -> Text {
    let decoded = normalizer_text::decode(bytes, hints);
    let report = decoded.evidence.report();
    let moved =
        decoded.moved.iter().filter_map(|span| decoded.text.get(span.offset..)?.chars().next());
    let put_back: Vec<char> = moved.collect::<BTreeSet<char>>().into_iter().collect();
    if decoded.malformed.is_empty() {
        let text = decoded.text.into_owned();
        return Text { text, report, malformed: Malformed::default(), put_back };
    }
    let charset = decoded.evidence.charset;
    let mut writer = Writer::new(&decoded.text);
    let mut at = 0;
    for span in &decoded.malformed {
        // What stands between two malformed sequences decodes alone as it did with them.
        writer.text(&piece(&bytes[at..span.offset], charset, at));
        at = span.offset + span.len;
        writer.malformed(span.offset, &bytes[span.offset..at]);
    }
    writer.text(&piece(&bytes[at..], charset, at));
    let (text, malformed) = writer.finish();
    Text { text, report, malformed, put_back }
}

/// The text of bytes that begin at `offset`; a byte order mark is not text.
fn piece(bytes: &[u8], charset: Charset, offset: usize) -> String {
    let text = decode_strict(bytes, charset).text;
    match text.strip_prefix('\u{feff}') {
        Some(rest) if offset == 0 => rest.to_owned(),
        _ => text.into_owned(),
    }
}

/// Writes a text in a charset; `None` where it does not have all characters.
pub fn encode(text: &str, charset: Charset) -> Option<Vec<u8>> {
    let encoding = match charset {
        Charset::Utf8 => return Some(text.as_bytes().to_vec()),
        Charset::Gb18030 => encoding_rs::GB18030,
        other => encoding_rs::Encoding::for_label(other.name().as_bytes())?,
    };
    let (bytes, _, has_unmappable) = encoding.encode(text);
    (!has_unmappable).then(|| bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_bytes_are_marked_and_the_rest_is_as_it_was() {
        for (bytes, force, before, after) in [
            (&b"\xef\xbb\xbfa\xffb"[..], Charset::Utf8, "a", "b"),
            (b"\xc8\xba\xff\xd6\xda", Charset::Gb18030, "群", "众"),
        ] {
            let hints = Hints { force: Some(force), ..Hints::default() };
            let decoded = decode(bytes, &hints);
            assert!(decoded.text.starts_with(before) && decoded.text.ends_with(after));
            assert!(!decoded.text.contains('\u{fffd}') && !decoded.malformed.is_empty());
            let replaced = decoded.malformed.replaced(&decoded.text);
            assert_eq!(replaced, format!("{before}\u{fffd}{after}"));
        }
    }

    #[test]
    fn a_character_that_was_put_back_is_known_by_the_fields_it_is_in() {
        let decoded = decode("{\"xm\":\"李\u{e863}\",\"b\":\"李\"}".as_bytes(), &Hints::default());
        let tree = crate::json(&decoded.text).unwrap();
        assert_eq!(tree["xm"], "李䶮");
        assert_eq!(fields_with(&decoded.put_back, &tree), ["xm"]);
    }

    #[test]
    fn a_text_is_written_in_a_charset_or_not_at_all() {
        let gbk = b"\xc8\xba\xd6\xda\xcb\xdf\xc7\xf3";
        assert_eq!(encode("群众诉求", Charset::Gb18030).as_deref(), Some(&gbk[..]));
        assert_eq!(encode("𠮷", Charset::Gb18030).as_deref(), Some(&b"\x95\x34\xb2\x35"[..]));
        assert_eq!(encode("䶮", Charset::Windows1252), None);
    }
}
