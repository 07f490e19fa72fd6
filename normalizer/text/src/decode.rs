//! Which charset a body or a file is in, by the first of these that says so: what the channel
//! forces, a byte order mark, valid UTF-8, the prolog of an XML document, the content type of HTTP,
//! what the channel declares, and at last statistics.
//!
//! Valid UTF-8 stands before every declaration, because text that is in something else is never
//! valid UTF-8 from beginning to end, and declarations are copied from one system to the next. For
//! the same reason a declaration of UTF-8 is passed over where the bytes are not UTF-8 and a later
//! step reads all of them. A conflict is recorded and is no error. What a document inside the
//! document declares is not asked: it is text already.

use contract::DecidedBy;

use crate::{
    Charset, Decoded, detect,
    evidence::{Claim, Evidence},
    strict,
};

/// What is known of the charset before the bytes are looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The channel says: this, whatever others say.
    pub force: Option<Charset>,
    /// The `Content-Type` of the answer, as it came.
    pub content_type: Option<&'a str>,
    /// The channel says: this, where nobody says otherwise.
    pub declared: Option<Charset>,
}

/// Decodes a body. ASCII and valid UTF-8 are not copied.
pub fn decode<'a>(bytes: &'a [u8], hints: &Hints<'_>) -> Decoded<'a> {
    let (evidence, bom) = evidence(bytes, hints);
    let mut decoded = strict::decode(&bytes[bom..], evidence, false);
    decoded.malformed.iter_mut().for_each(|span| span.offset += bom);
    decoded
}

/// The evidence, and the length of a byte order mark that is not text.
fn evidence(bytes: &[u8], hints: &Hints<'_>) -> (Evidence, usize) {
    let bom = byte_order_mark(bytes);
    let forced = hints.force.map(|charset| Claim::charset(DecidedBy::Forced, charset));
    let marked = bom.map(|(charset, _)| Claim::charset(DecidedBy::Bom, charset));
    let valid = is_multibyte_utf8(bytes).then(|| Claim::charset(DecidedBy::Utf8, Charset::Utf8));
    let prolog = xml_encoding(bytes).map(|label| Claim::label(DecidedBy::XmlProlog, &label));
    let header = hints.content_type.and_then(charset_parameter);
    let header = header.map(|label| Claim::label(DecidedBy::HttpHeader, label));
    let declared = hints.declared.map(|charset| Claim::charset(DecidedBy::Declared, charset));
    let claims = [forced, marked, valid, prolog, header, declared];
    let claims: Vec<Claim> = claims.into_iter().flatten().collect();

    let decided = claims.iter().enumerate().find_map(|(index, claim)| {
        let charset = claim.charset.filter(|charset| is_possible(claim.by, *charset, bytes))?;
        let is_refuted = charset == Charset::Utf8
            && matches!(
                claim.by,
                DecidedBy::XmlProlog | DecidedBy::HttpHeader | DecidedBy::Declared
            )
            && is_refuted(bytes, &claims[index + 1..]);
        (!is_refuted).then_some((charset, claim.by))
    });
    let (charset, decided_by, certain) = match decided {
        Some((charset, by)) => (charset, by, true),
        None => {
            let detected = detect(bytes);
            (detected.charset, DecidedBy::Detected, detected.certain)
        }
    };
    let bom = bom.filter(|(marked, _)| *marked == charset).map_or(0, |(_, len)| len);
    (Evidence { charset, decided_by, certain, claims }, bom)
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

fn is_multibyte_utf8(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok()
}

/// A declaration that could be read as ASCII is not in UTF-16.
fn is_possible(by: DecidedBy, charset: Charset, bytes: &[u8]) -> bool {
    charset.has_ascii() || by != DecidedBy::XmlProlog || bytes.starts_with(&[b'<', 0]) || {
        bytes.starts_with(&[0, b'<'])
    }
}

/// Whether bytes that are said to be UTF-8 are not, and a later step reads all of them.
fn is_refuted(bytes: &[u8], later: &[Claim]) -> bool {
    if std::str::from_utf8(bytes).is_ok() {
        return false;
    }
    let other =
        later.iter().filter_map(|claim| claim.charset).find(|other| *other != Charset::Utf8);
    let other = other.or_else(|| {
        let detected = detect(bytes);
        (detected.certain && detected.charset != Charset::Utf8).then_some(detected.charset)
    });
    other.is_some_and(|charset| {
        let evidence = Evidence::of(charset, DecidedBy::Detected);
        strict::decode(bytes, evidence, false).malformed.is_empty()
    })
}

/// The encoding that the prolog of an XML document names (XML 1.0, 4.3.3), in ASCII or in UTF-16.
fn xml_encoding(bytes: &[u8]) -> Option<String> {
    const FARTHEST: usize = 512;
    let head: String = bytes
        .iter()
        .take(FARTHEST)
        .filter(|byte| byte.is_ascii() && **byte != 0)
        .map(|byte| char::from(*byte))
        .collect();
    let prolog = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
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
