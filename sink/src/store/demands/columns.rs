//! The one table of what a demand looks like as a row, so that column lists, bindings and reading
//! back cannot disagree, whichever database it is.
//!
//! Version, times of sight and the sequence are not here: they are the store's own state of a row.

use std::borrow::Cow;

use contract::{Demand, DemandId, Timestamp};
use serde::Serialize;

/// One column: its name, which is the wire name, and how to fill it.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) get: Get,
}

/// How a column is filled; the variant is its type.
pub(crate) enum Get {
    Id(fn(&Demand) -> DemandId),
    Text(fn(&Demand) -> Option<&str>),
    Int(fn(&Demand) -> Option<i64>),
    Bool(fn(&Demand) -> Option<bool>),
    Time(fn(&Demand) -> Option<Timestamp>),
    Json(fn(&Demand) -> Option<String>),
    Bytes(fn(&Demand) -> Option<&[u8]>),
}

/// A value on its way into a row; each store binds it in its own types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Id(DemandId),
    Text(&'a str),
    Int(i64),
    Bool(bool),
    Time(Timestamp),
    Json(Cow<'a, str>),
    Bytes(&'a [u8]),
}

impl Column {
    /// The value of this column for `demand`.
    pub(crate) fn cell<'a>(&self, demand: &'a Demand) -> Cell<'a> {
        let cell = match self.get {
            Get::Id(get) => Some(Cell::Id(get(demand))),
            Get::Text(get) => get(demand).map(Cell::Text),
            Get::Int(get) => get(demand).map(Cell::Int),
            Get::Bool(get) => get(demand).map(Cell::Bool),
            Get::Time(get) => get(demand).map(Cell::Time),
            Get::Json(get) => get(demand).map(|json| Cell::Json(Cow::Owned(json))),
            Get::Bytes(get) => get(demand).map(Cell::Bytes),
        };
        cell.unwrap_or(Cell::Null)
    }
}

macro_rules! column {
    (text $field:ident) => {
        column!($field, Text, |d| d.body.$field.as_deref())
    };
    (code $field:ident) => {
        column!($field, Text, |d| d.body.$field.map(|value| value.code()))
    };
    (int $field:ident) => {
        column!($field, Int, |d| d.body.$field.map(i64::from))
    };
    (bool $field:ident) => {
        column!($field, Bool, |d| d.body.$field)
    };
    (time $field:ident) => {
        column!($field, Time, |d| d.body.$field)
    };
    (json $field:ident) => {
        column!($field, Json, |d| json(&d.body.$field))
    };
    ($field:ident, $type:ident, $get:expr) => {
        Column { name: stringify!($field), get: Get::$type($get) }
    };
}

/// All of them, small ones first.
pub(crate) const COLUMNS: &[Column] = &[
    column!(id, Id, |d| d.id),
    column!(channel, Text, |d| Some(d.channel.as_str())),
    column!(source_key, Text, |d| Some(d.source_key.as_str())),
    column!(digest, Bytes, |d| Some(&d.digest.0)),
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
    column!(origin, Json, |d| serde_json::to_string(&d.origin).ok()),
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
    column!(unmasked, Bytes, |d| d.body.unmasked.as_ref().map(|sealed| sealed.0.as_slice())),
];

/// The row of a demand.
pub(crate) fn cells(demand: &Demand) -> Vec<Cell<'_>> {
    COLUMNS.iter().map(|column| column.cell(demand)).collect()
}

/// The first column that holds a NUL: no database takes it in text, and PostgreSQL refuses the
/// whole batch for it.
pub(crate) fn nul_in(cells: &[Cell<'_>]) -> Option<&'static str> {
    let holds_nul = |cell: &Cell<'_>| match cell {
        Cell::Text(text) => text.contains('\0'),
        Cell::Json(json) => escapes_nul(json),
        _ => false,
    };
    COLUMNS.iter().zip(cells).find(|(_, cell)| holds_nul(cell)).map(|(column, _)| column.name)
}

/// Whether JSON text contains an escaped NUL, not merely a backslash before `u0000`.
fn escapes_nul(json: &str) -> bool {
    json.match_indices(r"\u0000").any(|(at, _)| {
        let backslashes = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
}

/// Nothing is null, not an empty list.
fn json<T: Serialize + Default + PartialEq>(value: &T) -> Option<String> {
    if *value == T::default() { None } else { serde_json::to_string(value).ok() }
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
