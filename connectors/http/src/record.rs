//! From a record of an answer to an entry.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision};
use document::{Facts, Verdict};
use serde_json::Value;

use crate::{
    answer::Page,
    fetch,
    plan::Plan,
    rules::{Evidence, Meaning},
};

/// A record with what is known of its text.
pub(crate) struct Draft<'a> {
    pub(crate) tree: Value,
    /// Of the answer it came in.
    pub(crate) text: &'a Facts,
    /// Which record of which answer, for people.
    pub(crate) at: String,
    /// Parts by name, with what is known of their text.
    pub(crate) parts: Vec<(String, Value, Facts)>,
}

/// The entry for a record.
pub(crate) fn entry(plan: &Plan, draft: Draft<'_>) -> Entry {
    let Draft { mut tree, text, at, parts } = draft;
    let key = text.findings.key(&plan.config.key, &tree).map(RecordKey::new);
    let mut verdict = text.judge("", &tree);
    for (name, part, text) in &parts {
        let Verdict { marks, damage } = text.judge(&format!("{name}."), part);
        verdict.marks.extend(marks);
        verdict.damage = verdict.damage.or(damage);
    }
    let reason = match (verdict.reason(plan.config.malformed), &key) {
        (Some(reason), _) => reason,
        (None, None) => {
            Reason::new("missing_key", format!("there is no value at {}", plan.config.key.as_str()))
        }
        (None, Some(key)) => {
            let key = key.clone();
            text.findings.settle(&mut tree);
            for (name, mut part, text) in parts {
                text.findings.settle(&mut part);
                if let Value::Object(object) = &mut tree {
                    object.insert(name, part);
                }
            }
            plan.config.attachment.iter().for_each(|attachment| attachment.shrink(&mut tree));
            let mut report = text.report.clone();
            report.marks = verdict.marks;
            return Entry::record(key, Revision::NONE, tree, report);
        }
    };
    let mut bytes = text.findings.bytes_of(&tree);
    for (_, part, text) in &parts {
        bytes.push(b'\n');
        bytes.extend(text.findings.bytes_of(part));
    }
    Entry::Unreadable { place: Place { key, at }, bytes: Bytes::from(bytes), reason }
}

/// Entries of a fixture: an answer as the source gives it. Its records may contain the parts.
pub(crate) fn sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let (text, facts, tree) = fetch::open(plan, &plan.list, page, None);
    let evidence =
        Evidence { status: 200, text: &text, tree: tree.as_ref().ok(), retry_after: None };
    let tree = match (plan.config.rules.judge(None, evidence), tree) {
        (Meaning::Nothing, _) => Value::Null,
        (Meaning::Success, Ok(tree)) => tree,
        (Meaning::Success, Err(broken)) => {
            return Err(Fault::stopped("the fixture is not an answer").because(broken));
        }
        (Meaning::Fault(fault), _) => return Err(fault),
        (Meaning::Expired | Meaning::Unclear, _) => {
            return Err(Fault::stopped("the fixture is not a success by the channel's rules"));
        }
    };
    let page =
        Page::new(tree, BTreeMap::new(), &facts.findings, &plan.config.records, &plan.config.key)
            .map_err(|what| Fault::stopped("the fixture is not an answer").because(what))?;
    let entries = page.records.into_iter().enumerate().map(|(index, tree)| {
        let at = format!("record {}", index + 1);
        entry(plan, Draft { tree, text: &facts, at, parts: Vec::new() })
    });
    Ok(entries.collect())
}
