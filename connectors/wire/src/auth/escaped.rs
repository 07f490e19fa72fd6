//! Finds secrets that are written in another way than requests carry them: who repeats a request may escape more of it,
//! write it in hexadecimal digits, or encode it together with what stands around it.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use crate::secrets::MIN_VALUE;

/// Minimum length of the middle of a text in Base64 that is recognised: a shorter one may be anything.
const MIN_MIDDLE: usize = 8;
/// How often an escape may be escaped itself, like `%25252D`.
const MAX_ESCAPES: usize = 3;

/// Forms of a secret besides those in which requests carry it: in hexadecimal digits, and in Base64 within a longer
/// text.
pub(super) fn forms(secret: &str) -> Vec<String> {
    if secret.len() < MIN_VALUE {
        return Vec::new();
    }
    let mut forms = vec![hex::encode(secret), hex::encode_upper(secret)];
    for n_before in 0..3 {
        let middle = middle(secret, n_before);
        if middle.len() >= MIN_MIDDLE {
            forms.push(middle.replace('+', "-").replace('/', "_"));
            forms.push(middle);
        }
    }
    forms
}

/// The characters of Base64 that a secret alone decides if so many bytes stand before it, and any number behind it.
fn middle(secret: &str, n_before: usize) -> String {
    let mut bytes = vec![0; n_before];
    bytes.extend(secret.as_bytes());
    // Each character stands for 6 bits: those at both ends may share them with other bytes.
    let (first, end) = ((n_before * 8).div_ceil(6), bytes.len() * 8 / 6);
    STANDARD_NO_PAD.encode(bytes).get(first..end).unwrap_or_default().to_owned()
}

/// A text with `…` in the place of secrets with escaped characters: percent-encoded in any case of the digits and more
/// than needed, like `%2d`, or escaped as in JSON, like `\/` and `\u002d`.
pub(super) fn hide(text: &str, secrets: &[String]) -> String {
    if !text.contains(['%', '\\', '+']) {
        return text.to_owned();
    }
    let mut secrets: Vec<&String> =
        secrets.iter().filter(|secret| secret.len() >= MIN_VALUE).collect();
    // The longest come first: another may be a part of it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().fold(text.to_owned(), |text, secret| hide_one(&text, secret.as_bytes()))
}

fn hide_one(text: &str, secret: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let found = after_secret(rest.as_bytes(), secret).map(|after| rest.len() - after.len());
        let behind = found.and_then(|end| rest.get(end..));
        match behind {
            Some(_) => shown.push('…'),
            None => shown.push(c),
        }
        rest = behind.unwrap_or_else(|| rest.get(c.len_utf8()..).unwrap_or_default());
    }
    shown
}

/// What follows the secret with which a text begins.
fn after_secret<'a>(text: &'a [u8], secret: &[u8]) -> Option<&'a [u8]> {
    secret.iter().try_fold(text, |rest, byte| after_byte(rest, *byte))
}

/// What follows a byte of a secret, which may be escaped.
fn after_byte(text: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, after) = text.split_first()?;
    let escaped = match first {
        b'%' => after_percent(after, byte),
        b'\\' => after_backslash(after, byte),
        b'+' if byte == b' ' => Some(after),
        _ => None,
    };
    escaped.or_else(|| (*first == byte).then_some(after))
}

/// What follows the digits of a percent-encoded byte.
fn after_percent(digits: &[u8], byte: u8) -> Option<&[u8]> {
    let mut digits = digits;
    for _ in 0..MAX_ESCAPES {
        let (own, after) = digits.split_at_checked(2)?;
        if is_hex_of(own, byte) {
            return Some(after);
        }
        digits = digits.strip_prefix(b"25")?;
    }
    None
}

/// What follows a byte that is escaped as in JSON, which may stand in a text of JSON itself.
fn after_backslash(text: &[u8], byte: u8) -> Option<&[u8]> {
    let mut text = text;
    for _ in 1..MAX_ESCAPES {
        text = text.strip_prefix(b"\\").filter(|_| byte != b'\\').unwrap_or(text);
    }
    match text.split_first()? {
        (b'u', digits) => {
            let (digits, after) = digits.strip_prefix(b"00")?.split_at_checked(2)?;
            (byte.is_ascii() && is_hex_of(digits, byte)).then_some(after)
        }
        (b'/', after) => (byte == b'/').then_some(after),
        (b'"', after) => (byte == b'"').then_some(after),
        (b'\\', after) => (byte == b'\\').then_some(after),
        _ => None,
    }
}

fn is_hex_of(digits: &[u8], byte: u8) -> bool {
    hex::encode([byte]).as_bytes().eq_ignore_ascii_case(digits)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use crate::auth::hide_forms;

    fn hidden(text: &str) -> String {
        hide_forms(text, vec!["TOKEN-33/3 x".to_owned()])
    }

    #[test]
    fn secrets_are_hidden_however_they_are_escaped() {
        for written in [
            "TOKEN-33/3 x",
            "TOKEN-33/3+x",
            "TOKEN%2D33%2f3%20x",
            "%54%4f%4B%45%4e-33/3%20x",
            "TOKEN%252D33%25252f3%2520x",
            r"TOKEN-33\/3 x",
            r"TOKEN-33\\/3 x",
            r"TOKEN\u002d33\u002F3 x",
            "544f4b454e2d33332f332078",
            "544F4B454E2D33332F332078",
        ] {
            assert_eq!(hidden(&format!("a={written}&b%")), "a=…&b%", "{written}");
        }
        for other in
            ["TOKEN%2E33/3 x", "TOKEN%2", "%", r"TOKEN\u12", "令牌%2D+", "TOKEN%25252525252D33"]
        {
            assert_eq!(hidden(other), other);
        }
    }

    /// `TOKEN` in Base64 behind 0, 1 and 2 bytes.
    const MIDDLES: [&str; 3] = ["VE9LRU", "RPS0VO", "UT0tFT"];

    #[test]
    fn secrets_are_hidden_in_base64_wherever_they_stand_in_a_text() {
        for text in ["TOKEN-33/3 x", "u:TOKEN-33/3 x", "us:TOKEN-33/3 x;", "use:TOKEN-33/3 x;;"] {
            let encoded = STANDARD.encode(text);
            for written in [encoded.clone(), encoded.replace('/', "_").replace('+', "-")] {
                let shown = hidden(&format!("Basic {written}."));
                assert!(
                    shown.contains('…') && !MIDDLES.iter().any(|middle| shown.contains(middle)),
                    "{text}: {shown}"
                );
                assert!(shown.len() < "Basic .".len() + 20, "{text}: {shown}");
            }
        }
    }

    #[test]
    fn short_values_are_left() {
        assert_eq!(hide_forms("a%2db 612d62", vec!["a-b".to_owned()]), "a%2db 612d62");
    }
}
