//! Makes an entry from a row: a record, or bytes that cannot be read.
//!
//! Bytes are decoded strictly, and once. A row with malformed bytes is rejected or flagged, as `malformed`
//! says; the reason names the place of the damage, without the text around it. Other rows are not affected.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{
    DecidedBy, Entry, Fault, FieldFlag, Place, Reason, RecordKey, Revision, TextReport,
    demand::QualityFlag,
};
use document::{Findings, Malformed, malformed_detail, masked_key};
use normalizer_text::{Charset, Span, decode_column};
use serde_json::{Map, Value as Json};

use crate::{
    config::{Becomes, Column, Columns, Config},
    plan::Plan,
    value::{Row, Value, exact_int},
};

/// Rows of parts, by the name of the part.
pub(crate) type Parts = BTreeMap<String, Vec<Row>>;

/// The entry for a row of the main table with its parts.
pub(crate) fn entry(plan: &Plan, row: &Row, parts: &Parts) -> Entry {
    let report = TextReport::default();
    let mut reader = RecordReader { plan, config: &plan.config, report, malformed: None };
    let mut tree = reader.object(&plan.main.name, "", row);
    for part in &plan.parts {
        let rows = parts.get(&part.name).map_or(&[][..], Vec::as_slice);
        let array = rows.iter().map(|row| reader.object(&part.table.name, &part.name, row));
        tree.insert(part.name.clone(), Json::Array(array.map(Json::Object).collect()));
    }
    let key = key(&plan.config, &row.value(&plan.main.key));
    let rejected = match (reader.malformed, plan.config.malformed) {
        (Some(malformed), Malformed::Reject) => Some(malformed),
        _ => None,
    };
    let (at, reason) = match (rejected, &key) {
        (Some((at, detail)), _) => (at, Reason::new("malformed_bytes", detail)),
        (None, Err(why)) => {
            let at = format!("{}.{}", plan.main.name, plan.main.key);
            (at, Reason::new("missing_key", format!("the key {} {why}", plan.main.key)))
        }
        (None, Ok(key)) => {
            return Entry::record(key.clone(), Revision::NONE, Json::Object(tree), reader.report);
        }
    };
    Entry::Unreadable {
        place: Place { key: key.ok(), revision: Revision::NONE, at },
        bytes: to_fixture(plan, row, parts),
        reason,
    }
}

/// The entry for a row whose key other rows have too. All of them stand in quarantine by their bytes, because
/// none of them is the state of the key.
pub(crate) fn duplicate(plan: &Plan, row: &Row, parts: &Parts) -> Entry {
    let value = row.value(&plan.main.key);
    let key = key(&plan.config, &value).map_or_else(|_| value.to_text(), |key| key.to_string());
    let at = format!("{}.{}", plan.main.name, plan.main.key);
    let what = format!("other rows have the key `{}` and different contents", masked_key(&key));
    let reason = Reason::new("duplicate_key", what);
    Entry::Unreadable {
        place: Place { key: None, revision: Revision::NONE, at },
        bytes: to_fixture(plan, row, parts),
        reason,
    }
}

/// The entries of a fixture: a JSON array of rows, in which each part is an array under its name.
pub(crate) fn parse_sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let malformed = |what: String| {
        Fault::stopped(what).remedy("write a JSON array of rows, each an object with its columns")
    };
    let rows: Vec<Map<String, Json>> = serde_json::from_slice(page)
        .map_err(|error| malformed("the fixture is not a page of rows".into()).because(error))?;
    let entries = rows.into_iter().enumerate().map(|(index, mut columns)| {
        let mut parts = Parts::new();
        for part in &plan.parts {
            let Some(rows) = columns.remove(&part.name) else { continue };
            let rows = parse_rows(rows).ok_or_else(|| {
                malformed(format!("in row {index}, `{}` is not an array of rows", part.name))
            })?;
            parts.insert(part.name.clone(), rows);
        }
        let row = parse_row(columns)
            .ok_or_else(|| malformed(format!("in row {index}, `$hex` is not hexadecimal")))?;
        Ok(entry(plan, &row, &parts))
    });
    entries.collect()
}

/// The key that a value of the key column is. A text is judged as in any document; other types are exact.
///
/// # Errors
/// The value may stand for several records; the message is the end of a sentence about it.
pub(crate) fn key(config: &Config, value: &Value) -> Result<RecordKey, &'static str> {
    let of_text = |text: String| document::key_text(&Json::String(text), &Findings::default());
    let key = match value {
        Value::Null => Err("is missing"),
        Value::Bool(_) => Err("is true or false"),
        Value::Real(number) if exact_int(*number).is_none() => {
            Err("is a floating-point number, which is not exact")
        }
        Value::Id(bytes) => Ok(id_text(config, &config.main.key, bytes)),
        Value::BrokenText(_) if config.charset == Charset::Utf8 => Err("is damaged"),
        Value::Bytes(bytes) | Value::BrokenText(bytes) => {
            let decoded = decode_column(bytes, config.charset, None);
            if decoded.malformed.is_empty() {
                of_text(decoded.text.into_owned())
            } else {
                Err("is damaged")
            }
        }
        Value::Text(text) => of_text(text.clone()),
        other => Ok(other.to_text()),
    }?;
    let nulls = described(config, &config.main.key).map_or(&[][..], |column| &column.null);
    if nulls.contains(&key) { Err("means that there is none") } else { Ok(RecordKey::new(key)) }
}

/// How a column of the main table is read, if it is read in a way of its own.
fn described<'a>(config: &'a Config, name: &str) -> Option<&'a Column> {
    match &config.columns {
        Columns::Described(described) => described.get(name),
        Columns::Listed(_) => None,
    }
}

/// An identifier as text: hexadecimal digits, or a UUID where the channel says so.
fn id_text(config: &Config, name: &str, bytes: &[u8]) -> String {
    let is_uuid = described(config, name).is_some_and(|it| it.becomes == Some(Becomes::Uuid));
    let uuid = uuid::Uuid::from_slice(bytes).ok().filter(|_| is_uuid);
    uuid.map_or_else(|| hex::encode(bytes), |uuid| uuid.to_string())
}

/// Reads one record, column by column, and collects what was found in its text.
struct RecordReader<'a> {
    plan: &'a Plan,
    config: &'a Config,
    report: TextReport,
    /// The column (`table.column`) with the first malformed sequence, and a description of the sequence.
    malformed: Option<(String, String)>,
}

impl RecordReader<'_> {
    fn object(&mut self, table: &str, part: &str, row: &Row) -> Map<String, Json> {
        let columns = row.columns.iter().filter(|(name, value)| self.is_needed(part, name, value));
        let columns: Vec<_> = columns.collect();
        let value =
            |(name, value): &(String, Value)| (name.clone(), self.value(table, part, name, value));
        columns.into_iter().map(value).collect()
    }

    /// Whether a column belongs into the record: a photo that nobody reads must not reject its row.
    fn is_needed(&self, part: &str, column: &str, value: &Value) -> bool {
        let Value::Bytes(bytes) = value else { return true };
        !part.is_empty()
            || self.plan.main.is_mapped(column)
            || decode_column(bytes, self.config.charset, None).malformed.is_empty()
    }

    fn value(&mut self, table: &str, part: &str, column: &str, value: &Value) -> Json {
        let described = described(self.config, column).filter(|_| part.is_empty());
        let charset = described.and_then(|column| column.charset).unwrap_or(self.config.charset);
        let json = self.read(table, part, column, value, charset);
        let is_null = described
            .zip(json.as_str())
            .is_some_and(|(column, text)| column.null.iter().any(|null| null == text));
        if is_null { Json::Null } else { json }
    }

    fn read(
        &mut self,
        table: &str,
        part: &str,
        column: &str,
        value: &Value,
        charset: Charset,
    ) -> Json {
        // `widths` applies to the main table only.
        let width = self.config.widths.get(column).filter(|_| part.is_empty());
        let width = width.and_then(|width| usize::try_from(*width).ok());
        let field = || if part.is_empty() { column.to_owned() } else { format!("{part}.{column}") };
        match value {
            Value::Id(bytes) => Json::String(id_text(self.config, column, bytes)),
            Value::BrokenText(bytes) if charset == Charset::Utf8 => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let offset = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                let detail = malformed_detail(&[Span { offset, len: 1 }], "UTF-8");
                let detail = format!("{detail}, in a text column");
                self.add_malformed(table, column, field(), detail);
                Json::String(text)
            }
            Value::Bytes(bytes) | Value::BrokenText(bytes) => {
                let decoded = decode_column(bytes, charset, width);
                self.report.charset = charset.name().into();
                self.report.decided_by = DecidedBy::Declared;
                if !decoded.malformed.is_empty() {
                    let detail = malformed_detail(&decoded.malformed, charset.name());
                    self.add_malformed(table, column, field(), detail);
                }
                if !decoded.moved.is_empty() {
                    let detail = format!(
                        "{} private-use characters were replaced with standard ones",
                        decoded.moved.len()
                    );
                    self.add_finding(field(), QualityFlag::RepairedText, detail);
                }
                if decoded.truncated {
                    self.add_finding(
                        field(),
                        QualityFlag::Truncated,
                        format!("{} bytes", bytes.len()),
                    );
                }
                Json::String(decoded.text.into_owned())
            }
            Value::Text(text) => {
                if width.is_some_and(|width| text.chars().count() == width) {
                    let detail = format!("{} characters", text.chars().count());
                    self.add_finding(field(), QualityFlag::Truncated, detail);
                }
                Json::String(text.clone())
            }
            other => other.to_json(),
        }
    }

    fn add_malformed(&mut self, table: &str, column: &str, field: String, detail: String) {
        self.add_finding(field, QualityFlag::MalformedBytes, detail.clone());
        self.malformed.get_or_insert((format!("{table}.{column}"), detail));
    }

    fn add_finding(&mut self, field: String, flag: QualityFlag, detail: String) {
        self.report.flags.push(FieldFlag { field, flag, detail });
    }
}

/// The row in the format of a fixture, so that it can be read again after a correction.
fn to_fixture(plan: &Plan, row: &Row, parts: &Parts) -> Bytes {
    let object = |row: &Row| -> Map<String, Json> {
        row.columns.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    };
    let mut tree = object(row);
    for part in &plan.parts {
        if let Some(rows) = parts.get(&part.name) {
            let array = rows.iter().map(|row| Json::Object(object(row))).collect();
            tree.insert(part.name.clone(), Json::Array(array));
        }
    }
    Bytes::from(Json::Object(tree).to_string())
}

fn parse_rows(rows: Json) -> Option<Vec<Row>> {
    let rows: Vec<Map<String, Json>> = serde_json::from_value(rows).ok()?;
    rows.into_iter().map(parse_row).collect()
}

fn parse_row(columns: Map<String, Json>) -> Option<Row> {
    let columns = columns.into_iter().map(|(name, json)| Some((name, Value::from_json(json)?)));
    Some(Row { columns: columns.collect::<Option<_>>()?, ..Row::default() })
}
