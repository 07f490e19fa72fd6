//! Which files of a listing are to be read, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::{
    cursor::Mark,
    name,
    place::{Listing, Stamp},
    plan::{Plan, RevisionPlan},
};

/// A file that is meant, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) data: Stamp,
    /// Of the file that announces it, where it was listed.
    pub(crate) manifest: Option<Stamp>,
}

/// What a listing means.
#[derive(Debug, Default)]
pub(crate) struct Picked {
    /// Oldest first, by the time in their names.
    pub(crate) candidates: Vec<Candidate>,
    /// Announced, and not there.
    pub(crate) missing: Vec<String>,
    /// Meant, and no regular files.
    pub(crate) odd: Vec<String>,
}

impl Candidate {
    /// Changes whenever the file or its manifest does.
    pub(crate) fn seen(&self) -> Mark {
        let manifest = self.manifest.map(Stamp::mark);
        let manifest = manifest.as_ref().map_or("", Mark::as_str);
        Mark::of(&format!("{} {manifest}", self.data.mark().as_str()))
    }
}

/// Sorts a listing.
pub(crate) fn pick(listing: Listing, plan: &Plan) -> Picked {
    let is_meant = |name: &str| plan.patterns.iter().any(|pattern| name::fits(name, pattern));
    let mut picked = Picked::default();
    let all: BTreeMap<String, Stamp> = listing.files.into_iter().collect();
    let manifest_of = |name: &str| plan.manifest.as_ref().map(|end| format!("{name}{end}"));
    for (name, data) in &all {
        // A pattern like `*` means the manifests too; they are no records.
        let is_manifest = plan.manifest.as_ref().is_some_and(|end| name.ends_with(end.as_str()));
        if is_manifest || !is_meant(name) {
            continue;
        }
        let manifest = manifest_of(name).and_then(|name| all.get(&name).copied());
        let is_announced = plan.manifest.is_none() || manifest.is_some();
        // Where the listing was cut, the manifest may stand behind the cut.
        if is_announced || listing.is_cut {
            picked.candidates.push(Candidate { name: name.clone(), data: *data, manifest });
        }
    }
    if let Some(end) = plan.manifest.as_ref().filter(|_| !listing.is_cut) {
        let announced = all.keys().filter_map(|name| name.strip_suffix(end.as_str()));
        let absent = announced.filter(|name| is_meant(name) && !all.contains_key(*name));
        picked.missing = absent.map(str::to_owned).collect();
    }
    let odd: BTreeSet<String> = listing.odd.into_iter().collect();
    picked.odd = odd.into_iter().filter(|name| is_meant(name) || !name::is_plain(name)).collect();
    picked.candidates.sort_by_cached_key(|each| (time(&each.name, plan), each.name.clone()));
    picked
}

fn time(name: &str, plan: &Plan) -> Option<DateTime<Utc>> {
    match &plan.record.revision {
        RevisionPlan::Name(format) => name::time(name, format, plan.record.zone),
        RevisionPlan::Field(..) => None,
    }
}
