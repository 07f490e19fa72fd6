//! Reads the values of the column of `changes`, and writes times for it.
//!
//! The database compares values, as text where the column is text. So a time has to be written as
//! the source writes it: in the same format, zone and storage class. A value that is neither a time
//! nor a number is no error; it does not move the position.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use document::{TimeFormat, delta};

use crate::value::Value;

/// Format of a text column where the channel declares none.
const DEFAULT_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The format and zone of a column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnFormat {
    format: TimeFormat,
    /// The settings say that the column has text.
    pub(crate) is_declared: bool,
}

/// A value that could be read. Times and numbers are never compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeValue {
    Number(i128),
    Time(DateTime<Utc>),
}

impl ColumnFormat {
    /// Refuses a text that is not a format, and a format whose texts do not sort by time.
    pub(crate) fn new(declared: Option<&str>, zone: Tz) -> Result<Self, String> {
        let format = TimeFormat::new(declared.unwrap_or(DEFAULT_FORMAT), zone)?;
        // Every 46 days and some hours for 25 years: all orders of day, month and hour.
        let times =
            (0..200).filter_map(|n| DateTime::from_timestamp(946_598_399 + n * 4_000_037, 0));
        let texts: Vec<String> = times.map(|time| format.write(time)).collect();
        // Counts since 1970 get longer; they are compared as numbers or not at all.
        if format.is_count() || texts.is_sorted_by(|a, b| a < b) {
            Ok(Self { format, is_declared: declared.is_some() })
        } else {
            Err(format!("text in the format `{}` does not sort by time", format.as_str()))
        }
    }

    /// A value as a time or a number; `None` where it cannot be read.
    pub(crate) fn read(&self, value: &Value) -> Option<ChangeValue> {
        let number = match value {
            Value::Int(number) => Some(i128::from(*number)),
            Value::Unsigned(number) => Some(i128::from(*number)),
            Value::Decimal(text) => text.parse().ok(),
            _ => None,
        };
        let local = |time| Some(self.format.from_local(time));
        let time = match (value, number) {
            (_, Some(number)) if !self.is_declared => return Some(ChangeValue::Number(number)),
            (_, Some(number)) => self.format.read(&number.to_string()),
            (Value::Text(text), _) => self.format.read(text),
            (Value::Bytes(bytes), _) => self.format.read(str::from_utf8(bytes).ok()?),
            (Value::Date(date), _) => local(date.and_time(NaiveTime::MIN)),
            (Value::Local(time), _) => local(*time),
            (Value::Instant(time), _) => Some(*time),
            _ => None,
        };
        time.map(ChangeValue::Time)
    }

    /// The value from which the next sweep begins: the earlier of `newest` and `now`, minus the overlap.
    /// `None` where `newest` cannot be read.
    pub(crate) fn next_start(
        &self,
        newest: &Value,
        now: DateTime<Utc>,
        overlap: Duration,
    ) -> Option<Value> {
        match self.read(newest)? {
            ChangeValue::Number(_) => Some(newest.clone()),
            ChangeValue::Time(time) => {
                self.write_like(newest, time.min(now).checked_sub_signed(delta(overlap))?)
            }
        }
    }

    /// A time as a value of the same class as `example`; `None` where that is not a time.
    pub(crate) fn write_like(&self, example: &Value, time: DateTime<Utc>) -> Option<Value> {
        let ChangeValue::Time(_) = self.read(example)? else { return None };
        let (local, text) = (self.format.to_local(time), self.format.write(time));
        Some(match example {
            Value::Text(_) => Value::Text(text),
            Value::Bytes(_) => Value::Bytes(text.into_bytes()),
            Value::Int(_) => Value::Int(text.parse().ok()?),
            Value::Unsigned(_) => Value::Unsigned(text.parse().ok()?),
            Value::Decimal(_) => Value::Decimal(text),
            Value::Date(_) => Value::Date(local.date()),
            Value::Local(_) => Value::Local(local),
            Value::Instant(_) => Value::Instant(time),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
