//! Decides what a newly arrived state of a demand means, compared with the stored one. It does no I/O, and
//! every store uses it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Demand, Digest, Version, demand::optional_fields};

/// What [`judge`] needs to know about a state of a demand.
#[derive(Debug, Clone, PartialEq)]
pub struct DemandState {
    /// Its version.
    pub version: Version,
    /// The digest of its content.
    pub digest: Digest,
    /// The fields whose changes history records by name.
    pub tracked: TrackedFields,
}

optional_fields! {
    /// The fields whose changes history records by name. A change of other fields is recorded as `other`.
    #[derive(Eq)]
    TrackedFields {
        /// The code of the status.
        status: Option<String>,
        /// The source's own status.
        status_raw: Option<String>,
        /// The code of the kind.
        kind: Option<String>,
        /// The code of the region.
        region: Option<String>,
        /// The responsible unit; if it was not normalised, as the source writes it.
        org: Option<String>,
        /// The code of the urgency.
        urgency: Option<String>,
        /// The official deadline, in microseconds since 1970.
        due_at: Option<i64>,
        /// The number of reminders (催办).
        urged: Option<u32>,
    }
}

impl TrackedFields {
    /// The tracked fields of a demand.
    pub fn of(demand: &Demand) -> Self {
        let body = &demand.body;
        Self {
            status: body.status.map(|status| status.code().to_owned()),
            status_raw: body.status_raw.clone(),
            kind: body.kind.map(|kind| kind.code().to_owned()),
            region: body.region.clone(),
            org: body.org.clone().or_else(|| body.org_raw.clone()),
            urgency: body.urgency.map(|urgency| urgency.code().to_owned()),
            due_at: body.due_at.map(|due| due.timestamp_micros()),
            urged: body.counts.and_then(|counts| counts.urged),
        }
    }

    /// The names of the fields that differ; only `other` if none of them does.
    fn changed_fields(&self, newer: &Self) -> Vec<&'static str> {
        let pairs = [
            ("status", self.status != newer.status),
            ("status_raw", self.status_raw != newer.status_raw),
            ("kind", self.kind != newer.kind),
            ("region", self.region != newer.region),
            ("org", self.org != newer.org),
            ("urgency", self.urgency != newer.urgency),
            ("due_at", self.due_at != newer.due_at),
            ("urged", self.urged != newer.urged),
        ];
        let mut names: Vec<_> =
            pairs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect();
        if names.is_empty() {
            names.push("other");
        }
        names
    }
}

impl DemandState {
    /// The state that `demand` has.
    pub fn of(demand: &Demand) -> Self {
        Self { version: demand.version, digest: demand.digest, tracked: TrackedFields::of(demand) }
    }
}

/// What a newly arrived state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It becomes the current state and is added to history.
    Stored {
        /// Names of the changed fields; empty for the first state of a demand.
        changed: Vec<&'static str>,
    },
    /// It has the content of the current state: only the version and `last_seen_at` are updated.
    Unchanged,
    /// It does not become the current state: that one is newer, or has the same version and another
    /// content. It is added to history if history does not have its content yet.
    Stale,
}

/// Decides what the state `incoming` means. `current` is the stored state; `None` for a new demand. An event
/// that arrives twice has the same effect as once.
pub fn judge(current: Option<&DemandState>, incoming: &DemandState) -> Judgement {
    let Some(current) = current else {
        return Judgement::Stored { changed: Vec::new() };
    };
    if incoming.version < current.version {
        return Judgement::Stale;
    }
    if incoming.digest == current.digest {
        return Judgement::Unchanged;
    }
    if incoming.version == current.version {
        // Two contents with one version: the first stays current, the second goes to history.
        return Judgement::Stale;
    }
    Judgement::Stored { changed: current.tracked.changed_fields(&incoming.tracked) }
}
