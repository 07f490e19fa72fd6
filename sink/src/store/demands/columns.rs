//! The columns of the table `demand`: one list, for reading and writing in both databases.
//!
//! The version, `first_seen_at`, `last_seen_at` and `seq` (the row number) are not in the list, because a plan
//! sets them.

use std::borrow::Cow;

use contract::Demand;
use serde::Serialize;

use crate::store::database::sql::Value;

/// One column: its name, which is also the name in the wire format, its kind, and its value for a demand.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnKind,
    pub(crate) get: fn(&Demand) -> Value<'_>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Id,
    Text,
    Int,
    Bool,
    Time,
    Json,
    Digest,
    Sealed,
}

macro_rules! column {
    (text $field:ident) => {
        column!($field, Text, |d| Value::Text(d.body.$field.as_deref()))
    };
    (code $field:ident) => {
        column!($field, Text, |d| Value::Text(d.body.$field.map(|value| value.code())))
    };
    (int $field:ident) => {
        column!($field, Int, |d| Value::Int(d.body.$field.map(i64::from)))
    };
    (bool $field:ident) => {
        column!($field, Bool, |d| Value::Bool(d.body.$field))
    };
    (time $field:ident) => {
        column!($field, Time, |d| Value::Time(d.body.$field))
    };
    (json $field:ident) => {
        column!($field, Json, |d| json(&d.body.$field))
    };
    ($field:ident, $kind:ident, $get:expr) => {
        Column { name: stringify!($field), kind: ColumnKind::$kind, get: $get }
    };
}

/// All columns, small ones first.
pub(crate) const COLUMNS: &[Column] = &[
    column!(id, Id, |d| Value::Id(d.id)),
    column!(channel, Text, |d| d.channel.as_str().into()),
    column!(source_key, Text, |d| d.source_key.as_str().into()),
    column!(digest, Digest, |d| d.digest.0.as_slice().into()),
    column!(text source_no),
    column!(code kind),
    column!(text kind_raw),
    column!(text category),
    column!(text category_raw),
    column!(time received_at),
    column!(time occurred_at),
    column!(time updated_at),
    column!(code urgency),
    column!(text region),
    column!(text region_raw),
    column!(text address_area),
    column!(int people_count),
    column!(code initiative),
    column!(text grid),
    column!(bool anonymous),
    column!(bool confidential),
    column!(code status),
    column!(text status_raw),
    column!(text org),
    column!(text org_raw),
    column!(time accepted_at),
    column!(time dispatched_at),
    column!(time signed_at),
    column!(time responded_at),
    column!(time resolved_at),
    column!(time closed_at),
    column!(time due_at),
    column!(time wish_at),
    column!(json counts),
    column!(json flags),
    column!(json location),
    column!(json repeat),
    column!(json enterprise),
    column!(json org_joint),
    column!(json tags),
    column!(text title),
    column!(origin, Json, |d| json(&Some(&d.origin))),
    column!(json quality),
    column!(json address),
    column!(json people),
    column!(json related),
    column!(json attachments),
    column!(json evaluations),
    column!(json tasks),
    column!(json trail),
    column!(text content),
    column!(text reply),
    column!(unmasked, Sealed, |d| {
        Value::Bytes(d.body.unmasked.as_ref().map(|sealed| sealed.0.as_slice()))
    }),
];

/// The values of a demand, in the order of the columns.
pub(crate) fn values(demand: &Demand) -> Vec<Value<'_>> {
    COLUMNS.iter().map(|column| (column.get)(demand)).collect()
}

/// The name of the first column that contains a NUL. PostgreSQL refuses it, so no store may keep such a demand.
pub(crate) fn column_with_nul(values: &[Value<'_>]) -> Option<&'static str> {
    let has_nul = |value: &Value<'_>| match value {
        Value::Text(Some(text)) => text.contains('\0'),
        Value::Json(Some(json)) => escapes_nul(json),
        _ => false,
    };
    COLUMNS.iter().zip(values).find(|(_, value)| has_nul(value)).map(|(column, _)| column.name)
}

/// Whether a JSON text contains an escaped NUL (`\u0000`). After an escaped backslash, `u0000` is plain text.
fn escapes_nul(json: &str) -> bool {
    json.match_indices(r"\u0000").any(|(start, _)| {
        let backslashes = json[..start].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
}

/// A value as JSON; null if the value is empty.
fn json<T: Serialize + Default + PartialEq>(value: &T) -> Value<'static> {
    let text = (*value != T::default()).then(|| serde_json::to_string(value).ok()).flatten();
    Value::Json(text.map(Cow::Owned))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contract::DemandBody;

    use super::*;

    #[test]
    fn every_field_of_a_demand_has_its_column() {
        let own = ["id", "channel", "source_key", "digest", "origin"];
        let fields: BTreeSet<_> = DemandBody::FIELDS.iter().copied().chain(own).collect();
        let columns: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(columns, fields);
        assert_eq!(columns.len(), COLUMNS.len(), "a column stands twice");
    }

    #[test]
    fn an_escaped_backslash_is_not_a_nul() {
        assert!(escapes_nul(r#"["a\u0000"]"#));
        assert!(escapes_nul(r#"["\\\u0000"]"#));
        assert!(!escapes_nul(r#"["a\\u0000"]"#));
    }
}
