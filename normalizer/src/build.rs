//! From what an author wrote to a [`MappingPlan`], with all problems at once.
//!
//! After this nothing is optional by accident and no name is looked up: a mapping that was built
//! cannot fail.

mod field;
mod group;

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;
use contract::{
    DemandBody, Timestamp,
    demand::{Initiative, Kind, Status, SupervisionFlag, Urgency},
};

use crate::{
    codes::CodeTables,
    config::{Field, MappingConfig},
    plan::{MappingPlan, Slot},
    rule::RegionRule,
};

/// What is wrong in a `[demand]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingProblem {
    /// The field, as in `people.phone`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl std::fmt::Display for MappingProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "demand.{}: {}", self.path, self.message)
    }
}

/// Resolves names and collects what is wrong.
pub(crate) struct Builder<'a> {
    pub(crate) codes: &'a CodeTables,
    pub(crate) zone: Tz,
    pub(crate) problems: Vec<MappingProblem>,
    /// Which fields of the demand come from a field of the source.
    pub(crate) fields_of: HashMap<String, Vec<&'static str>>,
    /// The tables that are named.
    pub(crate) tables: BTreeSet<String>,
    /// `pressing.` while the fields of `$.pressing[*]` are built.
    pub(crate) within: String,
    /// While the fields of an item are built.
    pub(crate) is_nested: bool,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(codes: &'a CodeTables, zone: Tz) -> Self {
        Self {
            codes,
            zone,
            problems: Vec::new(),
            fields_of: HashMap::new(),
            tables: BTreeSet::new(),
            within: String::new(),
            is_nested: false,
        }
    }

    /// The plan. It counts only if there are no problems.
    pub(crate) fn plan(&mut self, config: &MappingConfig) -> MappingPlan {
        let mut plan = MappingPlan {
            kind: self.code("kind", &config.kind, Kind::from_code, Kind::CODES),
            status: self.code("status", &config.status, Status::from_code, Status::CODES),
            urgency: self.code("urgency", &config.urgency, Urgency::from_code, Urgency::CODES),
            initiative: self.code(
                "initiative",
                &config.initiative,
                Initiative::from_code,
                Initiative::CODES,
            ),
            category: self.text("category", &config.category),
            org: self.text("org", &config.org),
            region: self.region(&config.region),
            tags: self.list("tags", &config.tags, |tag| Some(tag.to_owned()), &[], Some),
            org_joint: self.list(
                "org_joint",
                &config.org_joint,
                |org| Some(org.to_owned()),
                &[],
                Some,
            ),
            flags: self.list(
                "flags",
                &config.flags,
                SupervisionFlag::from_code,
                SupervisionFlag::CODES,
                |_| None,
            ),
            people: config.people.iter().filter_map(|person| self.person(person)).collect(),
            people_count: self.int("people_count", &config.people_count),
            address: self.personal("address", &config.address),
            location: config.location.as_ref().and_then(|location| self.point(location)),
            enterprise: config.enterprise.as_ref().map(|enterprise| self.enterprise(enterprise)),
            repeat: config.repeat.as_ref().map(|repeat| self.repeat(repeat)),
            counts: config.counts.as_ref().map(|counts| self.counts(counts)),
            attachments: config.attachments.as_ref().and_then(|list| self.attachments(list)),
            tasks: config.tasks.as_ref().and_then(|list| self.tasks(list)),
            evaluations: config.evaluations.as_ref().and_then(|list| self.evaluations(list)),
            trail: config.trail.as_ref().and_then(|trail| self.trail(trail)),
            related: config.related.as_ref().and_then(|list| self.related(list)),
            cited: config
                .related
                .iter()
                .flat_map(|related| &related.cited)
                .filter_map(|path| self.cited(path))
                .collect(),
            ..MappingPlan::default()
        };
        for (target, field, slot) in texts(config) {
            plan.texts.extend(self.text(target, field).map(|rule| (slot, rule)));
        }
        for (target, field, slot) in times(config) {
            plan.times.extend(self.time(target, field).map(|rule| (slot, rule)));
        }
        let anonymous: Slot<bool> = |body| &mut body.anonymous;
        let confidential: Slot<bool> = |body| &mut body.confidential;
        plan.yes_or_no
            .extend(self.yes_or_no("anonymous", &config.anonymous).map(|r| (anonymous, r)));
        plan.yes_or_no.extend(
            self.yes_or_no("confidential", &config.confidential).map(|r| (confidential, r)),
        );
        plan
    }

    fn region(&mut self, field: &Option<Field>) -> Option<RegionRule> {
        let source = self.source("region", field, &[crate::config::Conversion::Region])?;
        let Some(table) = self.codes.regions().cloned() else {
            self.problem("region", "there is no codes/region.csv; add it");
            return None;
        };
        let within = field.as_ref().and_then(|field| field.0.within.clone());
        if let Some(code) = within.as_ref().filter(|code| !table.is_in_force(code)) {
            self.problem(
                "region",
                format!("`within` names `{code}`, which is no division in force"),
            );
        }
        self.tables.insert("region".to_owned());
        Some(RegionRule { source, table, within })
    }

    pub(crate) fn problem(&mut self, target: &str, message: impl Into<String>) {
        self.problems.push(MappingProblem { path: target.to_owned(), message: message.into() });
    }
}

type FieldRow<'a, T> = (&'static str, &'a Option<Field>, Slot<T>);

fn texts(config: &MappingConfig) -> [FieldRow<'_, String>; 7] {
    [
        ("source_no", &config.source_no, |body: &mut DemandBody| &mut body.source_no),
        ("title", &config.title, |body| &mut body.title),
        ("content", &config.content, |body| &mut body.content),
        ("reply", &config.reply, |body| &mut body.reply),
        ("category_raw", &config.category_raw, |body| &mut body.category_raw),
        ("org_raw", &config.org_raw, |body| &mut body.org_raw),
        ("grid", &config.grid, |body| &mut body.grid),
    ]
}

fn times(config: &MappingConfig) -> [FieldRow<'_, Timestamp>; 11] {
    [
        ("received_at", &config.received_at, |body: &mut DemandBody| &mut body.received_at),
        ("occurred_at", &config.occurred_at, |body| &mut body.occurred_at),
        ("updated_at", &config.updated_at, |body| &mut body.updated_at),
        ("accepted_at", &config.accepted_at, |body| &mut body.accepted_at),
        ("dispatched_at", &config.dispatched_at, |body| &mut body.dispatched_at),
        ("signed_at", &config.signed_at, |body| &mut body.signed_at),
        ("responded_at", &config.responded_at, |body| &mut body.responded_at),
        ("resolved_at", &config.resolved_at, |body| &mut body.resolved_at),
        ("closed_at", &config.closed_at, |body| &mut body.closed_at),
        ("due_at", &config.due_at, |body| &mut body.due_at),
        ("wish_at", &config.wish_at, |body| &mut body.wish_at),
    ]
}
