//! Decides what a newly arrived state means. Pure, and the same for every store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Demand, Digest, Version, demand::optional_fields};

/// What a store knows of a demand before it writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// Version of the current state.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// The fields whose changes history names.
    pub tracked: Tracked,
}

optional_fields! {
    /// The fields whose changes history names. Any other change is named `other`.
    #[derive(Eq)]
    Tracked {
        /// Code of the status.
        status: Option<String>,
        /// The source's own status.
        status_raw: Option<String>,
        /// Code of the kind.
        kind: Option<String>,
        /// Code of the region.
        region: Option<String>,
        /// Responsible unit.
        org: Option<String>,
        /// Code of the urgency.
        urgency: Option<String>,
        /// Official limit, microseconds since 1970.
        due_at: Option<i64>,
        /// Number of reminders (催办).
        urged: Option<u32>,
    }
}

impl Tracked {
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

    /// Names of the fields that differ.
    fn changed(&self, newer: &Self) -> Vec<&'static str> {
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

impl Current {
    /// What a store knows once `demand` is the current state.
    pub fn of(demand: &Demand) -> Self {
        Self { version: demand.version, digest: demand.digest, tracked: Tracked::of(demand) }
    }
}

/// What a newly arrived state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It becomes the current state and is added to history. `changed` names the changed fields; it is
    /// empty for the first state. A later event of the same transaction may supersede it; it stays in
    /// history.
    Stored {
        /// Names of the changed fields.
        changed: Vec<&'static str>,
    },
    /// The same content again: only version and `last_seen_at` are updated.
    Unchanged,
    /// Older than the current state: it is added to history if its content is new there, and changes
    /// nothing else.
    Stale,
}

/// Decides what `incoming` means if `current` is known. Deterministic, and unaffected by repeated events.
pub fn judge(current: Option<&Current>, incoming: &Current) -> Judgement {
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
    Judgement::Stored { changed: current.tracked.changed(&incoming.tracked) }
}
