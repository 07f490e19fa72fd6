//! Groups: what belongs together in a demand and is read from one node or from many.

use contract::{
    Timestamp,
    demand::{
        Attachment, Counts, Enterprise, Evaluation, EvaluationBy, Level, LimitUnit, Related,
        Repeat, Side, Status, Step, Task, TaskRole,
    },
};

use super::{BoolRule, CodeRule, Coded, IntRule, TextRule, TimeRule, personal::uscc};
use crate::{notes::Notes, path::Path, source::Record};

/// One item for each node of a path; in the rules of the item, `$` is that node.
#[derive(Debug)]
pub(crate) struct EachRule<R> {
    pub(crate) each: Path,
    pub(crate) item: R,
}

/// What is read from one node.
pub(crate) trait Group {
    /// What it becomes.
    type Item;

    /// Reads it; nothing if the node says nothing of it.
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Self::Item>;
}

impl<R: Group> EachRule<R> {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Vec<R::Item> {
        let nodes = self.each.all(record.tree, &mut notes.work);
        nodes.into_iter().filter_map(|node| self.item.read(record.at(node), notes)).collect()
    }
}

#[derive(Debug)]
pub(crate) struct StepRule {
    pub(crate) at: Option<TimeRule>,
    pub(crate) step: Option<TextRule>,
    pub(crate) org: Option<TextRule>,
    pub(crate) note: Option<TextRule>,
}

impl Group for StepRule {
    type Item = Step;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Step> {
        let step = Step {
            at: time(&self.at, record, notes),
            step: text(&self.step, record, notes),
            org: text(&self.org, record, notes),
            note: text(&self.note, record, notes),
        };
        (step != Step::default()).then_some(step)
    }
}

#[derive(Debug)]
pub(crate) struct AttachmentRule {
    pub(crate) name: Option<TextRule>,
    pub(crate) url: Option<TextRule>,
    pub(crate) mime: Option<TextRule>,
    pub(crate) bytes: Option<IntRule>,
}

impl Group for AttachmentRule {
    type Item = Attachment;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Attachment> {
        let attachment = Attachment {
            name: text(&self.name, record, notes),
            url: text(&self.url, record, notes),
            mime: text(&self.mime, record, notes),
            bytes: self.bytes.as_ref().and_then(|rule| rule.read(record, notes)),
        };
        (attachment != Attachment::default()).then_some(attachment)
    }
}

#[derive(Debug)]
pub(crate) struct TaskRule {
    pub(crate) org: Option<TextRule>,
    pub(crate) role: Option<CodeRule<TaskRole>>,
    pub(crate) side: Option<CodeRule<Side>>,
    pub(crate) level: Option<CodeRule<Level>>,
    pub(crate) status: Option<CodeRule<Status>>,
    pub(crate) dispatched_at: Option<TimeRule>,
    pub(crate) signed_at: Option<TimeRule>,
    pub(crate) due_at: Option<TimeRule>,
    pub(crate) limit_unit: Option<CodeRule<LimitUnit>>,
    pub(crate) responded_at: Option<TimeRule>,
    pub(crate) returned_reason: Option<TextRule>,
}

impl Group for TaskRule {
    type Item = Task;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Task> {
        let task = Task {
            org: text(&self.org, record, notes),
            role: code(&self.role, record, notes),
            side: code(&self.side, record, notes),
            level: code(&self.level, record, notes),
            status: code(&self.status, record, notes),
            dispatched_at: time(&self.dispatched_at, record, notes),
            signed_at: time(&self.signed_at, record, notes),
            due_at: time(&self.due_at, record, notes),
            limit_unit: code(&self.limit_unit, record, notes),
            responded_at: time(&self.responded_at, record, notes),
            returned_reason: text(&self.returned_reason, record, notes),
        };
        (task != Task::default()).then_some(task)
    }
}

#[derive(Debug)]
pub(crate) struct EvaluationRule {
    pub(crate) by: Option<CodeRule<EvaluationBy>>,
    pub(crate) at: Option<TimeRule>,
    pub(crate) contacted: Option<BoolRule>,
    pub(crate) resolved: Option<BoolRule>,
    pub(crate) satisfaction: Option<TextRule>,
    pub(crate) valid: Option<BoolRule>,
}

impl Group for EvaluationRule {
    type Item = Evaluation;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Evaluation> {
        let answer = |rule: &Option<BoolRule>, notes: &mut Notes| {
            rule.as_ref().and_then(|rule| rule.read(record, notes))
        };
        let rule = self.satisfaction.as_ref();
        let satisfaction = rule.map(|rule| rule.coded(record, notes));
        let Coded { code: satisfaction, raw } =
            satisfaction.unwrap_or(Coded { code: None, raw: None });
        let said = Evaluation {
            by: None,
            at: time(&self.at, record, notes),
            contacted: answer(&self.contacted, notes),
            resolved: answer(&self.resolved, notes),
            satisfaction,
            satisfaction_raw: raw,
            valid: answer(&self.valid, notes),
        };
        // Who would have judged is not a judgement.
        let is_judged = said != Evaluation::default();
        is_judged.then(|| Evaluation { by: code(&self.by, record, notes), ..said })
    }
}

#[derive(Debug)]
pub(crate) struct RelatedRule {
    pub(crate) no: TextRule,
    pub(crate) relation: TextRule,
}

impl Group for RelatedRule {
    type Item = Related;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Related> {
        let (no, relation) = (self.no.read(record, notes), self.relation.read(record, notes));
        Some(Related { no: no?, relation: relation? })
    }
}

#[derive(Debug)]
pub(crate) struct EnterpriseRule {
    pub(crate) name: Option<TextRule>,
    pub(crate) uscc: Option<TextRule>,
    pub(crate) type_: Option<TextRule>,
}

impl Group for EnterpriseRule {
    type Item = Enterprise;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Enterprise> {
        let code = text(&self.uscc, record, notes);
        let enterprise = Enterprise {
            name: text(&self.name, record, notes),
            uscc: code.map(|code| uscc(&code, "enterprise.uscc", notes)),
            type_: text(&self.type_, record, notes),
        };
        (enterprise != Enterprise::default()).then_some(enterprise)
    }
}

#[derive(Debug)]
pub(crate) struct RepeatRule {
    pub(crate) flag: Option<TextRule>,
    pub(crate) of: Option<TextRule>,
}

impl Group for RepeatRule {
    type Item = Repeat;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Repeat> {
        let repeat =
            Repeat { flag: text(&self.flag, record, notes), of: text(&self.of, record, notes) };
        (repeat != Repeat::default()).then_some(repeat)
    }
}

#[derive(Debug)]
pub(crate) struct CountsRule {
    pub(crate) urged: Option<IntRule>,
    pub(crate) returned: Option<IntRule>,
    pub(crate) extended: Option<IntRule>,
    pub(crate) repeated: Option<IntRule>,
}

impl Group for CountsRule {
    type Item = Counts;

    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Counts> {
        let mut count = |rule: &Option<IntRule>| rule.as_ref()?.read(record, notes);
        let counts = Counts {
            urged: count(&self.urged),
            returned: count(&self.returned),
            extended: count(&self.extended),
            repeated: count(&self.repeated),
        };
        (counts != Counts::default()).then_some(counts)
    }
}

fn text(rule: &Option<TextRule>, record: Record<'_>, notes: &mut Notes) -> Option<String> {
    rule.as_ref()?.read(record, notes)
}

fn time(rule: &Option<TimeRule>, record: Record<'_>, notes: &mut Notes) -> Option<Timestamp> {
    rule.as_ref()?.read(record, notes)
}

fn code<T>(rule: &Option<CodeRule<T>>, record: Record<'_>, notes: &mut Notes) -> Option<T> {
    rule.as_ref()?.read(record, notes).code
}
