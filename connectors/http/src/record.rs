//! From a record of an answer to an entry.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{
    Body, Entry, Fault, Mark, Place, RawRecord, Reason, RecordKey, Revision, demand::QualityFlag,
};
use document::fields_with;
use serde_json::Value;

use crate::{
    answer::Page,
    config::Malformed,
    fetch::{self, TextFacts},
    plan::Plan,
    rules::{Evidence, Judgement},
};

/// A record and what is known of its text.
pub(crate) struct Draft<'a> {
    pub(crate) tree: Value,
    /// Of the answer it stood in.
    pub(crate) text: &'a TextFacts,
    /// Which answer that was, for people.
    pub(crate) at: String,
    /// Parts, by name, with what is known of theirs.
    pub(crate) parts: Vec<(String, Value, TextFacts)>,
}

/// The entry for a record.
pub(crate) fn entry(plan: &Plan, draft: Draft<'_>) -> Entry {
    let Draft { mut tree, text, at, parts } = draft;
    let key = plan.key.text(&tree);
    // A key that is spoilt is no key: the next record that is spoilt there would get the same.
    let key = key.filter(|key| text.bad.replaced(key) == *key).map(RecordKey::new);
    let mut report = text.report.clone();
    report.marks = marks(text, "", &tree);
    for (name, part, text) in &parts {
        report.marks.extend(marks(text, &format!("{name}."), part));
    }
    let malformed = report.marks.iter().find(|mark| mark.flag == QualityFlag::MalformedBytes);
    let reason = match (malformed, &key) {
        (Some(mark), _) if plan.malformed == Malformed::Reject => {
            Reason::new("malformed_bytes", format!("{}: {}", mark.field, mark.detail))
        }
        (_, None) => Reason::new("missing_key", format!("nothing stands at {}", plan.key.as_str())),
        (_, Some(key)) => {
            let key = key.clone();
            text.bad.replace(&mut tree);
            for (name, mut part, text) in parts {
                text.bad.replace(&mut part);
                if let Value::Object(object) = &mut tree {
                    object.insert(name, part);
                }
            }
            plan.attachments.iter().for_each(|attachment| attachment.shrink(&mut tree));
            let body = Body::new(tree);
            return Entry::Record(RawRecord { key, revision: Revision::NONE, body, text: report });
        }
    };
    let mut bytes = text.bad.bytes_of(&tree);
    for (_, part, text) in &parts {
        bytes.push(b'\n');
        bytes.extend(text.bad.bytes_of(part));
    }
    Entry::Unreadable { place: Place { key, at }, bytes: Bytes::from(bytes), reason }
}

/// What was found in the texts of a tree.
fn marks(text: &TextFacts, prefix: &str, tree: &Value) -> Vec<Mark> {
    let malformed = text.bad.within(tree).into_iter().map(|found| {
        let detail = format!(
            "{} bytes at offset {} are not {}, {} such places",
            found.len, found.offset, text.report.charset, found.count
        );
        let field = format!("{prefix}{}", found.field);
        Mark { field, flag: QualityFlag::MalformedBytes, detail }
    });
    let put_back = fields_with(&text.put_back, tree).into_iter().map(|field| {
        let detail = "a private-use character was put back".to_owned();
        Mark { field: format!("{prefix}{field}"), flag: QualityFlag::RepairedText, detail }
    });
    malformed.chain(put_back).collect()
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
    let page = Page::new(tree, BTreeMap::new(), &plan.records, &plan.key);
    let entries = page.records.into_iter().enumerate().map(|(index, tree)| {
        let at = format!("record {}", index + 1);
        entry(plan, Draft { tree, text: &facts, at, parts: Vec::new() })
    });
    Ok(entries.collect())
}
