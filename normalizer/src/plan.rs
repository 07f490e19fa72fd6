//! A mapping, resolved: every rule in its place, nothing left to look up.

use std::{borrow::Cow, collections::HashSet, hash::Hash};

use contract::{
    DemandBody, Timestamp,
    demand::{Initiative, Kind, Related, Status, SupervisionFlag, Urgency},
};

use crate::{
    notes::Notes,
    rule::{
        AttachmentRule, BoolRule, CodeRule, Coded, CountsRule, EachRule, EnterpriseRule,
        EvaluationRule, Group, IntRule, ListRule, PersonRule, PersonalRule, PlainPerson, PointRule,
        RegionRule, RelatedRule, RepeatRule, StepRule, TaskRule, TextRule, TimeRule,
    },
    seal::Personal,
    source::{Record, Source},
};

/// Where a rule's answer goes.
pub(crate) type Slot<T> = fn(&mut DemandBody) -> &mut Option<T>;

/// All rules of a channel.
#[derive(Debug, Default)]
pub(crate) struct MappingPlan {
    pub(crate) texts: Vec<(Slot<String>, TextRule)>,
    pub(crate) times: Vec<(Slot<Timestamp>, TimeRule)>,
    pub(crate) yes_or_no: Vec<(Slot<bool>, BoolRule)>,
    pub(crate) kind: Option<CodeRule<Kind>>,
    pub(crate) status: Option<CodeRule<Status>>,
    pub(crate) urgency: Option<CodeRule<Urgency>>,
    pub(crate) initiative: Option<CodeRule<Initiative>>,
    pub(crate) category: Option<TextRule>,
    pub(crate) org: Option<TextRule>,
    pub(crate) region: Option<RegionRule>,
    pub(crate) tags: Option<ListRule<String>>,
    pub(crate) org_joint: Option<ListRule<String>>,
    pub(crate) flags: Option<ListRule<SupervisionFlag>>,
    pub(crate) people: Vec<PersonRule>,
    pub(crate) people_count: Option<IntRule>,
    pub(crate) address: Option<PersonalRule>,
    pub(crate) location: Option<PointRule>,
    pub(crate) enterprise: Option<EnterpriseRule>,
    pub(crate) repeat: Option<RepeatRule>,
    pub(crate) counts: Option<CountsRule>,
    pub(crate) attachments: Option<EachRule<AttachmentRule>>,
    pub(crate) tasks: Option<EachRule<TaskRule>>,
    pub(crate) evaluations: Option<EachRule<EvaluationRule>>,
    pub(crate) trail: Option<EachRule<StepRule>>,
    pub(crate) related: Option<EachRule<RelatedRule>>,
    /// Texts in which other orders are cited.
    pub(crate) cited: Vec<Source>,
}

/// A demand in plain. Lives between mapping and sealing, within one call.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What is not personal, and prose that is not yet masked.
    pub(crate) body: DemandBody,
    pub(crate) people: Vec<PlainPerson>,
    pub(crate) address: Option<Personal>,
    pub(crate) notes: Notes,
}

impl MappingPlan {
    /// Applies every rule. Times come first: a code means what it meant when the demand came in.
    pub(crate) fn apply(&self, record: Record<'_>, draft: &mut Draft) {
        let Draft { body, people, address, notes } = draft;
        for (slot, rule) in &self.texts {
            *slot(body) = rule.read(record, notes);
        }
        for (slot, rule) in &self.times {
            *slot(body) = rule.read(record, notes);
        }
        let record = Record { received_at: body.received_at.or(body.updated_at), ..record };
        for (slot, rule) in &self.yes_or_no {
            *slot(body) = rule.read(record, notes);
        }
        if let Some(rule) = &self.kind {
            let Coded { code, raw } = rule.read(record, notes);
            (body.kind, body.kind_raw) = (code, raw);
        }
        if let Some(rule) = &self.status {
            let Coded { code, raw } = rule.read(record, notes);
            (body.status, body.status_raw) = (code, raw);
        }
        if let Some(rule) = &self.urgency {
            body.urgency = rule.read(record, notes).code;
        }
        if let Some(rule) = &self.initiative {
            body.initiative = rule.read(record, notes).code;
        }
        // A raw value that a rule of its own has set stands.
        if let Some(rule) = &self.category {
            let Coded { code, raw } = rule.coded(record, notes);
            body.category = code;
            body.category_raw = body.category_raw.take().or(raw);
        }
        if let Some(rule) = &self.org {
            let Coded { code, raw } = rule.coded(record, notes);
            body.org = code;
            body.org_raw = body.org_raw.take().or(raw);
        }
        if let Some(rule) = &self.region {
            let Coded { code, raw } = rule.read(record, notes);
            (body.region, body.region_raw) = (code, raw);
        }
        body.tags.extend(list(&self.tags, record, notes));
        body.org_joint.extend(list(&self.org_joint, record, notes));
        body.flags.extend(list(&self.flags, record, notes));
        people.extend(self.people.iter().flat_map(|rule| rule.read(record, notes)));
        if let Some(rule) = &self.people_count {
            body.people_count = rule.read(record, notes);
        }
        if let Some(rule) = &self.address {
            *address = rule.read(record, notes);
        }
        if let Some(rule) = &self.location {
            body.location = rule.read(record, notes);
        }
        body.enterprise = body.enterprise.take().or(group(&self.enterprise, record, notes));
        body.repeat = body.repeat.take().or(group(&self.repeat, record, notes));
        body.counts = body.counts.take().or(group(&self.counts, record, notes));
        body.attachments.extend(each(&self.attachments, record, notes));
        body.tasks.extend(each(&self.tasks, record, notes));
        body.evaluations.extend(each(&self.evaluations, record, notes));
        body.trail.extend(each(&self.trail, record, notes));
        body.related.extend(each(&self.related, record, notes));
        if !self.cited.is_empty() {
            let related = body.related.iter().map(|other| other.no.clone());
            let mut known: HashSet<_> = related.chain(body.source_no.clone()).collect();
            let cited = self.cited.iter().flat_map(|source| source.all(record, notes));
            for no in cited.map(Cow::into_owned).filter(|no| known.insert(no.clone())) {
                body.related.push(Related { no, relation: "cited".to_owned() });
            }
        }
    }
}

fn list<T: Clone + Eq + Hash>(
    rule: &Option<ListRule<T>>,
    record: Record<'_>,
    notes: &mut Notes,
) -> Vec<T> {
    rule.as_ref().map(|rule| rule.read(record, notes)).unwrap_or_default()
}

fn group<R: Group>(rule: &Option<R>, record: Record<'_>, notes: &mut Notes) -> Option<R::Item> {
    rule.as_ref()?.read(record, notes)
}

fn each<R: Group>(
    rule: &Option<EachRule<R>>,
    record: Record<'_>,
    notes: &mut Notes,
) -> Vec<R::Item> {
    rule.as_ref().map(|rule| rule.read(record, notes)).unwrap_or_default()
}
