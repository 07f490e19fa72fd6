//! Rows as the database returned them: values with their types, not interpreted.
//!
//! The type matters: in SQLite, text never equals a blob of the same bytes, and in PostgreSQL a key of
//! type `uuid` cannot be compared with text. So keys and times keep their type in the JSON of a cursor,
//! and are bound to statements with that type again.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::config::Scalar;

/// One row of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) columns: Vec<(String, Value)>,
    /// Whether all its flags say that it has not been acknowledged yet; `false` in a table without flags.
    pub(crate) is_pending: bool,
    /// In a row of a part: the number of the value of the main table that it belongs to.
    pub(crate) owner: usize,
}

impl Row {
    /// The value of a column; `None` if there is no such column. If no name matches exactly, upper and
    /// lower case are not distinguished.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let exact = self.columns.iter().find(|(column, _)| column == name);
        let found = exact
            .or_else(|| self.columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value)
    }

    /// The value of a column; `Null` if the row has no such column.
    pub(crate) fn value(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or_default()
    }

    /// Number of bytes in memory, roughly.
    pub(crate) fn size(&self) -> usize {
        self.columns.iter().map(|(name, value)| name.len() + value.size()).sum()
    }
}

/// A value as the database returned it. In the JSON of a cursor: `{"text":"…"}`, `{"int":7}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Real(#[serde(with = "float_as_text")] f64),
    /// A decimal of any size, as text.
    Decimal(String),
    Text(String),
    /// The content of a binary column.
    Bytes(#[serde(with = "hex::serde")] Vec<u8>),
    /// Bytes that are an identifier and no text, such as BINARY(16).
    Id(#[serde(with = "hex::serde")] Vec<u8>),
    /// The content of a text column that is not UTF-8, which some databases allow.
    BrokenText(#[serde(with = "hex::serde")] Vec<u8>),
    Date(NaiveDate),
    /// A time without an offset: in the source's time zone.
    Local(NaiveDateTime),
    /// A time with its offset, in UTC.
    Instant(DateTime<Utc>),
    /// A value as text, with its type: the driver cannot bind a value of that type.
    #[serde(rename = "spelled")]
    TypedText(TextType, String),
    /// A JSON object or array; only in fixtures.
    Tree(Json),
}

/// The types of [`Value::TypedText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextType {
    Uuid,
    /// Only `infinity` and `-infinity`, as for the two types below.
    Date,
    Timestamp,
    TimestampWithZone,
}

/// The greatest integer that every JSON reader reads exactly.
const MAX_EXACT_INT: u64 = 1 << 53;

/// The number of a float that can only mean one: an integer without lost digits.
pub(crate) fn exact_int(number: f64) -> Option<i64> {
    let whole = number.to_string().parse::<i64>().ok();
    whole.filter(|whole| whole.unsigned_abs() < MAX_EXACT_INT)
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Number of bytes in memory, roughly.
    fn size(&self) -> usize {
        let content = match self {
            Self::Decimal(text) | Self::Text(text) | Self::TypedText(_, text) => text.len(),
            Self::Bytes(bytes) | Self::Id(bytes) | Self::BrokenText(bytes) => bytes.len(),
            _ => 0,
        };
        size_of::<Self>() + content
    }

    /// The value in a record. Bytes become `{"$hex": "…"}`: they are decoded later, when the charset is
    /// known.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(is) => Json::Bool(*is),
            Self::Int(number) if number.unsigned_abs() <= MAX_EXACT_INT => Json::from(*number),
            Self::Unsigned(number) if *number <= MAX_EXACT_INT => Json::from(*number),
            // 7, and not 7.0.
            Self::Real(number) if number.is_finite() => {
                exact_int(*number).map_or_else(|| Json::from(*number), Json::from)
            }
            Self::Bytes(bytes) | Self::BrokenText(bytes) => {
                serde_json::json!({ "$hex": hex::encode(bytes) })
            }
            Self::Tree(tree) => tree.clone(),
            other => Json::String(other.to_text()),
        }
    }

    /// The value of a column in a fixture; `None` if `$hex` is not hexadecimal.
    pub(crate) fn from_json(json: Json) -> Option<Self> {
        Some(match json {
            Json::Null => Self::Null,
            Json::Bool(is) => Self::Bool(is),
            Json::String(text) => Self::Text(text),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (_, Some(number)) => Self::Unsigned(number),
                _ => Self::Real(number.as_f64()?),
            },
            Json::Object(object) if object.contains_key("$hex") => {
                let digits = object.get("$hex")?.as_str()?.split_ascii_whitespace();
                Self::Bytes(hex::decode(digits.collect::<String>()).ok()?)
            }
            tree => Self::Tree(tree),
        })
    }

    /// The value as text, for keys, and for values that JSON has no type for.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(is) => is.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Decimal(text) | Self::Text(text) | Self::TypedText(_, text) => text.clone(),
            Self::Bytes(bytes) | Self::Id(bytes) | Self::BrokenText(bytes) => hex::encode(bytes),
            Self::Date(date) => date.format("%Y-%m-%d").to_string(),
            Self::Local(time) => time.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            Self::Instant(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Tree(tree) => tree.to_string(),
        }
    }
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Bool(is) => Self::Bool(*is),
            Scalar::Number(number) => Self::Int(*number),
            Scalar::Text(text) => Self::Text(text.clone()),
        }
    }
}

/// Writes floats as text: the last bit of a JSON number may change when it is read back, and then a
/// comparison with the column fails.
mod float_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&number.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_survives_json() {
        let time = DateTime::from_timestamp(1_790_000_000, 250_000_000).unwrap();
        for value in [
            Value::Null,
            Value::Int(i64::MIN),
            Value::Unsigned(u64::MAX),
            Value::Real(46304.4375),
            Value::Real(0.1 + 0.2),
            Value::Decimal("12345678901234567890.5".into()),
            Value::Text("2026-10-09 10:34:12".into()),
            Value::Bytes(vec![0xd5, 0xc5, 0xfe, 0x9f]),
            Value::BrokenText(vec![0, 255]),
            Value::Date(time.date_naive()),
            Value::Local(time.naive_utc()),
            Value::Instant(time),
            Value::TypedText(TextType::Uuid, "6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11".into()),
        ] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn integers_beyond_2_to_the_53_and_decimals_are_text_in_a_record() {
        for (value, json) in [
            (Value::Int(9_007_199_254_740_992), serde_json::json!(9_007_199_254_740_992_i64)),
            (Value::Int(9_007_199_254_740_993), serde_json::json!("9007199254740993")),
            (Value::Int(-9_007_199_254_740_993), serde_json::json!("-9007199254740993")),
            (Value::Unsigned(u64::MAX), serde_json::json!("18446744073709551615")),
            (Value::Decimal("0.10".into()), serde_json::json!("0.10")),
            (Value::Real(f64::NAN), serde_json::json!("NaN")),
            (Value::Real(-7.0), serde_json::json!(-7)),
            (Value::Real(0.5), serde_json::json!(0.5)),
            (Value::Real(9_007_199_254_740_994.0), serde_json::json!(9_007_199_254_740_994.0)),
        ] {
            assert_eq!(value.to_json(), json);
        }
    }

    #[test]
    fn bytes_of_a_fixture_read_back() {
        let bytes = Value::Bytes(vec![0xd5, 0xc5, 0xfe, 0x9f]);
        assert_eq!(Value::from_json(bytes.to_json()), Some(bytes));
        assert_eq!(Value::from_json(serde_json::json!({ "$hex": "d5c" })), None);
        assert_eq!(Value::from_json(serde_json::json!({ "$hex": "张" })), None);
    }
}
