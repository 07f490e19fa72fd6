//! Decides whether a state of a tap is later than another.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;

/// Whether `new` may replace `old`. A state that is empty, or in which bookmarks have only gone back, may
/// not: an interrupted tap may write one.
pub(crate) fn is_forward(old: Option<&Value>, new: &Value) -> bool {
    if is_empty(new) {
        return false;
    }
    let mut changes = Changes::default();
    if let Some(old) = old {
        compare(old, new, &mut changes);
    }
    changes.has_forward || !changes.has_back
}

/// Whether the state contains no value.
fn is_empty(state: &Value) -> bool {
    match state {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.iter().all(is_empty),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether any value has gone forward, and whether any has gone back.
#[derive(Default)]
struct Changes {
    has_forward: bool,
    has_back: bool,
}

/// Compares the values that are in both states. Texts that are neither times nor numbers have no order.
fn compare(old: &Value, new: &Value, changes: &mut Changes) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                if let Some(earlier) = old.get(name) {
                    compare(earlier, value, changes);
                }
            }
        }
        (old, new) if !is_empty(old) && is_empty(new) => changes.has_back = true,
        (old, new) => match order(old, new) {
            Some(Ordering::Less) => changes.has_forward = true,
            Some(Ordering::Greater) => changes.has_back = true,
            Some(Ordering::Equal) | None => {}
        },
    }
}

fn order(old: &Value, new: &Value) -> Option<Ordering> {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => old.as_f64()?.partial_cmp(&new.as_f64()?),
        (Value::String(old), Value::String(new)) => match (parse_time(old), parse_time(new)) {
            (Some(old), Some(new)) => Some(old.cmp(&new)),
            _ => Some(old.parse::<i64>().ok()?.cmp(&new.parse().ok()?)),
        },
        _ => None,
    }
}

/// All times of one tap have the same format, so times without an offset can be compared as they are.
fn parse_time(text: &str) -> Option<NaiveDateTime> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.naive_utc());
    let naive = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let date = || text.parse::<NaiveDate>().ok().map(NaiveDateTime::from);
    time.ok().or_else(naive).or_else(date)
}

#[cfg(test)]
mod tests;
