//! Rules: how the value at a path is read. They are made when the mapping is built, and applied to millions
//! of records.
//!
//! A rule gives a value, or nothing and a doubt. There is no default: a value that cannot be read
//! is absent.

mod code;
mod personal;
mod point;
mod text;
mod time;

use crate::{notes::Notes, source::Record};

pub(crate) use code::{CodeRule, Coded, ListRule, RegionRule, yes_or_no};
pub(crate) use personal::{PersonalRule, PlainPerson, check_uscc, gender};
pub(crate) use point::PointRule;
pub(crate) use text::{IntRule, TextRule};
pub(crate) use time::{TimeFormat, TimeRule};

/// Reads one value from a record.
pub(crate) trait Rule<V>: Send + Sync + 'static {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<V>;
}
