//! Chooses the charset of a body or a file. The first of these decides: the charset forced by the
//! channel, a byte order mark, bytes that are certainly UTF-8 or UTF-16, the prolog of an XML
//! document, the content type of HTTP, the charset declared by the channel, and finally statistics.
//!
//! UTF-8 comes before every declaration: text in another charset is never valid UTF-8 from
//! beginning to end, and declarations are copied from one system to the next. UTF-8 with a few
//! malformed sequences is still UTF-8: a source may cut a column in the middle of a character. Only
//! where so few bytes decide that they may be UTF-8 by accident is the text compared with what is
//! declared. A declaration of UTF-8 is ignored if the bytes are not UTF-8 and a later step reads them better;
//! that of a content type also if the channel declares another charset.
//! A conflict is recorded and is not an error.

use std::borrow::Cow;

use contract::{DecidedBy, TextReport};

use crate::{Charset, Decoded, detect::Detector, foreign::utf32, strict};

/// What is known about the charset in advance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The channel forces this charset.
    pub force: Option<Charset>,
    /// The `Content-Type` of the answer, as received.
    pub content_type: Option<&'a str>,
    /// The channel declares this charset; other evidence may overrule it.
    pub declared: Option<Charset>,
}

/// The charset of a text, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The charset that decoded it.
    pub charset: Charset,
    /// Which step chose it.
    pub decided_by: DecidedBy,
    /// Whether it is certain. Only a detected charset can be uncertain: a short body may be valid in
    /// several charsets.
    pub is_certain: bool,
    /// The name of the encoding, if it is one that is not decoded, such as HZ or UTF-32.
    pub foreign: Option<&'static str>,
    /// The claims of all steps, including the one that decided; a step without evidence makes none.
    pub claims: Vec<Claim>,
}

/// The claim of one step about the charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The step that made it.
    pub by: DecidedBy,
    /// The label as it was written.
    pub label: Cow<'static, str>,
    /// What the label means; `None` if it is unknown.
    pub charset: Option<Charset>,
}

impl Evidence {
    pub(crate) fn of(charset: Charset, decided_by: DecidedBy) -> Self {
        Self { charset, decided_by, is_certain: true, foreign: None, claims: Vec::new() }
    }

    /// Whether a step claimed another charset, or an unknown one. That is not an error.
    pub fn has_conflict(&self) -> bool {
        self.claims.iter().any(|claim| claim.charset != Some(self.charset))
    }

    /// The report for a record, without flags.
    pub fn report(&self) -> TextReport {
        TextReport {
            charset: self.charset.name().into(),
            decided_by: self.decided_by,
            conflict: self.has_conflict(),
            flags: Vec::new(),
            is_unescaped: false,
        }
    }
}

impl Claim {
    pub(crate) fn charset(by: DecidedBy, charset: Charset) -> Self {
        Self { by, label: charset.name().into(), charset: Some(charset) }
    }

    pub(crate) fn label(by: DecidedBy, label: &str) -> Self {
        Self { by, label: label.to_owned().into(), charset: Charset::from_label(label) }
    }
}

/// Decodes a body. ASCII and valid UTF-8 are not copied.
pub fn decode<'a>(bytes: &'a [u8], hints: &Hints<'_>) -> Decoded<'a> {
    let (detector, text) = Detector::of(bytes);
    let (evidence, bom) = detector.evidence(hints);
    let rest = &bytes[bom..];
    // To check all bytes once more would take a third of the time.
    let text = if bom == 0 { text } else { std::str::from_utf8(rest).ok() };
    let mut decoded = strict::decode_checked(rest, text, evidence, false);
    decoded.malformed.iter_mut().for_each(|span| span.offset += bom);
    decoded
}

impl Detector {
    /// The charset of the bytes, and the length of the byte order mark to skip.
    pub fn evidence(&self, hints: &Hints<'_>) -> (Evidence, usize) {
        let bom = byte_order_mark(&self.head);
        let forced = hints.force.map(|charset| Claim::charset(DecidedBy::Forced, charset));
        let marked = bom.map(|(charset, _)| Claim::charset(DecidedBy::Bom, charset));
        let utf16 = self.utf16().map(|charset| Claim::charset(DecidedBy::Detected, charset));
        let prolog =
            xml_encoding(&self.head).map(|label| Claim::label(DecidedBy::XmlProlog, &label));
        let header = hints.content_type.and_then(charset_parameter);
        let header = header.map(|label| Claim::label(DecidedBy::HttpHeader, label));
        // Many servers say UTF-8 of everything, and what is UTF-8 is recognised by its bytes.
        let is_other_declared = hints.declared.is_some_and(|charset| charset != Charset::Utf8);
        let header =
            header.filter(|claim| !(is_other_declared && claim.charset == Some(Charset::Utf8)));
        let declared = hints.declared.map(|charset| Claim::charset(DecidedBy::Declared, charset));
        let is_rival = |charset: &Charset| *charset != Charset::Utf8 && charset.has_ascii();
        let rivals = [&prolog, &header, &declared].into_iter().flatten();
        let rivals: Vec<Charset> =
            rivals.filter_map(|claim| claim.charset).filter(is_rival).collect();
        let is_utf8 = self.is_nearly_utf8(&rivals);
        let utf8 = is_utf8.then(|| Claim::charset(DecidedBy::Utf8, Charset::Utf8));
        let claims = [forced, marked, utf8, utf16, prolog, header, declared];
        let claims: Vec<Claim> = claims.into_iter().flatten().collect();

        let decided = claims.iter().enumerate().find_map(|(index, claim)| {
            let charset = claim.charset.filter(|charset| self.is_possible(claim.by, *charset))?;
            let is_declaration = matches!(
                claim.by,
                DecidedBy::XmlProlog | DecidedBy::HttpHeader | DecidedBy::Declared
            );
            let is_refuted =
                is_declaration && charset == Charset::Utf8 && self.is_refuted(&claims[index + 1..]);
            (!is_refuted).then_some((charset, claim.by))
        });
        let (charset, decided_by, is_certain) = match decided {
            Some((charset, by)) => (charset, by, true),
            None => {
                let detected = self.detected();
                (detected.charset, DecidedBy::Detected, detected.is_certain)
            }
        };
        let bom = bom.filter(|(marked, _)| *marked == charset).map_or(0, |(_, len)| len);
        let seven_bit = || self.escapes.encoding().filter(|_| self.is_ascii());
        let foreign = utf32(&self.head).or_else(seven_bit);
        let foreign = foreign.filter(|_| decided_by != DecidedBy::Forced);
        (Evidence { charset, decided_by, is_certain, foreign, claims }, bom)
    }

    /// Whether the claim can be true: a text without zero bytes is not UTF-16, because every line end
    /// has one.
    fn is_possible(&self, by: DecidedBy, charset: Charset) -> bool {
        let is_wide = self.head.starts_with(&[b'<', 0]) || self.head.starts_with(&[0, b'<']);
        charset.has_ascii()
            || match by {
                DecidedBy::XmlProlog => is_wide,
                DecidedBy::HttpHeader | DecidedBy::Declared => self.has_nul,
                _ => true,
            }
    }

    /// Whether bytes declared as UTF-8 are not UTF-8 and a later step reads them better.
    fn is_refuted(&self, later: &[Claim]) -> bool {
        if self.is_ascii() {
            return false;
        }
        let other =
            later.iter().filter_map(|claim| claim.charset).find(|other| *other != Charset::Utf8);
        let other = other.or_else(|| {
            let detected = self.detected();
            // In Windows-1252 any bytes are text: they refute nothing.
            let refutes = !matches!(detected.charset, Charset::Utf8 | Charset::Windows1252);
            let is_certain = detected.is_certain && self.has_much_damage();
            (is_certain && refutes).then_some(detected.charset)
        });
        other.is_some_and(|other| self.n_malformed_in(other) < self.n_malformed_in(Charset::Utf8))
    }
}

fn byte_order_mark(bytes: &[u8]) -> Option<(Charset, usize)> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some((Charset::Utf8, 3)),
        [0xFF, 0xFE, ..] => Some((Charset::Utf16Le, 2)),
        [0xFE, 0xFF, ..] => Some((Charset::Utf16Be, 2)),
        // GB 18030 writes U+FEFF in four bytes.
        [0x84, 0x31, 0x95, 0x33, ..] => Some((Charset::Gb18030, 4)),
        _ => None,
    }
}

/// The encoding that the prolog of an XML document names (XML 1.0, 4.3.3), in ASCII or in UTF-16.
fn xml_encoding(bytes: &[u8]) -> Option<String> {
    let ascii = bytes.iter().filter(|byte| byte.is_ascii() && **byte != 0);
    let ascii = ascii.map(|byte| char::from(*byte)).skip_while(char::is_ascii_whitespace);
    // Most bodies are not XML: they need no copy.
    if !ascii.clone().take(5).eq("<?xml".chars()) {
        return None;
    }
    let prolog: String = ascii.take_while(|c| *c != '>').collect();
    let value = prolog.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next().map(|label| label.trim().to_owned())
}

/// The `charset` of a content type (RFC 9110, 8.3.2).
fn charset_parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// The text of a file that people edit, such as a code table or settings: UTF-8 with or without
/// byte order mark, UTF-16 with one, otherwise GB18030. `None` if the bytes are not valid in that
/// charset.
pub fn decode_file(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let (charset, bom) = byte_order_mark(bytes).unwrap_or(match std::str::from_utf8(bytes) {
        Ok(_) => (Charset::Utf8, 0),
        Err(_) => (Charset::Gb18030, 0),
    });
    charset.encoding().decode_without_bom_handling_and_without_replacement(&bytes[bom..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_spreadsheet_saves_a_file_gives_the_same_text() {
        let text = "raw,code\n咨询,consult\n";
        let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect();
        let (little, big): (Vec<u8>, Vec<u8>) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        let (gbk, _, _) = encoding_rs::GB18030.encode(text);
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
