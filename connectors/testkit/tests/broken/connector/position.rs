//! The cursor of the scripted connector: how far each partition was read, and what only defective
//! connectors use.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::world::{Row, World};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
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
    /// How often it was read back, where that is counted.
    #[serde(deserialize_with = "counted")]
    pub(crate) n_loads: Option<u32>,
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
            looked: 0,
            n_loads: None,
            notes: Vec::new(),
        }
    }
}

impl Position {
    pub(crate) fn has_passed(&self, row: &Row) -> bool {
        self.reached.get(&row.partition).is_some_and(|reached| *reached >= row.place)
    }

    /// The mark after a page.
    pub(crate) fn passing(&self, page: &[Row], world: &World) -> Self {
        let mut mark = Self { n_loads: None, is_begun: true, ..self.clone() };
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

/// Reading it counts, where there is a count.
fn counted<'de, D: Deserializer<'de>>(written: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<u32>::deserialize(written)?.map(|n_loads| n_loads + 1))
}
