//! Groups: what belongs together in a demand and is read from one node or from many.

use contract::demand::{Attachment, Counts, Enterprise, Related, Repeat, Step};
use serde_json::Value;

use super::{IntRule, TextRule, TimeRule, personal::uscc};
use crate::{notes::Notes, path::Path};

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
    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Self::Item>;
}

impl<R: Group> EachRule<R> {
    pub(crate) fn read(&self, tree: &Value, notes: &mut Notes) -> Vec<R::Item> {
        let nodes = self.each.all(tree);
        nodes.into_iter().filter_map(|node| self.item.read(node, notes)).collect()
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

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Step> {
        let step = Step {
            at: self.at.as_ref().and_then(|rule| rule.read(tree, notes)),
            step: text(&self.step, tree, notes),
            org: text(&self.org, tree, notes),
            note: text(&self.note, tree, notes),
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

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Attachment> {
        let attachment = Attachment {
            name: text(&self.name, tree, notes),
            url: text(&self.url, tree, notes),
            mime: text(&self.mime, tree, notes),
            bytes: self.bytes.as_ref().and_then(|rule| rule.read(tree, notes)),
        };
        (attachment != Attachment::default()).then_some(attachment)
    }
}

#[derive(Debug)]
pub(crate) struct RelatedRule {
    pub(crate) no: TextRule,
    pub(crate) relation: TextRule,
}

impl Group for RelatedRule {
    type Item = Related;

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Related> {
        let (no, relation) = (self.no.read(tree, notes), self.relation.read(tree, notes));
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

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Enterprise> {
        let code = text(&self.uscc, tree, notes);
        let enterprise = Enterprise {
            name: text(&self.name, tree, notes),
            uscc: code.map(|code| uscc(&code, "enterprise.uscc", notes)),
            type_: text(&self.type_, tree, notes),
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

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Repeat> {
        let repeat =
            Repeat { flag: text(&self.flag, tree, notes), of: text(&self.of, tree, notes) };
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

    fn read(&self, tree: &Value, notes: &mut Notes) -> Option<Counts> {
        let mut count = |rule: &Option<IntRule>| rule.as_ref()?.read(tree, notes);
        let counts = Counts {
            urged: count(&self.urged),
            returned: count(&self.returned),
            extended: count(&self.extended),
            repeated: count(&self.repeated),
        };
        (counts != Counts::default()).then_some(counts)
    }
}

fn text(rule: &Option<TextRule>, tree: &Value, notes: &mut Notes) -> Option<String> {
    rule.as_ref()?.read(tree, notes)
}
