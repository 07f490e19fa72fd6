//! The key of a record: where it is, which values are no keys, and what happens if a key comes twice.
//!
//! A key must be exactly what the source has. A value that may stand for several records, such as `null` or
//! a number that a spreadsheet has rounded, is no key: its records would become one demand.

mod paths;

use std::{collections::HashMap, fmt, hash::Hash};

use contract::RecordKey;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use serde_json::Value;

use crate::{Findings, Path, masked_key};

/// Texts that programs write if they have no value, in lower case.
const NULL_WORDS: [&str; 8] =
    ["null", "(null)", "\\n", "nan", "none", "nil", "undefined", "[object object]"];
/// Words that people write where a record has no key, and in the key's place of a row of sums, in lower case and
/// without blanks.
const PLACEHOLDERS: [&str; 11] =
    ["n/a", "无", "暂无", "待定", "同上", "空", "合计", "小计", "总计", "共计", "累计"];
/// What people draw where there is no key (`_` may be one), and characters that nobody sees.
const STROKES: &str = "-‐‑‒–—―−－/／\\、×*＊·.。…~～|\
    \u{AD}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\u{2060}\u{FEFF}";
/// Errors that spreadsheets write into cells, in lower case.
const CELL_ERRORS: [&str; 9] =
    ["#n/a", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!"];

/// Where the key is in a record: one path, or several whose values together are the key.
#[derive(Debug, Clone)]
pub struct KeyPath(Vec<Path>);

impl KeyPath {
    /// The key of a record. Blanks and leading zeros belong to it, except blanks and line breaks around the
    /// content of an XML element; the number `1` and the text `"1"` are the same key. `findings` are those of
    /// the document.
    ///
    /// # Errors
    /// A part of the key is missing, or it is not exact; the message does not repeat the value.
    pub fn key(&self, tree: &Value, findings: &Findings) -> Result<RecordKey, String> {
        self.parts(tree, findings).map(RecordKey::composed)
    }

    /// The parts of the key of a record, as for [`Self::key`].
    ///
    /// # Errors
    /// As for [`Self::key`].
    pub fn parts(&self, tree: &Value, findings: &Findings) -> Result<Vec<String>, String> {
        let part = |path: &Path| {
            let problem = |what| format!("the value at {} {what}", path.as_str());
            let value = path.first(tree).ok_or_else(|| problem("is missing"))?;
            if is_ambiguous(path, tree, findings) {
                return Err(problem("has a name that occurs twice"));
            }
            key_text(value, findings).map_err(problem)
        };
        self.0.iter().map(part).collect()
    }
}

/// Whether a name in `path` occurs twice in one object of the record, with different values.
pub(crate) fn is_ambiguous(path: &Path, tree: &Value, findings: &Findings) -> bool {
    findings.repeated_names(tree).iter().any(|name| path.depends_on(name))
}

/// The value of a key, or of a part of one, as text.
///
/// # Errors
/// The value may stand for several records; the message is the end of a sentence about it.
pub fn key_text(value: &Value, findings: &Findings) -> Result<String, &'static str> {
    match value {
        Value::Null => Err("is null"),
        Value::Bool(_) => Err("is true or false"),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => match problem(text, findings) {
            Some(problem) => Err(problem),
            None => Ok(text.clone()),
        },
        // An XML element.
        Value::Array(list) if list.len() == 1 && list[0].is_object() => {
            key_text(&list[0], findings)
        }
        Value::Object(element) => match element.get("$text") {
            // In the content of an element, line breaks and indents around a value are layout.
            Some(Value::String(text)) => {
                key_text(&Value::from(text.trim_matches([' ', '\t', '\r', '\n'])), findings)
            }
            Some(text) => key_text(text, findings),
            None => Err("is empty, or an object"),
        },
        Value::Array(_) => Err("is a list"),
    }
}

/// Why a text is no key.
fn problem(text: &str, findings: &Findings) -> Option<&'static str> {
    let trimmed = text.trim();
    let lower = trimmed.to_lowercase();
    Some(if !findings.is_unmarked(text) {
        "is damaged"
    } else if trimmed.is_empty() {
        "is empty"
    } else if text.contains(char::REPLACEMENT_CHARACTER) {
        "contains U+FFFD in the place of a lost character"
    } else if text.chars().any(char::is_control) {
        "contains a control character"
    } else if trimmed.chars().all(|c| matches!(c, '?' | '？' | '¿')) {
        "has only question marks"
    } else if ["true", "false"].contains(&lower.as_str()) {
        "is true or false"
    // `####` is a number in a column that is too narrow.
    } else if CELL_ERRORS.contains(&lower.as_str()) || trimmed.chars().all(|c| c == '#') {
        "is the error of a spreadsheet"
    } else if NULL_WORDS.contains(&lower.as_str()) {
        "is a word for a missing value"
    } else if trimmed.chars().all(|c| STROKES.contains(c)) {
        "has no letter and no digit"
    } else if is_placeholder(&lower) {
        "is a word for a missing value or for a sum"
    } else if is_rounded(&lower) || findings.is_decimal(text) {
        "is a number with a fraction or an exponent: a program may have rounded it"
    } else {
        return None;
    })
}

/// Whether a text in lower case is one of the words that are no key, whatever stands between its characters and
/// around them: `合 计：` or `（无）`.
fn is_placeholder(text: &str) -> bool {
    let word: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    PLACEHOLDERS.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Whether a text in lower case looks like an integer that a program wrote as a float, such as `12.0` or
/// `1.2e+17`. `2026.12` and `12e4` may be real keys.
fn is_rounded(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, ""));
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if exponent.is_empty() {
        return digits(whole) && digits(fraction) && fraction.bytes().all(|byte| byte == b'0');
    }
    let is_signed = power.len() < exponent.len();
    digits(whole) && digits(power) && (digits(fraction) || (fraction.is_empty() && is_signed))
}

/// What happens to records of one answer that have the same key and different contents. Records with equal
/// contents are read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The channel stops and names the key. If each record is a case of its own, `key` needs more paths.
    #[default]
    Stop,
    /// The last one is read.
    Last,
    /// All of them go to quarantine.
    Quarantine,
}

/// What becomes of one record of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateOutcome {
    /// It is read.
    Read,
    /// It is left out: another record of the answer has the same key.
    Repeated,
    /// It goes to quarantine: another record has the same key and a different content.
    Quarantine,
}

impl Duplicates {
    /// What becomes of each of these records of one answer; `None` stands for a record without a key.
    ///
    /// # Errors
    /// Two records have the same key and different contents, and the settings do not allow it. The message
    /// names the key.
    pub fn outcomes(
        self,
        keys: &[Option<RecordKey>],
        records: &[Value],
    ) -> Result<Vec<DuplicateOutcome>, String> {
        self.outcomes_where(keys, records, is_same)
    }

    /// Like [`Self::outcomes`], for records that are not parsed yet: `is_same` parses those that it compares.
    ///
    /// # Errors
    /// As for [`Self::outcomes`].
    pub fn outcomes_where<C>(
        self,
        keys: &[Option<RecordKey>],
        records: &[C],
        is_same: impl Fn(&C, &C) -> bool,
    ) -> Result<Vec<DuplicateOutcome>, String> {
        self.outcomes_by(keys, records, is_same).map_err(|(a, b)| {
            let key = keys.get(a).and_then(Option::as_ref).map_or("", RecordKey::as_str);
            let key = masked_key(key);
            format!("records {} and {} have the key `{key}` and different contents", a + 1, b + 1)
        })
    }

    /// Like [`Self::outcomes`], for keys and contents of any types, such as hashes.
    ///
    /// # Errors
    /// The indices of two records that have the same key and different contents, which the settings do not
    /// allow.
    pub fn outcomes_by<K: Eq + Hash, C>(
        self,
        keys: &[Option<K>],
        contents: &[C],
        is_same: impl Fn(&C, &C) -> bool,
    ) -> Result<Vec<DuplicateOutcome>, (usize, usize)> {
        use DuplicateOutcome::{Quarantine, Read, Repeated};
        let mut outcomes = vec![Read; contents.len()];
        // The last record with each key that is to be read.
        let mut last: HashMap<&K, usize> = HashMap::with_capacity(keys.len());
        for (index, (key, content)) in keys.iter().zip(contents).enumerate() {
            let Some(key) = key else { continue };
            let Some(earlier) = last.insert(key, index) else { continue };
            let is_equal = contents.get(earlier).is_some_and(|other| is_same(other, content));
            let (of_earlier, of_this) = match self {
                _ if is_equal => (Repeated, outcomes.get(earlier).copied()),
                Self::Stop => return Err((earlier, index)),
                Self::Last => (Repeated, None),
                Self::Quarantine => (Quarantine, Some(Quarantine)),
            };
            for (at, outcome) in [(earlier, Some(of_earlier)), (index, of_this)] {
                if let (Some(place), Some(outcome)) = (outcomes.get_mut(at), outcome) {
                    *place = outcome;
                }
            }
        }
        Ok(outcomes)
    }
}

/// Whether two records have the same content. A number equals its text.
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (Value::Number(number), Value::String(text))
        | (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        _ => a == b,
    }
}

impl From<Path> for KeyPath {
    fn from(path: Path) -> Self {
        Self(vec![path])
    }
}

// Not derived: for a wrong path, an untagged enum would only say that no variant matches.
impl<'de> Deserialize<'de> for KeyPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = KeyPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSONPath or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<KeyPath, E> {
                Path::parse(text).map(KeyPath::from).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<KeyPath, A::Error> {
                let paths = Vec::<Path>::deserialize(SeqAccessDeserializer::new(paths))?;
                if paths.is_empty() {
                    return Err(A::Error::custom("the list of paths is empty"));
                }
                Ok(KeyPath(paths))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for KeyPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyPath".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = generator.subschema_for::<Path>();
        json_schema!({
            "description": "one path, or a list of paths whose values together are the key",
            "anyOf": [path, { "type": "array", "items": path, "minItems": 1 }],
        })
    }
}

#[cfg(test)]
mod tests;
