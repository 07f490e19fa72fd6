//! What is doubtful in the record at hand, and how much work it may still cost.

use std::collections::HashMap;

use contract::demand::{Quality, QualityFlag};
use normalizer_text::{REPAIR_STEPS, Repaired, repair_within};

/// The doubts found so far, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    quality: Vec<Quality>,
    /// Where in `quality` each field and flag stands, and how many doubts of theirs are only counted.
    known: HashMap<(String, QualityFlag), (Vec<usize>, usize)>,
    /// Every rule has the notes at hand, so what the rules may spend goes with them.
    pub(crate) work: Work,
}

/// Different details of one field and flag: a text that is broken everywhere has a hundred thousand.
const MOST_DETAILS: usize = 100;

impl Notes {
    /// None yet, with so much work to do.
    pub(crate) fn within(work: Work) -> Self {
        Self { work, ..Self::default() }
    }

    /// Notes a doubt. `detail` names rules, places and numbers: it never quotes a value.
    pub(crate) fn add(&mut self, field: &str, flag: QualityFlag, detail: Option<&str>) {
        let (places, n_more) = self.known.entry((field.to_owned(), flag)).or_default();
        if places.iter().any(|place| self.quality[*place].detail.as_deref() == detail) {
            return;
        }
        if places.len() == MOST_DETAILS {
            *n_more += 1;
            return;
        }
        places.push(self.quality.len());
        let detail = detail.map(str::to_owned);
        self.quality.push(Quality { field: field.to_owned(), flag, detail });
    }

    /// Field and flag of every doubt, for the digest: the wording of a detail is not content.
    pub(crate) fn flags(&self) -> Vec<(&str, QualityFlag)> {
        self.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect()
    }

    pub(crate) fn into_quality(mut self) -> Vec<Quality> {
        for (places, n_more) in self.known.into_values().filter(|(_, n_more)| *n_more > 0) {
            // More than a hundred doubts of this kind are there: the last of them has a detail.
            if let Some(detail) = places.last().and_then(|last| self.quality[*last].detail.as_mut())
            {
                detail.push_str(&format!(", and {n_more} more like it"));
            }
        }
        self.quality
    }
}

/// What one record may still cost, in steps and not in time: the same record always has the same fate,
/// however busy the machine is.
#[derive(Debug)]
pub(crate) struct Work {
    repair: u64,
    mapping: u64,
    is_too_costly: bool,
}

/// Steps for everything but repair: a step is a byte of a text or a node of the record that is looked
/// at once. Sixty fields that are read from texts of four megabytes stay within it.
pub(crate) const MAPPING_STEPS: u64 = 1 << 28;

impl Default for Work {
    fn default() -> Self {
        Self { repair: REPAIR_STEPS, mapping: MAPPING_STEPS, is_too_costly: false }
    }
}

impl Work {
    /// For whoever looks at a record and must see all of it.
    pub(crate) fn unlimited() -> Self {
        Self { repair: u64::MAX, mapping: u64::MAX, is_too_costly: false }
    }

    /// Takes `steps`, if so many are left. If not, the record is too costly: rules that ask find
    /// nothing, and what comes out of them is not used.
    pub(crate) fn may_spend(&mut self, steps: u64) -> bool {
        let left = self.mapping.checked_sub(steps);
        self.is_too_costly |= left.is_none();
        self.mapping = left.unwrap_or(0);
        left.is_some()
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> u64 {
        (REPAIR_STEPS - self.repair) + (MAPPING_STEPS - self.mapping)
    }

    pub(crate) fn is_too_costly(&self) -> bool {
        self.is_too_costly
    }

    /// Repairs a text within what is left for repair.
    pub(crate) fn repair<'a>(&mut self, text: &'a str) -> Repaired<'a> {
        repair_within(text, &mut self.repair)
    }
}
