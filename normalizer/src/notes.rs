//! The doubts about a record, and the work that it may still cost.

use std::collections::HashMap;

use contract::demand::{Quality, QualityFlag};
use normalizer_text::{REPAIR_STEPS, Repaired, repair_within};

/// The doubts found so far, without duplicates.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    quality: Vec<Quality>,
    /// For each field and flag: the indices in `quality`, and the number of further doubts.
    known: HashMap<(String, QualityFlag), (Vec<usize>, usize)>,
    /// The budget is here because every rule gets the notes.
    pub(crate) work: Work,
}

/// Details kept for each field and flag: a text that is broken everywhere has a hundred thousand.
const MAX_DETAILS: usize = 100;

impl Notes {
    /// No doubts so far, with this budget.
    pub(crate) fn new(work: Work) -> Self {
        Self { work, ..Self::default() }
    }

    /// Adds a doubt. `detail` names rules, positions and numbers, and never quotes a value.
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

    /// Field and flag of every doubt, for the digest. The wording of a detail is not content.
    pub(crate) fn flags(&self) -> Vec<(&str, QualityFlag)> {
        self.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect()
    }

    pub(crate) fn into_quality(mut self) -> Vec<Quality> {
        for (indices, n_more) in self.known.into_values().filter(|(_, n_more)| *n_more > 0) {
            // There are more than a hundred doubts of this kind, so the last one has a detail.
            if let Some(detail) =
                indices.last().and_then(|last| self.quality[*last].detail.as_mut())
            {
                detail.push_str(&format!(", and {n_more} more like it"));
            }
        }
        self.quality
    }
}

/// The remaining budget of a record, in steps and not in time: the result must not depend on how
/// busy the machine is.
#[derive(Debug)]
pub(crate) struct Work {
    repair: u64,
    mapping: u64,
    pub(crate) is_too_costly: bool,
}

/// The budget of everything except repair: a step is a byte of a text or a node of the record that
/// is visited once. Sixty fields read from texts of four megabytes stay within it.
pub(crate) const MAX_MAPPING_STEPS: u64 = 1 << 28;

impl Default for Work {
    fn default() -> Self {
        Self { repair: REPAIR_STEPS, mapping: MAX_MAPPING_STEPS, is_too_costly: false }
    }
}

impl Work {
    /// No limit, for showing a record completely.
    pub(crate) fn unlimited() -> Self {
        Self { repair: u64::MAX, mapping: u64::MAX, is_too_costly: false }
    }

    /// Takes `steps` from the budget. If fewer are left, the record is too costly: rules find
    /// nothing then, and their results are not used.
    pub(crate) fn spend(&mut self, steps: u64) -> bool {
        let left = self.mapping.checked_sub(steps);
        self.is_too_costly |= left.is_none();
        self.mapping = left.unwrap_or(0);
        left.is_some()
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> u64 {
        (REPAIR_STEPS - self.repair) + (MAX_MAPPING_STEPS - self.mapping)
    }

    /// Repairs a text within the rest of the repair budget.
    pub(crate) fn repair<'a>(&mut self, text: &'a str) -> Repaired<'a> {
        repair_within(text, &mut self.repair)
    }
}
