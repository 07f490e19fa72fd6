//! Numbers that a float would change: integers above 2^53 and decimals are keys and money, and stay
//! the text they are written as.

use std::borrow::Cow;

/// Integers up to here are numbers everywhere.
const LARGEST: u64 = 1 << 53;

/// The same JSON with such numbers in quotes. `json` must be well-formed.
pub(super) fn spelled_out(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    let bytes = json.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| {
                        !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                    })
                    .map_or(bytes.len(), |length| at + length);
                let number = &json[at..end];
                if !is_plain(number) {
                    out.push_str(&json[kept..at]);
                    out.extend(["\"", number, "\""]);
                    kept = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[kept..]);
    Cow::Owned(out)
}

fn is_plain(number: &str) -> bool {
    number.parse::<i64>().is_ok_and(|number| number.unsigned_abs() <= LARGEST)
}

/// Behind the closing quote.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_and_broken_numbers_become_text() {
        for (json, expected) in [
            (r#"{"a":7,"b":-7}"#, r#"{"a":7,"b":-7}"#),
            (r#"[9007199254740992,9007199254740993]"#, r#"[9007199254740992,"9007199254740993"]"#),
            (r#"{"fee":12.50,"x":1e3}"#, r#"{"fee":"12.50","x":"1e3"}"#),
            (r#"110105194912310021"#, r#""110105194912310021""#),
            (r#"{"a\"1.5":"1.5\\","b":1.5}"#, r#"{"a\"1.5":"1.5\\","b":"1.5"}"#),
        ] {
            assert_eq!(spelled_out(json), expected);
        }
    }

    proptest! {
        #[test]
        fn texts_and_small_numbers_stay(texts: Vec<String>, numbers: Vec<i32>) {
            let json = serde_json::json!({ "texts": texts, "numbers": numbers }).to_string();
            prop_assert_eq!(spelled_out(&json), json.as_str());
        }
    }
}
