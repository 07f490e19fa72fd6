//! Rules, each of which reads the value of one field from a record. They are made when the mapping is
//! built, and applied to every record.
//!
//! If a value cannot be read, a rule gives `None` and adds a quality flag to the notes.

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
pub(crate) use time::{Limit, TimeFormat, TimeRule};

/// Reads one value from a record.
pub(crate) trait Rule<V>: Send + Sync + 'static {
    /// The value; `None` if the record has none, or none that can be read.
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<V>;
}
