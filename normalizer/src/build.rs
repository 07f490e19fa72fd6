//! Builds a [`MappingPlan`] from a `[demand]` table, and collects all problems of the table.
//!
//! Paths, code tables and conversions are resolved only here, so a mapping that was built cannot fail.

mod field;
mod group;

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;
use contract::{
    Timestamp,
    demand::{Initiative, Kind, Status, SupervisionFlag, Urgency},
};

use crate::{
    codes::CodeTables,
    config::{Field, MappingConfig},
    plan::{Draft, MappingPlan, Rules},
    rule::{CodeRule, RegionRule, TextRule},
};

/// What is wrong in a `[demand]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("demand.{path}: {message}")]
pub struct MappingProblem {
    /// The field of the demand, such as `people.phone`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Builds rules, and collects problems.
pub(crate) struct Builder<'a> {
    pub(crate) codes: &'a CodeTables,
    /// The zone of times without one.
    pub(crate) zone: Tz,
    pub(crate) problems: Vec<MappingProblem>,
    /// For each field of the source, the fields of the demand that are read from it.
    pub(crate) demand_fields: HashMap<String, Vec<&'static str>>,
    /// The code tables that the mapping uses.
    pub(crate) tables: BTreeSet<String>,
    /// Set while a group with `each` is built: `pressing.` for the items `$.pressing[*]`. It is put before the
    /// names in `demand_fields`.
    pub(crate) item_prefix: Option<String>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(codes: &'a CodeTables, zone: Tz) -> Self {
        Self {
            codes,
            zone,
            problems: Vec::new(),
            demand_fields: HashMap::new(),
            tables: BTreeSet::new(),
            item_prefix: None,
        }
    }

    /// The plan; it must be used only if there are no problems.
    ///
    /// Fields are built in another order than they are applied (see [`MappingPlan`]): quality flags about a
    /// column of the source are listed in the order in which its fields were built, so that order must stay.
    pub(crate) fn plan(&mut self, config: &MappingConfig) -> MappingPlan {
        let others = self.codes_people_and_places(config);
        let texts_and_times = self.texts_and_times(config);
        let mut rest = Rules::<Draft>::default();
        let anonymous = self.yes_or_no("anonymous", &config.anonymous);
        rest.set(anonymous, |draft| &mut draft.body.anonymous);
        let confidential = self.yes_or_no("confidential", &config.confidential);
        rest.set(confidential, |draft| &mut draft.body.confidential);
        rest.append(others);
        MappingPlan { texts_and_times, rest }
    }

    /// All rules that may need the time of receipt.
    fn codes_people_and_places(&mut self, config: &MappingConfig) -> Rules<Draft> {
        let mut rules = Rules::<Draft>::default();
        rules.set_coded(
            self.code("kind", &config.kind, Kind::from_code, Kind::CODES),
            CodeRule::coded,
            |draft| (&mut draft.body.kind, &mut draft.body.kind_raw),
        );
        rules.set_coded(
            self.code("status", &config.status, Status::from_code, Status::CODES),
            CodeRule::coded,
            |draft| (&mut draft.body.status, &mut draft.body.status_raw),
        );
        let urgency = self.code("urgency", &config.urgency, Urgency::from_code, Urgency::CODES);
        rules.set(urgency, |draft| &mut draft.body.urgency);
        let (parse, known) = (Initiative::from_code, Initiative::CODES);
        let initiative = self.code("initiative", &config.initiative, parse, known);
        rules.set(initiative, |draft| &mut draft.body.initiative);
        rules.set_coded(self.text("category", &config.category), TextRule::coded, |draft| {
            (&mut draft.body.category, &mut draft.body.category_raw)
        });
        rules.set_coded(self.text("org", &config.org), TextRule::coded, |draft| {
            (&mut draft.body.org, &mut draft.body.org_raw)
        });
        rules.set_coded(self.region(&config.region), RegionRule::coded, |draft| {
            (&mut draft.body.region, &mut draft.body.region_raw)
        });
        let tags = self.list("tags", &config.tags, any_code, &[], Some);
        rules.extend(tags, |draft| &mut draft.body.tags);
        let org_joint = self.list("org_joint", &config.org_joint, any_code, &[], Some);
        rules.extend(org_joint, |draft| &mut draft.body.org_joint);
        let (parse, known) = (SupervisionFlag::from_code, SupervisionFlag::CODES);
        let flags = self.list("flags", &config.flags, parse, known, |_| None);
        rules.extend(flags, |draft| &mut draft.body.flags);
        for person in &config.people {
            self.person(person, &mut rules);
        }
        let people_count = self.int("people_count", &config.people_count);
        rules.set(people_count, |draft| &mut draft.body.people_count);
        rules.set(self.personal("address", &config.address), |draft| &mut draft.address);
        rules.set(self.point(&config.location), |draft| &mut draft.body.location);
        self.groups(config, &mut rules);
        rules
    }

    fn texts_and_times(&mut self, config: &MappingConfig) -> Rules<Draft> {
        let mut rules = Rules::<Draft>::default();
        let mut text =
            |target, field, slot: Slot<String>| rules.set(self.text(target, field), slot);
        text("source_no", &config.source_no, |draft| &mut draft.body.source_no);
        text("title", &config.title, |draft| &mut draft.body.title);
        text("content", &config.content, |draft| &mut draft.body.content);
        text("reply", &config.reply, |draft| &mut draft.body.reply);
        text("category_raw", &config.category_raw, |draft| &mut draft.body.category_raw);
        text("org_raw", &config.org_raw, |draft| &mut draft.body.org_raw);
        text("grid", &config.grid, |draft| &mut draft.body.grid);
        let mut time =
            |target, field, slot: Slot<Timestamp>| rules.set(self.time(target, field), slot);
        time("received_at", &config.received_at, |draft| &mut draft.body.received_at);
        time("occurred_at", &config.occurred_at, |draft| &mut draft.body.occurred_at);
        time("updated_at", &config.updated_at, |draft| &mut draft.body.updated_at);
        time("accepted_at", &config.accepted_at, |draft| &mut draft.body.accepted_at);
        time("dispatched_at", &config.dispatched_at, |draft| &mut draft.body.dispatched_at);
        time("signed_at", &config.signed_at, |draft| &mut draft.body.signed_at);
        time("responded_at", &config.responded_at, |draft| &mut draft.body.responded_at);
        time("resolved_at", &config.resolved_at, |draft| &mut draft.body.resolved_at);
        time("closed_at", &config.closed_at, |draft| &mut draft.body.closed_at);
        time("due_at", &config.due_at, |draft| &mut draft.body.due_at);
        time("wish_at", &config.wish_at, |draft| &mut draft.body.wish_at);
        rules
    }

    fn region(&mut self, field: &Option<Field>) -> Option<RegionRule> {
        let source = self.source("region", field, &[crate::config::Conversion::Region])?;
        let table = self.codes.regions().cloned().ok_or("there is no codes/region.csv; add it");
        let table = self.ok_or_problem("region", table)?;
        let within = field.as_ref().and_then(|field| field.0.within.clone());
        if let Some(code) = within.as_ref().filter(|code| !table.is_in_force(code)) {
            let message = format!("`within` is `{code}`; write a code in force in region.csv");
            self.problem("region", message);
        }
        self.tables.insert("region".to_owned());
        Some(RegionRule { source, table, within })
    }

    pub(crate) fn problem(&mut self, target: &str, message: impl Into<String>) {
        self.problems.push(MappingProblem { path: target.to_owned(), message: message.into() });
    }

    /// The value; `None` if it is an error, which becomes a problem.
    fn ok_or_problem<T>(&mut self, target: &str, value: Result<T, impl Into<String>>) -> Option<T> {
        value.map_err(|message| self.problem(target, message)).ok()
    }
}

/// The place of a value in a draft.
type Slot<T> = fn(&mut Draft) -> &mut Option<T>;

/// Accepts every text as a code.
fn any_code(text: &str) -> Option<String> {
    Some(text.to_owned())
}
