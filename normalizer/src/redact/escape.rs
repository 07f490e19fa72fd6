//! Reads the escapes of links, programs, mails and markup: `%E7%8E%8B`, `\u738b` and `&#29579;` are 王.

use encoding_rs::GBK;

/// The characters of a text and their offsets. An escape is one character, and so is a tag: a line may break
/// within a value.
pub(super) fn characters(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let (c, len) =
            tag_len(rest).map_or_else(|| first_character(rest), |len| Some((' ', len)))?;
        at += len;
        Some((at - len, c))
    })
}

/// The first character and its length in the text. An escape is one character.
pub(crate) fn first_character(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    let escaped = match c {
        // A link within a link is escaped twice.
        '%' => octets(text, "%25").or_else(|| octets(text, "%")).or_else(|| code_unit(text, "%u")),
        '\\' => code_unit(text, "\\u").or_else(|| octets(text, "\\x")).or_else(|| blank(text)),
        // Mails escape only what is not ASCII. `tel=13` is no escape.
        '=' => octets(text, "=").filter(|(c, _)| !c.is_ascii()),
        '&' => reference(text),
        _ => None,
    };
    // An escaped control character is rather a percentage: 5%13.
    let escaped = escaped.filter(|(c, _)| !c.is_control() || matches!(c, '\n' | '\r'));
    Some(escaped.unwrap_or((c, c.len_utf8())))
}

/// The character of `%E7%8E%8B` (RFC 3986, 2.1), or of `%CD%F5` in GBK, as old systems write it.
fn octets(text: &str, prefix: &str) -> Option<(char, usize)> {
    let mut octets = [0; 4];
    let (mut n_read, mut rest) = (0, text);
    for octet in &mut octets {
        let Some(digits) = rest.strip_prefix(prefix).and_then(|rest| rest.get(..2)) else { break };
        let Some(Ok(value)) = number(digits, 16).map(u8::try_from) else { break };
        (*octet, rest) = (value, &rest[prefix.len() + 2..]);
        n_read += 1;
    }
    let octets = &octets[..n_read];
    let utf8 = |n: usize| std::str::from_utf8(octets.get(..n)?).ok()?.chars().next().zip(Some(n));
    let gbk = || {
        let decoded = GBK.decode_without_bom_handling_and_without_replacement(octets.get(..2)?)?;
        decoded.chars().next().zip(Some(2))
    };
    let (c, n) = match *octets.first()? {
        ..0x80 => utf8(1),
        0xE0..0xF0 => utf8(3).or_else(gbk),
        0xF0.. => utf8(4).or_else(gbk),
        // Arabic letters, as in Uyghur names. Other pairs of octets are rather GBK.
        0xD8..0xDC => utf8(2).or_else(gbk),
        _ => gbk().or_else(|| utf8(2)),
    }?;
    Some((c, n * (prefix.len() + 2)))
}

/// The character of `\u738b` (JSON) or `%u738b` (`escape` of JavaScript).
fn code_unit(text: &str, prefix: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix(prefix)?.get(..4)?;
    Some((char::from_u32(number(digits, 16)?)?, 6))
}

/// The line end or tab of `\n`, `\r` and `\t`.
fn blank(text: &str) -> Option<(char, usize)> {
    ["\\n", "\\r", "\\t"].into_iter().any(|escape| text.starts_with(escape)).then_some((' ', 2))
}

/// The character of `&#29579;` or `&#x738b;`. One with a name, such as `&nbsp;`, is a sign or blank.
fn reference(text: &str) -> Option<(char, usize)> {
    const MAX_BYTES: usize = 8;
    let rest = text.strip_prefix('&')?;
    let end = rest.bytes().take(MAX_BYTES + 1).position(|byte| byte == b';')?;
    let c = match rest[..end].strip_prefix('#') {
        Some(code) => char::from_u32(match code.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16)?,
            None => number(code, 10)?,
        })?,
        None => (end > 0 && rest[..end].bytes().all(|b| b.is_ascii_lowercase())).then_some(' ')?,
    };
    Some((c, end + 2))
}

/// The number that these digits mean; a sign is no digit. There are too few digits for an overflow.
fn number(digits: &str, radix: u32) -> Option<u32> {
    digits.chars().try_fold(0, |number, c| Some(number * radix + c.to_digit(radix)?))
}

/// The length of a tag at the start that has no attributes: these may hold values. `None` if it is none of HTML.
fn tag_len(text: &str) -> Option<usize> {
    const MAX_BYTES: usize = 10;
    const NAMES: [&str; 14] = [
        "b", "br", "div", "em", "font", "i", "mark", "p", "span", "strong", "sub", "sup", "u",
        "wbr",
    ];
    let rest = text.strip_prefix('<')?;
    let end = rest.bytes().take(MAX_BYTES).position(|byte| byte == b'>')?;
    let name = rest[..end].trim_start_matches('/').trim_end_matches('/').trim_end();
    NAMES.contains(&name).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_one_character() {
        for (text, decoded) in [
            ("%E7%8E%8B小\\u660e&#49;&#x32;%2D3", "王小明12-3"),
            ("%CD%F5%D0%A1%C3%F7, %B3%C2, %AD%8F", "王小明, 陈, 瓘"),
            ("%D8%A6%DB%87", "ئۇ"),
            ("%25E7%258E%258B %2531", "王 1"),
            ("%u738b%u0031", "王1"),
            ("\\xe7\\x8e\\x8b\\x31", "王1"),
            ("=E7=8E=8B tel=13900001111", "王 tel=13900001111"),
            ("a&nbsp;b\\nc\\td&lt;%0Ae", "a b c d \ne"),
            ("王<br/>小<b>明</b>", "王 小 明 "),
            ("<a href='王'><Wang><>", "<a href='王'><Wang><>"),
            (
                "5%13, 50%和 %E7% %CD \\u12 \\x &#; &; &a1;",
                "5%13, 50%和 %E7% %CD \\u12 \\x &#; &; &a1;",
            ),
            ("&#x11111111; &#99999999;", "&#x11111111; &#99999999;"),
        ] {
            assert_eq!(characters(text).map(|(_, c)| c).collect::<String>(), decoded, "{text}");
        }
    }
}
