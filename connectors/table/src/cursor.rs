//! The position of a channel in its tables, and the rows to acknowledge.
//!
//! Every scan has its own position, so a row that blocks one scan does not block another. The cursor
//! also holds the rows to acknowledge, so a crash between `advance` and `settled` loses no
//! acknowledgement.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, Utc};
use connector_wire::identity::Identity;
use serde::{Deserialize, Serialize};

use crate::{
    numbers::{self, Numbers},
    plan::TablePlan,
    seen::{Acknowledged, Seen},
    value::Value,
};

/// A position in a table and its parts.
// Fields have no default, so that the cursor of another connector is not read as an empty one. Only
// those that were added later have one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The index of the next scan.
    pub(crate) next_scan: usize,
    /// Number of pages that this scan has read in a row.
    pub(crate) n_pages: usize,
    /// Number of scans in a row that have reached their end. If all have, the channel is caught up.
    pub(crate) n_ended: usize,
    /// Positions in the main table.
    pub(crate) main: Positions,
    /// Positions in the tables of the parts, by the names of the parts.
    pub(crate) parts: BTreeMap<String, Positions>,
    /// Pending rows of the last batch, by the name of the part; `""` for the main table.
    pub(crate) to_acknowledge: BTreeMap<String, Vec<PendingAck>>,
    /// The columns of the main table that the mapping read in the last batch.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) mapped: BTreeSet<String>,
    /// The settings under which records were read; `None` if none was, and in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    /// A hash of the settings that decide which rows are read; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
}

/// Positions of the scans over one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Positions {
    pub(crate) sweep: SweepPosition,
    /// The last key that the scan over pending rows has read; `None` before its first page.
    pub(crate) pending: Option<Value>,
    /// The position is the last key.
    pub(crate) undated: RepeatedScan<Value>,
    /// The position is the last (value, key).
    pub(crate) reread: RepeatedScan<(Value, Value)>,
    /// The position is the number of rows already read.
    pub(crate) keyless: RepeatedScan<u64>,
    /// A part row whose records did not fit into one batch.
    pub(crate) unfinished: Option<UnfinishedPart>,
    /// Rows that were acknowledged lately.
    #[serde(default)]
    pub(crate) acknowledged: Acknowledged,
}

/// The position of the scan along the column of `changes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SweepPosition {
    /// The column that contains the values below.
    pub(crate) column: String,
    /// The value at which the sweep begins; `None` for the first row in the first sweep, and `Null` in a later
    /// one.
    pub(crate) since: Option<Value>,
    /// The last (value, key) that was read.
    pub(crate) after: Option<(Value, Value)>,
    /// The greatest readable value that was ever read.
    pub(crate) newest: Option<Value>,
    /// When this sweep first read a row younger than the overlap, by the source's clock. Since then, rows
    /// before its position may have become visible.
    #[serde(rename = "near_since")]
    pub(crate) overlap_since: Option<DateTime<Utc>>,
    /// In a column of numbers: what is known about numbers that may become visible late.
    #[serde(default, deserialize_with = "numbers::read")]
    pub(crate) numbers: Numbers,
    /// What it has read before.
    #[serde(default)]
    pub(crate) seen: Seen,
}

impl fmt::Debug for Cursor {
    // Keys must not appear in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} to acknowledge)", self.to_acknowledge.len())
    }
}

impl Cursor {
    /// Whether this is a position among the rows of this source.
    pub(crate) fn is_of(&self, source: &str) -> bool {
        self.source.as_deref().is_none_or(|earlier| earlier == source)
    }

    /// Fits the position to the current settings, and returns whether it begins anew: among other rows it means
    /// nothing. Reading rows twice does no harm.
    pub(crate) fn fit_to(&mut self, source: &str) -> bool {
        let is_other = !self.is_of(source);
        if is_other {
            *self = Self { identity: self.identity.take(), ..Self::default() };
        }
        self.source = Some(source.to_owned());
        is_other
    }
}

impl SweepPosition {
    /// Starts again if the settings now name another column. Reading rows twice does no harm.
    pub(crate) fn reset_if_changed(&mut self, table: &TablePlan) {
        let column = table.changes.as_ref().map_or("", |changes| changes.column.as_str());
        if self.column != column {
            *self = Self { column: column.to_owned(), ..Self::default() };
        }
    }
}

/// The position of a scan that is repeated at intervals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RepeatedScan<P> {
    /// When the scan last began, by the source's clock.
    pub(crate) started: Option<DateTime<Utc>>,
    /// The position in the scan; `None` when it is complete.
    pub(crate) after: Option<P>,
    /// What it has read before.
    #[serde(default)]
    pub(crate) seen: Seen,
}

/// A part row whose records did not fit into one batch, with the position among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnfinishedPart {
    /// The index of the scan that found it.
    pub(crate) scan: usize,
    /// The key of the part row.
    pub(crate) part: Value,
    /// The key of the last record that was read, in the main table.
    pub(crate) after: Value,
}

/// A row to acknowledge, if it has not changed since it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingAck {
    pub(crate) key: Value,
    /// The value of the column of `changes` when the row was read; `None` if the row has none.
    pub(crate) changed: Option<Value>,
    /// The digest of what the row said in its other columns; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<u64>,
}

#[cfg(test)]
mod tests;
