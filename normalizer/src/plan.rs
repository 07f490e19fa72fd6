//! A mapping, resolved: every rule in its place, nothing left to look up.

use contract::{
    DemandBody, Timestamp,
    demand::{Initiative, Kind, Status, SupervisionFlag, Urgency},
};
use serde_json::Value;

use crate::{
    notes::Notes,
    rule::{
        AttachmentRule, BoolRule, CodeRule, Coded, CountsRule, EachRule, EnterpriseRule, Group,
        IntRule, ListRule, PersonRule, PersonalRule, PlainPerson, PointRule, RegionRule,
        RelatedRule, RepeatRule, StepRule, TextRule, TimeRule,
    },
    seal::Personal,
};

/// Where a rule's answer goes.
pub(crate) type Slot<T> = fn(&mut DemandBody) -> &mut Option<T>;

/// All rules of a channel.
#[derive(Debug, Default)]
pub(crate) struct Plan {
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
    pub(crate) trail: Option<EachRule<StepRule>>,
    pub(crate) related: Option<EachRule<RelatedRule>>,
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

impl Plan {
    /// Applies every rule.
    pub(crate) fn read(&self, tree: &Value) -> Draft {
        let mut draft = Draft::default();
        let Draft { body, people, address, notes } = &mut draft;
        for (slot, rule) in &self.texts {
            *slot(body) = rule.read(tree, notes);
        }
        for (slot, rule) in &self.times {
            *slot(body) = rule.read(tree, notes);
        }
        for (slot, rule) in &self.yes_or_no {
            *slot(body) = rule.read(tree, notes);
        }
        (body.kind, body.kind_raw) = coded(&self.kind, tree, notes);
        (body.status, body.status_raw) = coded(&self.status, tree, notes);
        body.urgency = coded(&self.urgency, tree, notes).0;
        body.initiative = coded(&self.initiative, tree, notes).0;
        // A raw value that a rule of its own has set stands.
        if let Some(rule) = &self.category {
            let Coded { code, raw } = rule.coded(tree, notes);
            body.category = code;
            body.category_raw = body.category_raw.take().or(raw);
        }
        if let Some(rule) = &self.org {
            let Coded { code, raw } = rule.coded(tree, notes);
            body.org = code;
            body.org_raw = body.org_raw.take().or(raw);
        }
        if let Some(rule) = &self.region {
            let Coded { code, raw } = rule.read(tree, notes);
            (body.region, body.region_raw) = (code, raw);
        }
        body.tags = list(&self.tags, tree, notes);
        body.org_joint = list(&self.org_joint, tree, notes);
        body.flags = list(&self.flags, tree, notes);
        people.extend(self.people.iter().filter_map(|rule| rule.read(tree, notes)));
        body.people_count = self.people_count.as_ref().and_then(|rule| rule.read(tree, notes));
        *address = self.address.as_ref().and_then(|rule| rule.read(tree, notes));
        body.location = self.location.as_ref().and_then(|rule| rule.read(tree, notes));
        body.enterprise = group(&self.enterprise, tree, notes);
        body.repeat = group(&self.repeat, tree, notes);
        body.counts = group(&self.counts, tree, notes);
        body.attachments = each(&self.attachments, tree, notes);
        body.trail = each(&self.trail, tree, notes);
        body.related = each(&self.related, tree, notes);
        draft
    }
}

fn coded<T>(
    rule: &Option<CodeRule<T>>,
    tree: &Value,
    notes: &mut Notes,
) -> (Option<T>, Option<String>) {
    let Some(rule) = rule else { return (None, None) };
    let Coded { code, raw } = rule.read(tree, notes);
    (code, raw)
}

fn list<T: PartialEq>(rule: &Option<ListRule<T>>, tree: &Value, notes: &mut Notes) -> Vec<T> {
    rule.as_ref().map(|rule| rule.read(tree, notes)).unwrap_or_default()
}

fn group<R: Group>(rule: &Option<R>, tree: &Value, notes: &mut Notes) -> Option<R::Item> {
    rule.as_ref()?.read(tree, notes)
}

fn each<R: Group>(rule: &Option<EachRule<R>>, tree: &Value, notes: &mut Notes) -> Vec<R::Item> {
    rule.as_ref().map(|rule| rule.read(tree, notes)).unwrap_or_default()
}
