//! The settings of one field: a path, or a table that says how to read the value at the path.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// Where the value of a field comes from: a path, a list of paths, or a table with more settings.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Field(pub FieldTable);

/// Where the value of a field comes from, and how to read it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FieldTable {
    /// A path, or several: the first value that is present and not empty is used.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub at: Vec<JsonPath>,
    /// How to read the value. The default depends on the field.
    #[serde(rename = "as")]
    pub conversion: Option<Conversion>,
    /// An expression instead of a path, in the language of minijinja. `record` is the record; `demand`
    /// has the values of the fields without an expression.
    pub expr: Option<String>,
    /// Name of the code table that translates the value: `hotline/kind` is `codes/hotline/kind.csv`.
    #[schemars(schema_with = "codes_schema")]
    pub codes: Option<String>,
    /// Codes only: whether a label has the code of the longest label in the table that it begins with.
    pub prefix: bool,
    /// How to clean a text; by default `plain`.
    pub clean: Option<Clean>,
    /// Formats of a time in the notation of strftime, tried in order. By default, all usual formats are
    /// recognised. The date cells of a workbook are always recognised.
    pub formats: Vec<String>,
    /// Time zone of a time without one; by default the gateway's.
    #[schemars(with = "Option<String>")]
    pub zone: Option<chrono_tz::Tz>,
    /// Durations only: the path of the time at which the duration begins.
    pub after: Option<JsonPath>,
    /// Durations only: the unit of a value that is only a number: minute, work_hour or work_day.
    pub unit: Option<Box<Field>>,
    /// Regions only: the code of the division in which a name is looked up first.
    pub within: Option<String>,
    /// The part of a text to read, instead of all of it.
    pub extract: Option<Extract>,
    /// The value if the source gives none; with `codes`, a label of that table. It never replaces an
    /// unknown label.
    pub default: Option<String>,
    /// Whether a demand without this value gets a quality flag.
    pub required: bool,
    /// A fixed value instead of a path; with `codes`, a label of that table.
    #[serde(rename = "const")]
    pub constant: Option<String>,
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Cleaned text.
    Text,
    /// A number, stored as text without separators and full-width digits.
    Decimal,
    /// A date with or without time of day, in any usual format.
    Datetime,
    /// The day of such a time; its time of day is ignored.
    Date,
    /// Days since 1899-12-30, as spreadsheets count.
    Excel,
    /// A duration that begins at the time in `after`: `30分钟`, `2h`, `1天`, `02:30`, `PT2H`; or working time
    /// by `codes/calendar.csv`: `5个工作日` end when the offices close, `8工作时` are office hours.
    Duration,
    /// Seconds or milliseconds since 1970, distinguished by their magnitude.
    Epoch,
    /// Milliseconds since 1970.
    EpochMs,
    /// A whole number.
    Int,
    /// Yes (1, 是, true) or no (0, 否, false).
    Bool,
    /// A label, translated by the code table in `codes`.
    Codes,
    /// The code or name of an administrative division.
    Region,
    /// A telephone number.
    Phone,
    /// An identity number.
    IdNo,
    /// An address.
    Address,
    /// The number of nodes that the path finds.
    Count,
    /// All values at the path; a text with several is split at commas, semicolons and similar signs.
    List,
}

impl Conversion {
    /// Its name in the configuration.
    pub(crate) fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    }
}

/// A value that hotline clerks write into the text of a work order, because it has no field for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extract {
    /// The way in which a demand came in: 微信 in 【来源：微信】, 电话 in 受理渠道：电话.
    IntakeChannel,
    /// The official deadline, if it has a year: 办理时限：2026-10-16 17:00, 请于2026年10月16日前办结.
    /// A number of working days is not understood here; see `duration`.
    TimeLimit,
    /// Numbers of other work orders, like DH202610090137.
    OrderNumbers,
}

/// How a text is cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clean {
    /// Removes control characters and superfluous whitespace.
    Plain,
    /// Also removes HTML tags and resolves HTML entities.
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

// Not derived: for every mistake in the table, an untagged enum would only say "matches no variant".
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

/// Deserialises a path or a list of paths.
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
