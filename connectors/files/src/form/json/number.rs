//! Numbers that a floating-point number would change stay text: they are keys and money.

use std::borrow::Cow;

/// Digits that always fit below 2^53.
const SAFE_DIGITS: usize = 15;

/// JSON text whose decimals and long integers are put in quotes.
pub(super) fn kept(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let (mut kept, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = text_end(bytes, at),
            b'-' | b'0'..=b'9' => {
                let rest = &bytes[at..];
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let end = at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let number = &json[at..end];
                let is_whole = !number.contains(['.', 'e', 'E']);
                if !is_whole || number.len() > SAFE_DIGITS {
                    kept.push_str(&json[copied..at]);
                    kept.extend(["\"", number, "\""]);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    kept.push_str(&json[copied..]);
    Cow::Owned(kept)
}

/// The place behind the text that begins at `at`.
fn text_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_long_keys_keep_their_digits() {
        for (json, expected) in [
            (r#"{"a":1,"b":[-7]}"#, r#"{"a":1,"b":[-7]}"#),
            (r#"{"a":0.10}"#, r#"{"a":"0.10"}"#),
            (r#"[9007199254740993,1e3]"#, r#"["9007199254740993","1e3"]"#),
            (r#"{"1.5":"2.5\"3.5","c":4.50}"#, r#"{"1.5":"2.5\"3.5","c":"4.50"}"#),
            (r#""unclosed\"#, r#""unclosed\"#),
        ] {
            assert_eq!(kept(json), expected);
        }
    }
}
