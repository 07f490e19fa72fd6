//! The position of a channel in its tables, and the rows to acknowledge.
//!
//! Every walk has its own position, so a row that blocks one walk does not block another. The rows
//! to acknowledge are stored with the positions: a crash between `advance` and `settled` loses no
//! acknowledgement.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{plan::Target, value::Value};

/// A position in a table and its parts.
// No field is optional when it is read: the cursor of another channel must not be taken for an empty one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The walk that is next.
    pub(crate) turn: usize,
    /// How many pages this turn has had.
    pub(crate) pages: usize,
    /// How many walks in a row have reached their end: all of them means caught up.
    pub(crate) quiet: usize,
    /// In the main table.
    pub(crate) main: Places,
    /// In the tables of the parts, by their names.
    pub(crate) parts: BTreeMap<String, Places>,
    /// Pending rows of the main table that the last batch has read.
    pub(crate) owed: Vec<PendingAck>,
    /// The same for the parts.
    pub(crate) owed_parts: BTreeMap<String, Vec<PendingAck>>,
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
    /// The column; the values below have no meaning for another one.
    pub(crate) column: String,
    /// The value from which it begins; `None` for the beginning.
    pub(crate) since: Option<Value>,
    /// The last (value, key) of this sweep.
    pub(crate) after: Option<(Value, Value)>,
    /// The greatest readable value ever seen.
    pub(crate) seen: Option<Value>,
    /// The source's clock when the sweep came so near to it that rows before its position may have
    /// been invisible.
    pub(crate) near: Option<DateTime<Utc>>,
}

impl fmt::Debug for Cursor {
    // Keys must not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("owed", &self.owed.len()).finish_non_exhaustive()
    }
}

impl Sweep {
    /// Starts again where the channel now names another column: reading twice does no harm.
    pub(crate) fn of(&mut self, target: &Target) {
        let column = target.changes.as_ref().map_or("", |changes| changes.column.as_str());
        if self.column != column {
            *self = Self { column: column.to_owned(), ..Self::default() };
        }
    }
}

/// A walk that is repeated from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round<P> {
    /// When the last one began, by the source's clock.
    pub(crate) started: Option<DateTime<Utc>>,
    /// The position in it; `None` when it is complete.
    pub(crate) after: Option<P>,
}

/// A position among the records that one part row belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Within {
    /// The number of the walk that waits.
    pub(crate) turn: usize,
    /// The key of the part row.
    pub(crate) part: Value,
    /// After this key of the main table.
    pub(crate) after: Value,
}

/// A row to acknowledge if it is still as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingAck {
    pub(crate) key: Value,
    /// The value of the column that grows.
    pub(crate) seen: Option<Value>,
}

#[cfg(test)]
mod tests;
