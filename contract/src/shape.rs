//! Which fields demands have that a demand has from its first day. A source that silently stops to say
//! one of them shows there: every record is still a demand, and all of them are poorer.

use crate::DemandBody;

/// Counts of demands, and of those among them that have each field. Fields that come with the handling
/// are not counted: an open demand has none of them, and that is no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// How many demands.
    pub demands: u64,
    /// How many of them have the field at the same place in [`Shape::FIELDS`].
    pub present: [u64; Self::FIELDS.len()],
}

impl Shape {
    /// The fields that are counted; where a source writes a code, its own value counts.
    pub const FIELDS: [&'static str; 8] =
        ["source_no", "title", "content", "kind", "region", "received_at", "status", "people"];

    /// Counts one more.
    pub fn add(&mut self, body: &DemandBody) {
        let has = [
            body.source_no.is_some(),
            body.title.is_some(),
            body.content.is_some(),
            body.kind.is_some() || body.kind_raw.is_some(),
            body.region.is_some() || body.region_raw.is_some(),
            body.received_at.is_some(),
            body.status.is_some() || body.status_raw.is_some(),
            !body.people.is_empty(),
        ];
        self.demands += 1;
        for (present, has) in self.present.iter_mut().zip(has) {
            *present += u64::from(has);
        }
    }
}
