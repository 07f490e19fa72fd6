//! JSON, strict about structure and exact about numbers.
//!
//! The usual parsers read `12.50` as a float and forget the zero, and refuse a whole page for half
//! an emoji in one text. Integers above 2^53 and all decimals stay text here, because they are keys
//! and money; what is wrong within a text stays within that text. There is no recursion: a document
//! of a million brackets ends at the depth limit, not at the end of the stack.

use serde_json::{Map, Value};

use crate::tree::{Broken, MAX_DEPTH, MAX_NODES};

/// The greatest integer up to which every one is a number of its own for every reader.
const EXACT: u64 = 1 << 53;
/// Room for the names of the first object.
const FIELDS: usize = 16;
/// Room for the names of any: nested objects that are never full must cost little.
const MOST_FIELDS: usize = 64;

/// Makes a tree of a JSON text. The last of equal names in an object counts.
///
/// # Errors
/// It is no JSON, or it is too deep or too large.
pub fn parse(text: &str) -> Result<Value, Broken> {
    let mut reader = Reader { text, at: 0, n_nodes: 0, usual: FIELDS };
    reader.at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut open: Vec<Open> = Vec::new();
    loop {
        // A value begins here.
        reader.blanks();
        let mut value = match reader.next_byte() {
            Some(b'{') => {
                reader.blanks();
                if reader.takes(b'}') {
                    Value::Object(Map::new())
                } else {
                    reader.check_depth(&open)?;
                    open.push(Open::Object(Map::with_capacity(reader.usual), reader.name()?));
                    continue;
                }
            }
            Some(b'[') => {
                reader.blanks();
                if reader.takes(b']') {
                    Value::Array(Vec::new())
                } else {
                    reader.check_depth(&open)?;
                    open.push(Open::Array(Vec::new()));
                    continue;
                }
            }
            Some(b'"') => Value::String(reader.string()?),
            Some(b'-' | b'0'..=b'9') => reader.number()?,
            Some(b't') => reader.word("true", Value::Bool(true))?,
            Some(b'f') => reader.word("false", Value::Bool(false))?,
            Some(b'n') => reader.word("null", Value::Null)?,
            Some(_) => return Err(Broken::at("no JSON value begins", reader.at - 1)),
            None => return Err(Broken::new("the JSON text ends too early")),
        };
        // It ends here, and perhaps what is around it.
        loop {
            reader.count()?;
            reader.blanks();
            value = match open.last_mut() {
                None => return reader.end(value),
                Some(Open::Array(list)) => {
                    list.push(value);
                    match reader.next_byte() {
                        Some(b',') => break,
                        Some(b']') => Value::Array(std::mem::take(list)),
                        _ => return Err(reader.wrong("`,` or `]` is missing")),
                    }
                }
                Some(Open::Object(object, name)) => {
                    object.insert(std::mem::take(name), value);
                    match reader.next_byte() {
                        Some(b',') => {
                            reader.blanks();
                            *name = reader.name()?;
                            break;
                        }
                        Some(b'}') => {
                            reader.usual = object.len().min(MOST_FIELDS);
                            Value::Object(std::mem::take(object))
                        }
                        _ => return Err(reader.wrong("`,` or `}` is missing")),
                    }
                }
            };
            open.pop();
        }
    }
}

/// What a value stands in: a list, or an object and the name of the value in it.
enum Open {
    Array(Vec<Value>),
    Object(Map<String, Value>, String),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    n_nodes: usize,
    /// As many names as the object before: the next is probably like it, and to grow costs more than
    /// all else about an object.
    usual: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn check_depth(&self, open: &[Open]) -> Result<(), Broken> {
        if open.len() + 1 >= MAX_DEPTH {
            return Err(Broken::at(format!("more than {MAX_DEPTH} levels"), self.at));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Broken> {
        self.n_nodes += 1;
        if self.n_nodes > MAX_NODES {
            return Err(Broken::at(format!("more than {MAX_NODES} values"), self.at));
        }
        Ok(())
    }

    fn end(&mut self, value: Value) -> Result<Value, Broken> {
        self.blanks();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(Broken::at("something follows the JSON value", self.at)),
        }
    }

    /// A name and its colon.
    fn name(&mut self) -> Result<String, Broken> {
        if !self.takes(b'"') {
            return Err(Broken::at("the name of a value is missing", self.at));
        }
        let name = self.string()?;
        self.blanks();
        if self.takes(b':') { Ok(name) } else { Err(Broken::at("`:` is missing", self.at)) }
    }

    /// A text behind its first quote. Control characters, which are forbidden, are taken as they
    /// are: whoever wrote them wrote them into one text.
    fn string(&mut self) -> Result<String, Broken> {
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
                return Err(Broken::new("a text of the JSON does not end"));
            };
            string.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(string);
            }
            let escaped = self.next_byte();
            string.push(match escaped {
                Some(b'n') => '\n',
                Some(b't') => '\t',
                Some(b'r') => '\r',
                Some(b'b') => '\u{8}',
                Some(b'f') => '\u{c}',
                Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
                Some(b'u') => self.unicode()?,
                _ => return Err(self.wrong("no escape")),
            });
        }
    }

    /// `\uXXXX`, and its second half where it is one of two. Half a character is U+FFFD.
    fn unicode(&mut self) -> Result<char, Broken> {
        let first = self.hex()?;
        let is_high = (0xd800..0xdc00).contains(&first);
        if is_high && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, Broken> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| Broken::at("`\\u` without four digits", self.at - 4))
    }

    /// A number from its first character, which was taken already.
    fn number(&mut self) -> Result<Value, Broken> {
        let start = self.at - 1;
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if !is_number(text) {
            return Err(Broken::at("not a number", start));
        }
        let integer = text.parse::<i64>().ok().filter(|number| number.unsigned_abs() <= EXACT);
        Ok(match integer {
            // `-0` is not the 0 it would become.
            Some(number) if text != "-0" => Value::from(number),
            _ => Value::from(text),
        })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Broken> {
        let start = self.at - 1;
        if !self.text[start..].starts_with(word) {
            return Err(Broken::at("no JSON value begins", start));
        }
        self.at = start + word.len();
        Ok(value)
    }

    /// A mistake at the byte that was taken last, if there was one.
    fn wrong(&self, what: &str) -> Broken {
        if self.at >= self.text.len() {
            return Broken::new("the JSON text ends too early");
        }
        Broken::at(what, self.at.saturating_sub(1))
    }
}

/// RFC 8259 §6.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, None),
        Some((mantissa, exponent)) => {
            (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
        }
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        None => (mantissa, None),
        Some((whole, fraction)) => (whole, Some(fraction)),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let no_leading_zero = whole == "0" || !whole.starts_with('0');
    digits(whole) && no_leading_zero && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_above_2_53_and_decimals_stay_text() {
        for (text, value) in [
            ("9007199254740992", json!(9_007_199_254_740_992_i64)),
            ("9007199254740993", json!("9007199254740993")),
            ("-9007199254740993", json!("-9007199254740993")),
            ("340221199001011234567890", json!("340221199001011234567890")),
            ("12.50", json!("12.50")),
            ("1e3", json!("1e3")),
            ("-0", json!("-0")),
            ("0", json!(0)),
        ] {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_within_a_text_stays_within_it() {
        for (text, expected) in [
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ude00x""#, "\u{fffd}x"),
            ("\"a\u{0}b\nc\"", "a\u{0}b\nc"),
            (r#""\u0000\/""#, "\u{0}/"),
        ] {
            assert_eq!(parse(text), Ok(json!(expected)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for text in [
            "",
            " ",
            "{",
            "[1",
            "[1 2]",
            "[1,]",
            "{\"a\" 1}",
            "{\"a\":}",
            "{a:1}",
            "nul",
            "01",
            "1.",
            "-",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "[1] x",
            "<html>",
            "NaN",
            "'a'",
            "{\"a\":1,}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            parse("[1 2]").unwrap_err().to_string(),
            "`,` or `]` is missing at byte 3 of the text"
        );
    }

    #[test]
    fn a_byte_order_mark_in_front_is_passed() {
        assert_eq!(parse("\u{feff} [1]"), Ok(json!([1])));
    }

    #[test]
    fn depth_and_size_are_limited_without_recursion() {
        assert!(parse(&"[".repeat(1_000_000)).unwrap_err().to_string().contains("levels"));
        assert!(parse(&"{\"a\":".repeat(10_000)).unwrap_err().to_string().contains("levels"));
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert!(parse(&deep(MAX_DEPTH + 1)).is_err());
        let wide = format!("[{}1]", "1,".repeat(MAX_NODES));
        assert!(parse(&wide).unwrap_err().to_string().contains("values"));
    }

    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53)..=(1 << 53)).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_as_it_was(tree in trees()) {
            prop_assert_eq!(parse(&tree.to_string()), Ok(tree.clone()));
            prop_assert_eq!(parse(&serde_json::to_string_pretty(&tree).unwrap()), Ok(tree));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9a-fu\\\\ \\-.eE\u{4e00}]{0,40}") {
            let ours = parse(&text);
            if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
                prop_assert!(ours.is_ok(), "refused what serde_json takes: {} {}", text, theirs);
            }
        }
    }
}
