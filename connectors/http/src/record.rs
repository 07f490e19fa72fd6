//! Makes entries from the records of an answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision};
use document::{Defects, Facts};
use serde_json::Value;

use crate::{
    fetch, list,
    plan::Plan,
    rules::{AnswerView, Meaning},
};

/// A part of a record: its name, its value, and the facts about the text of its answer.
pub(crate) type RecordPart = (String, Value, Facts);

/// Makes the entry for a record. `facts` are about the text of its answer; `at` names the record in
/// messages.
pub(crate) fn entry(
    plan: &Plan,
    mut tree: Value,
    facts: &Facts,
    at: String,
    parts: Vec<RecordPart>,
) -> Entry {
    let key = facts.findings.key(&plan.config.key, &tree).map(RecordKey::new);
    let mut defects = facts.defects_in("", &tree);
    for (name, part, facts) in &parts {
        let Defects { marks, damage } = facts.defects_in(&format!("{name}."), part);
        defects.marks.extend(marks);
        defects.damage = defects.damage.or(damage);
    }
    let reason = match (defects.reason(plan.config.malformed), &key) {
        (Some(reason), _) => reason,
        (None, None) => {
            Reason::new("missing_key", format!("there is no value at {}", plan.config.key.as_str()))
        }
        (None, Some(key)) => {
            let key = key.clone();
            facts.findings.remove_markers(&mut tree);
            for (name, mut part, facts) in parts {
                facts.findings.remove_markers(&mut part);
                if let Value::Object(object) = &mut tree {
                    object.insert(name, part);
                }
            }
            for attachment in &plan.config.attachment {
                attachment.replace_content(&mut tree);
            }
            let mut report = facts.report.clone();
            report.marks = defects.marks;
            return Entry::record(key, Revision::NONE, tree, report);
        }
    };
    let mut bytes = facts.findings.source_bytes(&tree.to_string());
    for (_, part, facts) in &parts {
        bytes.push(b'\n');
        bytes.extend(facts.findings.source_bytes(&part.to_string()));
    }
    Entry::Unreadable { place: Place { key, at }, bytes: Bytes::from(bytes), reason }
}

/// Parses a fixture: an answer as the source sends it. Its records may already contain their parts.
pub(crate) fn sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let (text, facts, tree) = fetch::parse(plan, &plan.list, page, None);
    let view = AnswerView { status: 200, text: &text, tree: tree.as_ref().ok(), retry_after: None };
    let (tree, is_nothing) = match (plan.config.rules.judge(None, view), tree) {
        (Meaning::Nothing, _) => (Value::Null, true),
        (Meaning::Success, Ok(tree)) => (tree, false),
        (Meaning::Success, Err(why)) => {
            return Err(Fault::stopped("the fixture cannot be read").because(why));
        }
        (Meaning::Fault(fault), _) => return Err(fault),
        (Meaning::Expired | Meaning::Unclear, _) => {
            return Err(Fault::stopped("the channel's rules do not accept the fixture"));
        }
    };
    let page = list::page(plan, page, tree, is_nothing, BTreeMap::new(), facts)
        .map_err(|what| Fault::stopped("the fixture cannot be read").because(what))?;
    let entries = page.records.into_iter().enumerate().map(|(index, tree)| {
        let at = format!("record {}", index + 1);
        entry(plan, tree, &page.facts, at, Vec::new())
    });
    Ok(entries.collect())
}
