//! Which fields a demand has that a demand has from its first day. A source that silently stops to say
//! one of them shows there: every record is still a demand, and all of them are poorer.

use crate::DemandBody;

/// Which of the fields in [`Shape::FIELDS`] a demand has. Fields that come with the handling are not
/// among them: an open demand has none of those, and that is no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape([bool; Self::FIELDS.len()]);

impl Shape {
    /// The fields that are looked at; where a source writes a code, its own value counts.
    pub const FIELDS: [&'static str; 8] =
        ["source_no", "title", "content", "kind", "region", "received_at", "status", "people"];

    /// The shape with these of [`Shape::FIELDS`], in their order.
    pub fn new(has: [bool; Self::FIELDS.len()]) -> Self {
        Self(has)
    }

    /// The shape of a demand.
    pub fn of(body: &DemandBody) -> Self {
        Self([
            body.source_no.is_some(),
            body.title.is_some(),
            body.content.is_some(),
            body.kind.is_some() || body.kind_raw.is_some(),
            body.region.is_some() || body.region_raw.is_some(),
            body.received_at.is_some(),
            body.status.is_some() || body.status_raw.is_some(),
            !body.people.is_empty(),
        ])
    }

    /// Whether it has the field at this place in [`Shape::FIELDS`].
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or(false)
    }
}
