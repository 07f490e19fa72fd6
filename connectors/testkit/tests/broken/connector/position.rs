//! The cursor of the scripted connector: how far each partition was read, and fields that only
//! defective connectors use.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::world::{Row, World};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The place of the last row that was read, for each partition.
    pub(crate) reached: BTreeMap<usize, u64>,
    /// Whether there was an earlier read.
    pub(crate) is_begun: bool,
    /// Whether the last read was caught up.
    pub(crate) is_end: bool,
    /// The newest time that was read.
    pub(crate) newest: i64,
    /// The last place when this pass began.
    pub(crate) snapshot: u64,
    /// How many rows had been deleted.
    pub(crate) n_deleted: usize,
    /// Whether the source was empty at the first read, and nothing has been read since.
    pub(crate) is_from_empty: bool,
    /// The number of reads that found nothing, if they are counted.
    pub(crate) n_idle_reads: u32,
    /// How often the cursor was deserialised, if that is counted.
    #[serde(deserialize_with = "increase")]
    pub(crate) n_loads: Option<u32>,
    /// What makes the cursor too large.
    pub(crate) notes: Vec<String>,
}

impl Default for Position {
    fn default() -> Self {
        Self {
            reached: BTreeMap::new(),
            is_begun: false,
            is_end: false,
            newest: i64::MIN,
            snapshot: 0,
            n_deleted: 0,
            is_from_empty: false,
            n_idle_reads: 0,
            n_loads: None,
            notes: Vec::new(),
        }
    }
}

impl Position {
    /// Whether the row was already read.
    pub(crate) fn has_passed(&self, row: &Row) -> bool {
        self.reached.get(&row.partition).is_some_and(|reached| *reached >= row.place)
    }

    /// The position after a page.
    pub(crate) fn after_page(&self, page: &[Row], world: &World) -> Self {
        let mut position = Self { n_loads: None, is_begun: true, ..self.clone() };
        if !self.is_begun || self.is_end {
            position.snapshot = world.last_place;
        }
        position.n_deleted = world.deleted.len();
        position.is_from_empty =
            !self.is_begun && page.is_empty() || self.is_from_empty && page.is_empty();
        for row in page {
            let reached = position.reached.entry(row.partition).or_default();
            *reached = row.place.max(*reached);
            position.newest = position.newest.max(row.stamp);
        }
        position
    }
}

/// Deserialises `n_loads`, and increases it if it is counted.
fn increase<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<u32>::deserialize(deserializer)?.map(|n_loads| n_loads + 1))
}
