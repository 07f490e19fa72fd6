//! From a record of an answer to an entry.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Body, Entry, Fault, Place, RawRecord, Reason, RecordKey, Revision};
use document::{Facts, Verdict};
use serde_json::Value;

use crate::{
    answer::Page,
    fetch,
    plan::Plan,
    rules::{Evidence, Judgement},
};

/// A record and what is known of its text.
pub(crate) struct Draft<'a> {
    pub(crate) tree: Value,
    /// Of the answer it stood in.
    pub(crate) text: &'a Facts,
    /// Which answer that was, for people.
    pub(crate) at: String,
    /// Parts, by name, with what is known of theirs.
    pub(crate) parts: Vec<(String, Value, Facts)>,
}

/// The entry for a record.
pub(crate) fn entry(plan: &Plan, draft: Draft<'_>) -> Entry {
    let Draft { mut tree, text, at, parts } = draft;
    let key = text.findings.key(&plan.key, &tree).map(RecordKey::new);
    let mut verdict = text.judge("", &tree);
    for (name, part, text) in &parts {
        let Verdict { marks, damage } = text.judge(&format!("{name}."), part);
        verdict.marks.extend(marks);
        verdict.damage = verdict.damage.or(damage);
    }
    let reason = match (verdict.reason(plan.malformed), &key) {
        (Some(reason), _) => reason,
        (None, None) => {
            Reason::new("missing_key", format!("nothing stands at {}", plan.key.as_str()))
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
            plan.attachments.iter().for_each(|attachment| attachment.shrink(&mut tree));
            let mut report = text.report.clone();
            report.marks = verdict.marks;
            let body = Body::new(tree);
            return Entry::Record(RawRecord { key, revision: Revision::NONE, body, text: report });
        }
    };
    let mut bytes = text.findings.bytes_of(&tree);
    for (_, part, text) in &parts {
        bytes.push(b'\n');
        bytes.extend(text.findings.bytes_of(part));
    }
    Entry::Unreadable { place: Place { key, at }, bytes: Bytes::from(bytes), reason }
}

/// Entries of a fixture: an answer as the source gives it. Parts may stand in its records.
pub(crate) fn sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let (text, facts, tree) = fetch::open(&plan.list, page, None);
    let evidence =
        Evidence { status: 200, text: &text, tree: tree.as_ref().ok(), retry_after: None };
    let tree = match (plan.list.rules.judge(evidence), tree) {
        (Judgement::Nothing, _) => Value::Null,
        (Judgement::Success, Ok(tree)) => tree,
        (Judgement::Success, Err(broken)) => {
            return Err(Fault::stopped("the fixture is no answer").because(broken));
        }
        (Judgement::Fault(fault), _) => return Err(fault),
        (Judgement::Stale | Judgement::Unclear, _) => {
            return Err(Fault::stopped("the fixture is no success by the channel's rules"));
        }
    };
    let page = Page::new(tree, BTreeMap::new(), &facts.findings, &plan.records, &plan.key)
        .map_err(|what| Fault::stopped("the fixture is no answer").because(what))?;
    let entries = page.records.into_iter().enumerate().map(|(index, tree)| {
        let at = format!("record {}", index + 1);
        entry(plan, Draft { tree, text: &facts, at, parts: Vec::new() })
    });
    Ok(entries.collect())
}
