//! Parses JSON with exact numbers; damage in one value does not affect the others.
//!
//! The usual parsers read `12.50` as a float and lose the zero, and they refuse a whole page if one
//! string contains an unpaired surrogate. Here integers above 2^53 and all decimals become strings:
//! they are keys and amounts of money. A marker replaces a damaged value, and parsing continues
//! after it; a document is refused only if its brackets do not match. The parser does not recurse,
//! so a document of a million brackets reaches the depth limit and does not overflow the stack.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::{
    findings::{Findings, Problem},
    scan::ElementScanner,
    tree::{LineColumn, Lines, MAX_DEPTH, MAX_NODES, at_line},
};

/// Up to this integer, every JSON parser reads integers exactly.
const MAX_EXACT_INTEGER: u64 = 1 << 53;
/// The capacity that is reserved for the first object.
const FIRST_CAPACITY: usize = 16;
/// The maximum capacity that is reserved for an object: it limits the memory of many small objects.
const MAX_CAPACITY: usize = 64;

const TOO_DEEP: &str = "it has more than 128 levels";
const UNESCAPED: &str = "it contains an unescaped control character";
const UNPAIRED_SURROGATE: Problem =
    Problem::irregularity("it contains half a surrogate pair", Some(char::REPLACEMENT_CHARACTER));
const REPEATED_NAME: Problem =
    Problem::irregularity("the name occurs twice, with different values; the last is used", None);

/// Parses a JSON text. A marker replaces a damaged value. If a name occurs twice in an object, the
/// last value is used, and an earlier value that differs is kept and marked.
///
/// # Errors
/// The brackets do not match, the text is not one JSON value, or it is too large.
pub fn parse(text: &str, findings: &mut Findings) -> Result<Value, String> {
    parse_value(text, &mut 0, findings)
}

/// Parses a JSON value on each line (NDJSON) into a list. A marker replaces a line that is not JSON.
///
/// # Errors
/// The text is too large.
pub(crate) fn parse_lines(text: &str, findings: &mut Findings) -> Result<Value, String> {
    findings.choose_marker(text, None);
    let (mut values, mut n_nodes) = (Vec::new(), 0);
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        // RFC 7464 puts the character RS before each value.
        let line = line.trim_start_matches('\u{1e}').trim();
        if line.is_empty() {
            continue;
        }
        values.push(match parse_value(line, &mut n_nodes, findings) {
            Ok(value) => value,
            Err(why) if n_nodes > MAX_NODES => return Err(why),
            Err(_) => {
                let mut marked = String::new();
                let at = Some(LineColumn { line: index + 1, column: 1 });
                let problem = Problem::damage("bad_json", "the line is not JSON", at);
                findings.add(problem, line, &mut marked);
                Value::String(marked)
            }
        });
    }
    Ok(Value::Array(values))
}

/// Parses one value. `n_nodes` counts the nodes of the document so far.
fn parse_value(text: &str, n_nodes: &mut usize, findings: &mut Findings) -> Result<Value, String> {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let lines = Lines::default();
    let mut reader = Reader { text, at, n_nodes, capacity: FIRST_CAPACITY, findings, lines };
    let mut open: Vec<OpenValue> = Vec::new();
    loop {
        // A value begins here; in an object, its name comes first.
        reader.skip_whitespace();
        let mut start = reader.at;
        let name_result = match open.last_mut().map(|open| &mut open.container) {
            Some(Container::Object(_, name)) => {
                reader.name().inspect_err(|_| name.clear()).map(|read| {
                    *name = read;
                    reader.skip_whitespace();
                    start = reader.at;
                })
            }
            _ => Ok(()),
        };
        let mut value = match name_result.and_then(|()| reader.value(&mut open)) {
            Ok(Some(value)) => value,
            Ok(None) => continue,
            Err(detail) => reader.mark_damage(detail, start, start, &open)?,
        };
        // The value ends here, and lists and objects around it may end too.
        loop {
            reader.count_node()?;
            reader.skip_whitespace();
            let Some(OpenValue { container, start: container_start }) = open.last_mut() else {
                return reader.finish(value);
            };
            let next = reader.peek();
            let is_end = match container {
                Container::Array(_) => next == Some(b']'),
                Container::Object(..) => next == Some(b'}'),
            };
            if !is_end && next != Some(b',') {
                value = reader.mark_damage("a comma is missing", start, reader.at, &open)?;
                continue;
            }
            reader.at += 1;
            match container {
                Container::Array(list) => list.push(value),
                Container::Object(object, name) => {
                    let name = std::mem::take(name);
                    reader.findings.insert(object, name, value, REPEATED_NAME, text);
                }
            }
            if !is_end {
                break;
            }
            value = match container {
                Container::Array(list) => Value::Array(std::mem::take(list)),
                Container::Object(object, _) => {
                    reader.capacity = object.len().min(MAX_CAPACITY);
                    Value::Object(std::mem::take(object))
                }
            };
            start = *container_start;
            open.pop();
        }
    }
}

/// A list or object that is not closed yet, and the offset at which it begins.
struct OpenValue {
    container: Container,
    start: usize,
}

/// A list, or an object with the name of the member that is being read.
enum Container {
    Array(Vec<Value>),
    Object(Map<String, Value>, String),
}

struct Reader<'a> {
    text: &'a str,
    /// The offset of the next byte.
    at: usize,
    n_nodes: &'a mut usize,
    /// Capacity of the next object: the size of the last one. Growing an object costs more than
    /// filling it.
    capacity: usize,
    findings: &'a mut Findings,
    lines: Lines,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves past the next byte if it is `byte`; returns whether it was.
    fn take_if_next(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Parses a value. `None` if a list or an object begins here that is not empty: it is then
    /// appended to `open`.
    fn value(&mut self, open: &mut Vec<OpenValue>) -> Result<Option<Value>, &'static str> {
        let start = self.at;
        let Some(first) = self.peek() else { return Err("a value is missing") };
        self.at += 1;
        let close = match first {
            b'{' => b'}',
            b'[' => b']',
            b'"' => return self.string().map(|text| Some(Value::String(text))),
            b'-' | b'0'..=b'9' => return self.number(start).map(Some),
            b't' => return self.literal(start, "true", Value::Bool(true)),
            b'f' => return self.literal(start, "false", Value::Bool(false)),
            b'n' => return self.literal(start, "null", Value::Null),
            _ => return Err("this is not a JSON value"),
        };
        self.skip_whitespace();
        if self.take_if_next(close) {
            let empty_array = Value::Array(Vec::new());
            return Ok(Some(if first == b'{' { Value::Object(Map::new()) } else { empty_array }));
        }
        if open.len() + 1 >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let container = if first == b'{' {
            Container::Object(Map::with_capacity(self.capacity), String::new())
        } else {
            Container::Array(Vec::new())
        };
        open.push(OpenValue { container, start });
        Ok(None)
    }

    /// Replaces the damaged value that begins at `start` with a marker, and moves to its end.
    /// `from` is an offset in the value that is not within a string.
    fn mark_damage(
        &mut self,
        detail: &'static str,
        start: usize,
        from: usize,
        open: &[OpenValue],
    ) -> Result<Value, String> {
        let error = |detail: &str, at| Err(at_line(detail, self.text, at));
        let Some(OpenValue { container, .. }) = open.last() else { return error(detail, start) };
        let end = match ElementScanner::default().find_end(&self.text.as_bytes()[from..]) {
            Ok(Some(end)) => from + end,
            Ok(None) if detail == TOO_DEEP => return error(detail, start),
            Ok(None) => return error("the JSON text ends too early", self.text.len()),
            Err(at) => return error("a closing bracket does not match the open one", from + at),
        };
        let wrong_bracket = if matches!(container, Container::Array(_)) { b'}' } else { b']' };
        if self.text.as_bytes()[end] == wrong_bracket {
            return error(detail, end);
        }
        let at = Some(self.lines.line_column(self.text, start));
        let mut marked = String::new();
        let source = self.text[start..end].trim_end_matches([' ', '\t', '\r', '\n']);
        self.findings.add(Problem::damage("bad_json", detail, at), source, &mut marked);
        self.at = end;
        Ok(Value::String(marked))
    }

    fn count_node(&mut self) -> Result<(), String> {
        *self.n_nodes += 1;
        if *self.n_nodes > MAX_NODES {
            return Err(at_line(&format!("it has over {MAX_NODES} values"), self.text, self.at));
        }
        Ok(())
    }

    /// Checks that nothing follows the outermost value, and returns it.
    fn finish(&mut self, value: Value) -> Result<Value, String> {
        self.skip_whitespace();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(at_line("something follows the JSON value", self.text, self.at)),
        }
    }

    /// Parses a name and its colon.
    fn name(&mut self) -> Result<String, &'static str> {
        if !self.take_if_next(b'"') {
            return Err("a name in quotes is missing");
        }
        let name = self.string()?;
        self.skip_whitespace();
        if self.take_if_next(b':') { Ok(name) } else { Err("a colon is missing") }
    }

    /// Parses a string, after its first quote. Control characters, which JSON forbids, are kept:
    /// their meaning is clear.
    fn string(&mut self) -> Result<String, &'static str> {
        let (mut string, mut has_control, mut has_unpaired) = (String::new(), false, false);
        loop {
            let rest = &self.text[self.at..];
            let Some(n_plain) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
                return Err("a string is not closed");
            };
            let mut plain = &rest[..n_plain];
            if !has_control && let Some(at) = find_control(plain) {
                has_control = true;
                string.push_str(&plain[..at]);
                let problem = Problem::control_character(UNESCAPED, plain[at..].chars().next());
                self.findings.choose_marker(self.text, None);
                self.findings.add(problem, &plain[at..=at], &mut string);
                plain = &plain[at + 1..];
            }
            string.push_str(plain);
            self.at += n_plain + 1;
            if rest.as_bytes()[n_plain] == b'"' {
                return Ok(string);
            }
            let escaped = self.peek();
            self.at += usize::from(escaped.is_some());
            string.push(match escaped {
                Some(b'n') => '\n',
                Some(b't') => '\t',
                Some(b'r') => '\r',
                Some(b'b') => '\u{8}',
                Some(b'f') => '\u{c}',
                Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
                Some(b'u') => match (self.unicode()?, has_unpaired) {
                    (Some(character), _) => self.findings.guard_character(character, self.text),
                    (None, true) => char::REPLACEMENT_CHARACTER,
                    (None, false) => {
                        has_unpaired = true;
                        let source = &self.text[self.at - 6..self.at];
                        self.findings.choose_marker(self.text, None);
                        self.findings.add(UNPAIRED_SURROGATE, source, &mut string);
                        continue;
                    }
                },
                _ => return Err("it contains an unknown escape sequence"),
            });
        }
    }

    /// Parses `XXXX` after `\u`, or a surrogate pair, `XXXX\uXXXX`; `None` for an unpaired
    /// surrogate.
    fn unicode(&mut self) -> Result<Option<char>, &'static str> {
        let first = self.hex()?;
        let is_high = (0xd800..0xdc00).contains(&first);
        if is_high && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code));
            }
            self.at = before;
        }
        Ok(char::from_u32(first))
    }

    /// Parses four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, &'static str> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or("four hexadecimal digits are missing after `\\u`")
    }

    /// Parses a number, after its first character.
    fn number(&mut self, start: usize) -> Result<Value, &'static str> {
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            return Err("this is not a JSON number");
        }
        let integer =
            text.parse::<i64>().ok().filter(|number| number.unsigned_abs() <= MAX_EXACT_INTEGER);
        Ok(match integer {
            // `-0` would become 0.
            Some(number) if text != "-0" => Value::from(number),
            _ => {
                if !text.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
                    self.findings.note_decimal(text);
                }
                Value::from(text)
            }
        })
    }

    /// Parses a literal, after its first character.
    fn literal(
        &mut self,
        start: usize,
        literal: &str,
        value: Value,
    ) -> Result<Option<Value>, &'static str> {
        if !self.text[start..].starts_with(literal) {
            return Err("this is not a JSON value");
        }
        self.at = start + literal.len();
        Ok(Some(value))
    }
}

/// The offset of the first control character.
fn find_control(text: &str) -> Option<usize> {
    // Few texts have a control character, and finding the smallest byte is fast.
    let smallest = text.bytes().fold(u8::MAX, u8::min);
    (smallest < 0x20).then(|| text.bytes().position(|byte| byte < 0x20)).flatten()
}

#[cfg(test)]
mod tests;
