//! One field: a path, or a table that says how the value at the path is to be read.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// Where a field comes from. Written as a path, as a list of paths, or as a [`FieldTable`].
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Field(pub FieldTable);

/// The long form of a field.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FieldTable {
    /// A path, or several: the first that is present and not empty counts.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub at: Vec<JsonPath>,
    /// How to read the value; the field itself decides where this is left out.
    #[serde(rename = "as")]
    pub conversion: Option<Conversion>,
    /// An expression in place of a path, in the language of minijinja: `record` is the record,
    /// `demand` what the fields without an expression gave.
    pub expr: Option<String>,
    /// Name of a code table: `hotline/kind` is `codes/hotline/kind.csv`.
    #[schemars(schema_with = "codes_schema")]
    pub codes: Option<String>,
    /// Codes only: a label means what the longest of its beginnings means that is in the table.
    pub prefix: bool,
    /// How texts are cleaned: `plain` unless said otherwise.
    pub clean: Option<Clean>,
    /// Formats of a time, tried in order, in the notation of strftime. Left out, the usual ones are
    /// recognised.
    pub formats: Vec<String>,
    /// Zone of a time that names none; the gateway's unless said otherwise.
    #[schemars(with = "Option<String>")]
    pub zone: Option<chrono_tz::Tz>,
    /// Durations only: the moment from which they count.
    pub after: Option<JsonPath>,
    /// Regions only: the division within which a name is looked for first.
    pub within: Option<String>,
    /// What to take out of a text before it is read.
    pub extract: Option<Extract>,
    /// What counts where the source says nothing. Never stands for a label that is unknown.
    pub default: Option<String>,
    /// A record without it is flagged.
    pub required: bool,
    /// A fixed value in place of a path.
    #[serde(rename = "const")]
    pub constant: Option<String>,
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Cleaned text.
    Text,
    /// A number, written without separators and full-width digits; stays text.
    Decimal,
    /// A time as people write it.
    Datetime,
    /// The day of such a time, whose hours mean nothing.
    Date,
    /// Days since 1899-12-30, as spreadsheets count.
    Excel,
    /// A time span, counted from the moment at `after`: `30分钟`, `2h`, `1天`, `02:30`, `PT2H`.
    Duration,
    /// Seconds or milliseconds since 1970, told apart by their size.
    Epoch,
    /// Milliseconds since 1970.
    EpochMs,
    /// A whole number.
    Int,
    /// 0 and 1, 是 and 否, true and false.
    Bool,
    /// Through the code table in `codes`.
    Codes,
    /// An administrative division code.
    Region,
    /// A telephone number.
    Phone,
    /// An identity number.
    IdNo,
    /// An address.
    Address,
    /// The number of nodes that the path finds.
    Count,
    /// All values that the path finds; a text with several is split at commas.
    List,
}

impl Conversion {
    /// Its name in a file.
    pub(crate) fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    }
}

/// What is taken out of a text: what the clerks of a hotline write into it by habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extract {
    /// 【来源：微信】, 受理渠道：电话: the way on which a demand came in.
    IntakeChannel,
    /// 办理时限：2026-10-16 17:00, 请于10月16日前办结 with a year: the official limit. Working days
    /// are not counted: nobody here knows the holidays.
    TimeLimit,
    /// Numbers of other orders, like DH202610090137.
    OrderNumbers,
}

/// How a text is cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clean {
    /// Control characters and odd blanks.
    Plain,
    /// Tags and entities too.
    Html,
}

/// A JSONPath (RFC 9535), beginning with `$`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonPath(pub String);

impl JsonSchema for JsonPath {
    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "jsonpath" })
    }
}

impl JsonSchema for Field {
    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (paths, table) =
            (one_or_many_schema(generator), generator.subschema_for::<FieldTable>());
        json_schema!({ "anyOf": [paths, table] })
    }
}

// By hand: an untagged enum would answer every mistake in the table with "matches no variant".
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, a list of paths, or a table with `at`")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Field, E> {
                Ok(at(OneOrMany.visit_str(path)?))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<Field, A::Error> {
                Ok(at(OneOrMany.visit_seq(paths)?))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Field, A::Error> {
                FieldTable::deserialize(MapAccessDeserializer::new(table)).map(Field)
            }
        }

        fn at(at: Vec<JsonPath>) -> Field {
            Field(FieldTable { at, ..FieldTable::default() })
        }

        deserializer.deserialize_any(Either)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Vec<JsonPath>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path or a list of paths")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Self::Value, E> {
        Ok(vec![JsonPath(path.to_owned())])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(paths))
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<JsonPath>, D::Error> {
    deserializer.deserialize_any(OneOrMany)
}

fn one_or_many_schema(generator: &mut SchemaGenerator) -> Schema {
    let path = generator.subschema_for::<JsonPath>();
    json_schema!({ "anyOf": [path, { "type": "array", "items": path, "minItems": 1 }] })
}

fn codes_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "codes" })
}
