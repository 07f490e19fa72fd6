//! The cursor of the scripted connector: how far each partition was read, and what defective ones
//! look at besides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::world::{Row, World};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct Mark {
    pub(crate) reached: BTreeMap<usize, u64>,
    /// There was a read before.
    pub(crate) is_begun: bool,
    /// The read before it was caught up.
    pub(crate) is_end: bool,
    /// The newest time that was read.
    pub(crate) newest: i64,
    /// The last place when the walk began.
    pub(crate) snapshot: u64,
    pub(crate) n_deleted: usize,
    /// The source was empty when it was first read, and nothing was read since.
    pub(crate) is_from_empty: bool,
    pub(crate) looked: u32,
    pub(crate) counts: bool,
    pub(crate) loads: u32,
    pub(crate) notes: Vec<String>,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            reached: BTreeMap::new(),
            is_begun: false,
            is_end: false,
            newest: i64::MIN,
            snapshot: 0,
            n_deleted: 0,
            is_from_empty: false,
            looked: 0,
            counts: false,
            loads: 0,
            notes: Vec::new(),
        }
    }
}

impl Mark {
    pub(crate) fn has_passed(&self, row: &Row) -> bool {
        self.reached.get(&row.partition).is_some_and(|reached| *reached >= row.place)
    }

    /// The mark behind a page.
    pub(crate) fn passing(&self, page: &[Row], world: &World) -> Self {
        let mut mark = Self { loads: 0, is_begun: true, ..self.clone() };
        if !self.is_begun || self.is_end {
            mark.snapshot = world.next;
        }
        mark.n_deleted = world.deleted.len();
        mark.is_from_empty =
            !self.is_begun && page.is_empty() || self.is_from_empty && page.is_empty();
        for row in page {
            let reached = mark.reached.entry(row.partition).or_default();
            *reached = row.place.max(*reached);
            mark.newest = mark.newest.max(row.stamp);
        }
        mark
    }
}

/// As it is written; reading it counts, where that is the defect.
#[derive(Deserialize)]
struct Written {
    reached: BTreeMap<usize, u64>,
    is_begun: bool,
    is_end: bool,
    newest: i64,
    snapshot: u64,
    n_deleted: usize,
    is_from_empty: bool,
    looked: u32,
    counts: bool,
    loads: u32,
    notes: Vec<String>,
}

impl From<Written> for Mark {
    fn from(written: Written) -> Self {
        let Written {
            reached,
            is_begun,
            is_end,
            newest,
            snapshot,
            n_deleted,
            is_from_empty,
            looked,
            counts,
            loads,
            notes,
        } = written;
        let loads = loads + u32::from(counts);
        Self {
            reached,
            is_begun,
            is_end,
            newest,
            snapshot,
            n_deleted,
            is_from_empty,
            looked,
            counts,
            loads,
            notes,
        }
    }
}
