//! The position of a channel in its tables, and the rows to acknowledge.
//!
//! Every scan has its own position, so a row that blocks one scan does not block another. The rows
//! to acknowledge are stored with the positions: a crash between `advance` and `settled` loses no
//! acknowledgement.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{plan::TablePlan, value::Value};

/// A position in a table and its parts.
// No field is optional when it is read: the cursor of another channel must not be taken for an empty one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The scan that is next.
    pub(crate) next_scan: usize,
    /// How many pages it has read in a row.
    pub(crate) n_pages: usize,
    /// How many scans in a row have reached their end; all of them means caught up.
    pub(crate) n_ended: usize,
    /// Positions in the main table.
    pub(crate) main: Positions,
    /// Positions in the tables of the parts, by the names of the parts.
    pub(crate) parts: BTreeMap<String, Positions>,
    /// Pending rows that the last batch has read, by the name of the part; `""` for the main table.
    pub(crate) to_acknowledge: BTreeMap<String, Vec<PendingAck>>,
}

/// Positions of the scans over one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Positions {
    pub(crate) sweep: Sweep,
    /// After this key, in the scan over pending rows.
    pub(crate) pending: Option<Value>,
    pub(crate) undated: Repeated<Value>,
    pub(crate) reread: Repeated<(Value, Value)>,
    /// The position is a number of rows.
    pub(crate) keyless: Repeated<u64>,
    /// A part row whose records did not fit into one batch.
    pub(crate) unfinished: Option<UnfinishedPart>,
}

/// The position of the scan along the column of `changes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The column that the values below belong to.
    pub(crate) column: String,
    /// The value from which it begins; `None` for the beginning.
    pub(crate) since: Option<Value>,
    /// The last (value, key) of this sweep.
    pub(crate) after: Option<(Value, Value)>,
    /// The greatest readable value ever seen.
    pub(crate) newest: Option<Value>,
    /// When the sweep reached rows younger than the overlap, by the source's clock. From then on, rows
    /// before its position may become visible late.
    pub(crate) near_since: Option<DateTime<Utc>>,
}

impl fmt::Debug for Cursor {
    // Keys must not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("to_acknowledge", &self.to_acknowledge.len())
            .finish_non_exhaustive()
    }
}

impl Sweep {
    /// Starts again if the settings name another column now: reading twice does no harm.
    pub(crate) fn reset_if_changed(&mut self, table: &TablePlan) {
        let column = table.changes.as_ref().map_or("", |changes| changes.column.as_str());
        if self.column != column {
            *self = Self { column: column.to_owned(), ..Self::default() };
        }
    }
}

/// The position of a scan that is repeated from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Repeated<P> {
    /// When the last one began, by the source's clock.
    pub(crate) started: Option<DateTime<Utc>>,
    /// The position in it; `None` when it is complete.
    pub(crate) after: Option<P>,
}

/// A part row whose records did not fit into one batch, with the position among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnfinishedPart {
    /// The number of the scan that found it.
    pub(crate) scan: usize,
    /// The key of the part row.
    pub(crate) part: Value,
    /// The key of the last record that was read, in the main table.
    pub(crate) after: Value,
}

/// A row to acknowledge if it is still as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingAck {
    pub(crate) key: Value,
    /// The value of the column that grows.
    pub(crate) changed: Option<Value>,
}

#[cfg(test)]
mod tests;
