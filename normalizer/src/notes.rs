//! What is doubtful in a record, and how much work its mapping may still cost.

use std::collections::HashMap;

use contract::demand::{Quality, QualityFlag};
use normalizer_text::{MAX_REPAIR_STEPS, Repaired, repair_record};

/// The quality flags of a record so far, without duplicates, and the remaining budget.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    quality: Vec<Quality>,
    /// For each field and flag: the indices in `quality`, and the number of flags that were left out after
    /// [`MAX_DETAILS`].
    known: HashMap<(String, QualityFlag), (Vec<usize>, usize)>,
    /// The remaining budget; it is here because every rule gets the notes.
    pub(crate) work: Work,
    /// Whether the source's reader has decoded the escapes `_xHHHH_` of the texts.
    pub(crate) is_unescaped: bool,
}

/// Maximum number of details for each field and flag: a text that is broken everywhere would have a
/// hundred thousand.
const MAX_DETAILS: usize = 100;

impl Notes {
    /// Notes without any flags, with this budget.
    pub(crate) fn new(work: Work, is_unescaped: bool) -> Self {
        Self { work, is_unescaped, ..Self::default() }
    }

    /// Adds a flag to a field. `detail` may name rules, positions and numbers; it never quotes a value.
    pub(crate) fn add(&mut self, field: &str, flag: QualityFlag, detail: Option<&str>) {
        let (indices, n_more) = self.known.entry((field.to_owned(), flag)).or_default();
        if indices.iter().any(|index| self.quality[*index].detail.as_deref() == detail) {
            return;
        }
        if indices.len() == MAX_DETAILS {
            *n_more += 1;
            return;
        }
        indices.push(self.quality.len());
        let detail = detail.map(str::to_owned);
        self.quality.push(Quality { field: field.to_owned(), flag, detail });
    }

    /// Each field and its flags, for the digest; the wording of details must not change it.
    pub(crate) fn flags(&self) -> Vec<(&str, QualityFlag)> {
        self.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect()
    }

    /// All flags, with the number of those that were left out in the last detail of their kind.
    pub(crate) fn into_quality(mut self) -> Vec<Quality> {
        for (indices, n_more) in self.known.into_values().filter(|(_, n_more)| *n_more > 0) {
            // These flags differ only in their details, so the last one has a detail.
            if let Some(detail) =
                indices.last().and_then(|last| self.quality[*last].detail.as_mut())
            {
                detail.push_str(&format!(", and {n_more} more like it"));
            }
        }
        self.quality
    }
}

/// The remaining budget of a record, in steps. It is not a time, because the result must not depend on
/// the load of the machine.
#[derive(Debug)]
pub(crate) struct Work {
    /// The steps left for repair.
    repair: u64,
    /// The steps left for everything else.
    mapping: u64,
    /// Whether a step was refused because the mapping budget is used up; the record is rejected then.
    pub(crate) is_too_costly: bool,
}

/// The budget of everything except repair. A step visits one byte of a text or one node of the record.
/// It is enough for sixty fields that are read from texts of four megabytes.
pub(crate) const MAX_MAPPING_STEPS: u64 = 1 << 28;

impl Default for Work {
    fn default() -> Self {
        Self { repair: MAX_REPAIR_STEPS, mapping: MAX_MAPPING_STEPS, is_too_costly: false }
    }
}

impl Work {
    /// Takes `steps` from the mapping budget, and returns whether that many were left. If not, the record
    /// is too costly, and no results are used.
    pub(crate) fn spend(&mut self, steps: u64) -> bool {
        let left = self.mapping.checked_sub(steps);
        self.is_too_costly |= left.is_none();
        self.mapping = left.unwrap_or(0);
        left.is_some()
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> u64 {
        (MAX_REPAIR_STEPS - self.repair) + (MAX_MAPPING_STEPS - self.mapping)
    }

    /// Repairs texts together, within what is left of the repair budget.
    pub(crate) fn repair<'a>(&mut self, texts: &[&'a str]) -> Vec<Repaired<'a>> {
        repair_record(texts, &mut self.repair)
    }
}
