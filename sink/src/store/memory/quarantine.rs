//! Quarantine of the memory store: what the upsert of a database does, in a map.

use std::collections::{BTreeMap, btree_map::Entry};

use contract::{DemandId, SealedBytes};

use crate::store::{
    Quarantined,
    demands::plan::Plan,
    demands::quarantine::{Trouble, earliest},
};

pub(super) fn write(quarantine: &mut BTreeMap<DemandId, Quarantined>, plan: &Plan<'_>) {
    for trouble in &plan.troubles {
        let newer = row(trouble);
        match quarantine.entry(trouble.id) {
            Entry::Vacant(vacant) => {
                vacant.insert(newer);
            }
            Entry::Occupied(mut row) => {
                let row = row.get_mut();
                let times_seen = row.times_seen + newer.times_seen;
                let first_seen_at = earliest(row.first_seen_at, newer.first_seen_at);
                let last_seen_at = row.last_seen_at.max(newer.last_seen_at);
                if newer.version > row.version {
                    *row = newer;
                }
                row.times_seen = times_seen;
                row.first_seen_at = first_seen_at;
                row.last_seen_at = last_seen_at;
            }
        }
    }
    for subject in &plan.subjects {
        if let Some(row) = quarantine.get_mut(&subject.id)
            && row.resolved_at.is_none()
            && subject.version > row.version
        {
            row.resolved_at = Some(subject.last_seen_at);
        }
    }
}

fn row(trouble: &Trouble<'_>) -> Quarantined {
    Quarantined {
        id: trouble.id,
        channel: trouble.channel.clone(),
        source_key: trouble.source_key.clone(),
        version: trouble.version,
        reason: trouble.reason.code.to_string(),
        detail: trouble.reason.detail.clone(),
        place: trouble.place.clone(),
        message: trouble.message.clone(),
        raw: trouble.raw.map(|raw| SealedBytes(raw.to_vec())),
        event: trouble.event.map(str::to_owned),
        first_seen_at: trouble.first_seen_at,
        last_seen_at: trouble.last_seen_at,
        times_seen: u64::try_from(trouble.times_seen).unwrap_or(0),
        resolved_at: trouble.resolved_at,
    }
}
