//! Decides what a newly arrived state means. Pure, and the same for every store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Demand, Digest, Version, demand::optional_fields};

/// What judging needs to know about a state of a demand.
#[derive(Debug, Clone, PartialEq)]
pub struct DemandState {
    /// Its version.
    pub version: Version,
    /// The digest of its content.
    pub digest: Digest,
    /// The fields whose changes history names.
    pub tracked: TrackedFields,
}

optional_fields! {
    /// The fields whose changes history names. Any other change is named `other`.
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
        /// The responsible unit.
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

    /// The names of the fields that differ.
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
    /// It becomes the current state and is added to history. `changed` names the changed fields; it is
    /// empty for the first state. A later event of the same transaction may supersede it, but it stays
    /// in history.
    Stored {
        /// Names of the changed fields.
        changed: Vec<&'static str>,
    },
    /// The same content again: only version and `last_seen_at` are updated.
    Unchanged,
    /// It does not become current, because it is older, or because the current state has the same
    /// version. It is added to history if its content is not there yet, and changes nothing else.
    Stale,
}

/// Decides what `incoming` means, given the current state, if there is one. Repeated events do not
/// change the result.
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
