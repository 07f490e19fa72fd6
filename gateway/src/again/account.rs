//! What became of records that were mapped again.

use std::collections::BTreeMap;

use contract::{DemandId, MappedAgain, MappingNo, Outcomes};
use serde::{Deserialize, Serialize};

use super::candidate::{MapResult, Mapped};

/// What became of records that were mapped again, or would become of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The number of the mapping; 0 if it is to get a new one.
    pub mapping: u32,
    /// Number of records that it accepted; they were published, and are stored.
    pub mapped: u64,
    /// Number of these whose content has changed, or that are new demands.
    pub changed: u64,
    /// Number of these whose content is the stored one.
    pub unchanged: u64,
    /// Number of these for which a newer state had come meanwhile, which stays.
    pub stale: u64,
    /// Number of these that the store could not keep; they are in quarantine.
    pub quarantined: u64,
    /// Number of accepted records whose mapped content changed, and since which the source was read again: the store keeps
    /// no later record of these demands, so a field that is mapped for the first time has its earlier value.
    pub older: u64,
    /// Number of records that the mapping rejects or skips; what is stored of them stays. Some have no entry in `reasons`:
    /// they could not be packed.
    pub rejected: u64,
    /// Number of demands or rejects without a record that a mapping can read.
    pub without_record: u64,
    /// For each reason to reject a record, how many records, and one of them.
    pub reasons: BTreeMap<String, Refused>,
    /// Number of messages of earlier reads that are not stored yet, perhaps of an earlier mapping.
    pub in_flight: u64,
}

/// Records that are rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Their number.
    pub records: u64,
    /// The id of one of them.
    pub sample: DemandId,
    /// Why it is rejected, in words.
    pub detail: String,
}

impl Account {
    /// Forgets what the last round did not accept: the next one finds it again.
    pub(super) fn begin_round(&mut self, mapping: MappingNo) {
        (self.mapping, self.rejected, self.without_record) = (mapping.0, 0, 0);
        self.reasons.clear();
    }

    /// Counts what was not accepted; returns what was, and how many of these are [older](Self::older).
    pub(super) fn count(&mut self, mapped: Vec<Mapped>) -> (Vec<MappedAgain>, u64) {
        let mut older = 0;
        let accepted = mapped.into_iter().filter_map(|mapped| match mapped.result {
            MapResult::Accepted(accepted) => {
                let has_changed = mapped.digest != Some(accepted.accepted.digest);
                older += u64::from(mapped.is_older && has_changed);
                Some(*accepted)
            }
            MapResult::Rejected(reason) => {
                self.rejected += 1;
                let refused = Refused { records: 0, sample: mapped.id, detail: reason.detail };
                self.reasons.entry(reason.code.into_owned()).or_insert(refused).records += 1;
                None
            }
            MapResult::NoRecord => {
                self.without_record += 1;
                None
            }
        });
        (accepted.collect(), older)
    }

    /// Counts what would become of records.
    pub(super) fn preview(&mut self, mapped: Vec<Mapped>) {
        for Mapped { digest, result, .. } in &mapped {
            if let MapResult::Accepted(accepted) = result {
                let is_unchanged = *digest == Some(accepted.accepted.digest);
                self.mapped += 1;
                self.unchanged += u64::from(is_unchanged);
                self.changed += u64::from(!is_unchanged);
            }
        }
        self.older += self.count(mapped).1;
    }

    /// Sets what became of all that was published.
    pub(super) fn set_outcomes(&mut self, outcomes: Outcomes) {
        let Outcomes { stored, unchanged, stale, quarantined, .. } = outcomes;
        self.mapped = stored + unchanged + stale + quarantined;
        (self.changed, self.unchanged) = (stored, unchanged);
        (self.stale, self.quarantined) = (stale, quarantined);
    }
}
