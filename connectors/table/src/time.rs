//! Reads the values of the column of `changes`, and writes times to compare with it.
//!
//! The database compares the values; in a text column, it compares text. So a time must be written as
//! the source writes it: in the same format, time zone and type. A value that is neither a time nor a
//! number is not an error, but does not move the position.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use document::{TimeFormat, delta};

use crate::value::Value;

/// The format of a text column if the settings declare none.
const DEFAULT_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The format and time zone of a column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnFormat {
    format: TimeFormat,
    /// Whether the settings declare the format.
    pub(crate) is_declared: bool,
}

/// A value that could be read. Times and numbers are never compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeValue {
    Number(i128),
    Time(DateTime<Utc>),
}

/// What a format of text may consist of, in this order: of all other signs of time, texts do not sort in the order of
/// their times.
const SORTED: [&str; 7] = ["%Y", "%m", "%d", "%H", "%M", "%S", "%f"];

impl ColumnFormat {
    /// Refuses a format that is invalid, or in which times do not sort in their order.
    pub(crate) fn new(declared: Option<&str>, zone: Tz) -> Result<Self, String> {
        let format = TimeFormat::new(declared.unwrap_or(DEFAULT_FORMAT), zone)?;
        // Counts since 1970 need not sort as text: they are compared as numbers.
        if format.is_unix_time() || is_sorted(format.as_str()) {
            return Ok(Self { format, is_declared: declared.is_some() });
        }
        Err(format!(
            "text in the format `{}` does not sort by time: databases compare it letter by letter, so only {} may \
             stand in it, in this order, with other letters between them",
            format.as_str(),
            SORTED.join(" ")
        ))
    }

    /// A value as a time or a number; `None` if it is neither.
    pub(crate) fn read(&self, value: &Value) -> Option<ChangeValue> {
        let number = match value {
            Value::Int(number) => Some(i128::from(*number)),
            Value::Unsigned(number) => Some(i128::from(*number)),
            // A fraction is left out: it only decides between neighbours.
            Value::Decimal(text) => text.split('.').next().and_then(|whole| whole.parse().ok()),
            Value::Real(number) => format!("{:.0}", number.floor()).parse().ok(),
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

    /// Whether the value is a time after this one.
    pub(crate) fn is_after(&self, value: &Value, latest: DateTime<Utc>) -> bool {
        matches!(self.read(value), Some(ChangeValue::Time(time)) if time > latest)
    }

    /// How far local times are ahead of UTC.
    pub(crate) fn offset(&self, at: DateTime<Utc>) -> TimeDelta {
        self.format.to_local(at) - at.naive_utc()
    }

    /// The value at which the next sweep begins: the earlier of `newest` and `now`, minus the overlap, or
    /// `newest` itself if it is a number. `None` if it cannot be read.
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

    /// `since`, or earlier by as much as the clocks of the zone were set back between then and `now`: in that
    /// hour, local times began once more.
    pub(crate) fn before_repeated_hour(&self, since: &Value, now: DateTime<Utc>) -> Value {
        let Some(ChangeValue::Time(time)) = self.read(since) else { return since.clone() };
        let back = (self.offset(time) - self.offset(now.max(time))).max(TimeDelta::zero());
        let earlier = time.checked_sub_signed(back).filter(|_| !back.is_zero());
        earlier.and_then(|time| self.write_like(since, time)).unwrap_or_else(|| since.clone())
    }

    /// A time as a value of the same type as `example`; `None` if `example` is not a time.
    pub(crate) fn write_like(&self, example: &Value, time: DateTime<Utc>) -> Option<Value> {
        let ChangeValue::Time(_) = self.read(example)? else { return None };
        let (local, text) = (self.format.to_local(time), self.format.write(time));
        Some(match example {
            Value::Text(_) => Value::Text(text),
            Value::Bytes(_) => Value::Bytes(text.into_bytes()),
            Value::Int(_) => Value::Int(text.parse().ok()?),
            Value::Unsigned(_) => Value::Unsigned(text.parse().ok()?),
            Value::Decimal(_) => Value::Decimal(text),
            Value::Real(_) => Value::Real(text.parse().ok()?),
            Value::Date(_) => Value::Date(local.date()),
            Value::Local(_) => Value::Local(local),
            Value::Instant(_) => Value::Instant(time),
            _ => return None,
        })
    }
}

/// Whether texts in a format sort by time: it has the first signs of [`SORTED`] in their order. A fraction of a second
/// may have any width, like `%.f` and `%3f`, because it stands last.
fn is_sorted(format: &str) -> bool {
    let expanded = format
        .replace("%%", "")
        .replace("%F", "%Y-%m-%d")
        .replace("%T", "%H:%M:%S")
        .replace("%R", "%H:%M");
    let mut signs = expanded.split('%').skip(1).peekable();
    let mut expected = SORTED.iter().filter_map(|sign| sign.strip_prefix('%'));
    signs.peek().is_some()
        && signs.all(|sign| {
            let is_fraction = sign.trim_start_matches(['.', '3', '6', '9']).starts_with('f');
            match expected.next() {
                Some("f") => is_fraction,
                Some(expected) => sign.starts_with(expected),
                None => false,
            }
        })
}

#[cfg(test)]
mod tests;
