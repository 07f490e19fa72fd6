//! Where a channel stands in its tables, and what it still owes them.
//!
//! Every walk has its own position, so that a row which one walk cannot pass never holds up
//! another. What is owed stands beside the positions: a crash between `advance` and `settled`
//! loses no acknowledgement.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{plan::Target, value::Value};

/// A position in a table and its parts.
// Nothing here is optional when it is read back: a foreign cursor must not pass for a beginning.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Whose turn it is among the walks.
    pub(crate) turn: usize,
    /// How many pages this turn has had.
    pub(crate) pages: usize,
    /// How many walks, one after the other, have just come to their end: all means caught up.
    pub(crate) quiet: usize,
    /// In the main table.
    pub(crate) main: Places,
    /// In the tables of the parts, by their names.
    pub(crate) parts: BTreeMap<String, Places>,
    /// Rows of the main table that the last batch read and that are still pending.
    pub(crate) owed: Vec<Debt>,
    /// Rows of the parts likewise.
    pub(crate) owed_parts: BTreeMap<String, Vec<Debt>>,
}

/// Positions of the walks over one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Places {
    pub(crate) sweep: Sweep,
    /// After this key, in the walk over pending rows.
    pub(crate) pending: Option<Value>,
    pub(crate) undated: Round<Value>,
    pub(crate) reread: Round<(Value, Value)>,
    /// After so many rows without a key.
    pub(crate) keyless: Round<u64>,
    /// Set while the records of one part row do not fit into one batch.
    pub(crate) within: Option<Within>,
}

/// The walk along the column that grows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The column that is swept: in another one the values below mean nothing.
    pub(crate) column: String,
    /// From this value on; from the beginning when `None`.
    pub(crate) since: Option<Value>,
    /// After this (value, key) within the sweep.
    pub(crate) after: Option<(Value, Value)>,
    /// The greatest usable value ever seen.
    pub(crate) seen: Option<Value>,
    /// The source's clock when the sweep came so near to it that rows behind its position may
    /// still have been invisible.
    pub(crate) near: Option<DateTime<Utc>>,
}

impl fmt::Debug for Cursor {
    // Keys of the source are nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("owed", &self.owed.len()).finish_non_exhaustive()
    }
}

impl Sweep {
    /// Starts over where the channel now names another column: reading again loses nothing.
    pub(crate) fn of(&mut self, target: &Target) {
        let column = target.changes.as_ref().map_or("", |changes| changes.column.as_str());
        if self.column != column {
            *self = Self { column: column.to_owned(), ..Self::default() };
        }
    }
}

/// A walk that is taken up anew from time to time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round<P> {
    /// When the last one was begun, by the source's clock.
    pub(crate) started: Option<DateTime<Utc>>,
    /// The position in it; `None` when it is over.
    pub(crate) after: Option<P>,
}

impl<P> Default for Round<P> {
    fn default() -> Self {
        Self { started: None, after: None }
    }
}

/// A position among the records that one part row belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Within {
    /// The walk that is held up, as its number.
    pub(crate) turn: usize,
    /// The key of the part row.
    pub(crate) part: Value,
    /// After this key of the main table.
    pub(crate) after: Value,
}

/// A row that has to be acknowledged, provided it is still as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Debt {
    pub(crate) key: Value,
    /// What the column that grows held.
    pub(crate) seen: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_cursor_is_not_taken_for_a_beginning() {
        let own = serde_json::to_value(Cursor::default()).unwrap();
        assert!(serde_json::from_value::<Cursor>(own.clone()).is_ok());
        let mut older = own.clone();
        older["main"].as_object_mut().unwrap().remove("sweep");
        let mut newer = own;
        newer["more"] = true.into();
        for foreign in [older, newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
            assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
        }
    }
}
