//! Makes entries from the records of an answer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision};
use document::{Defects, Diagnostics, DuplicateOutcome, masked_key};
use serde_json::Value;

use crate::{
    answer::Page,
    fetch::{self, Parsed},
    plan::Plan,
    rules::{AnswerView, Meaning},
};

/// A part of a record: its name, its value, and the diagnostics of the text of its answer.
pub(crate) type RecordPart = (String, Value, Diagnostics);

/// Makes the entry for a record. `diagnostics` are those of the text of its answer; `at` names the record in
/// messages.
pub(crate) fn entry(
    plan: &Plan,
    mut tree: Value,
    diagnostics: &Diagnostics,
    at: String,
    parts: Vec<RecordPart>,
) -> Entry {
    let key = plan.config.key.key(&tree, &diagnostics.findings);
    let mut defects = diagnostics.defects_in("", &tree);
    for (name, part, diagnostics) in &parts {
        let Defects { flags, damage } = diagnostics.defects_in(&format!("{name}."), part);
        defects.flags.extend(flags);
        defects.damage = defects.damage.or(damage);
    }
    let reason = match (defects.reason(plan.config.malformed), &key) {
        (Some(reason), _) => reason,
        (None, Err(why)) => Reason::new("missing_key", why.as_str()),
        (None, Ok(key)) => {
            let key = key.clone();
            diagnostics.findings.remove_markers(&mut tree);
            for (name, mut part, diagnostics) in parts {
                diagnostics.findings.remove_markers(&mut part);
                if let Value::Object(object) = &mut tree {
                    object.insert(name, part);
                }
            }
            for attachment in &plan.config.attachment {
                attachment.replace_content(&mut tree);
            }
            let mut report = diagnostics.report.clone();
            report.flags = defects.flags;
            return Entry::record(key, Revision::NONE, tree, report);
        }
    };
    unreadable(
        Place { key: key.ok(), revision: Revision::NONE, at },
        &tree,
        diagnostics,
        &parts,
        reason,
    )
}

/// The entry for a record whose key another record of the same answer has, with a different content. Both
/// stand in quarantine by their bytes, because none of them is the state of the key.
pub(crate) fn duplicate(plan: &Plan, tree: &Value, diagnostics: &Diagnostics, at: String) -> Entry {
    let key = plan.config.key.key(tree, &diagnostics.findings).unwrap_or_else(RecordKey::new);
    let what = format!(
        "another record of the answer has the key `{}` and other contents",
        masked_key(key.as_str())
    );
    let reason = Reason::new("duplicate_key", what);
    unreadable(Place { key: None, revision: Revision::NONE, at }, tree, diagnostics, &[], reason)
}

/// The entry for a record that has a key and cannot be completed.
pub(crate) fn refused(
    plan: &Plan,
    tree: &Value,
    diagnostics: &Diagnostics,
    at: String,
    reason: Reason,
) -> Entry {
    let key = plan.config.key.key(tree, &diagnostics.findings).ok();
    unreadable(Place { key, revision: Revision::NONE, at }, tree, diagnostics, &[], reason)
}

fn unreadable(
    place: Place,
    tree: &Value,
    diagnostics: &Diagnostics,
    parts: &[RecordPart],
    reason: Reason,
) -> Entry {
    let mut bytes = diagnostics.findings.source_bytes(&tree.to_string());
    for (_, part, diagnostics) in parts {
        bytes.push(b'\n');
        bytes.extend(diagnostics.findings.source_bytes(&part.to_string()));
    }
    Entry::Unreadable { place, bytes: Bytes::from(bytes), reason }
}

/// Parses a fixture: an answer as the source sends it. Its records may already contain their parts.
pub(crate) fn sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let (text, diagnostics, tree) = fetch::parse(plan, plan.pages(), page, &BTreeMap::new());
    let view = AnswerView {
        status: 200,
        content_type: None,
        text: &text,
        tree: tree.as_ref().ok(),
        retry_after: None,
        via_proxy: false,
    };
    let (tree, is_nothing) =
        match (plan.config.rules.judge(plan.pages().success.as_ref(), view), tree) {
            (Meaning::Nothing, _) => (Value::Null, true),
            (Meaning::Success, Ok(tree)) => (tree, false),
            (Meaning::Success, Err(why)) => {
                return Err(Fault::stopped("the fixture cannot be read").because(why.to_string()));
            }
            (Meaning::Fault(fault) | Meaning::Refused(fault), _) => return Err(fault),
            (Meaning::Expired | Meaning::Unclear, _) => {
                return Err(Fault::stopped("the channel's rules do not accept the fixture"));
            }
        };
    let is_xml = plan.pages().has_xml(&text);
    let is_lines = plan.config.format.is_some_and(fetch::is_lines);
    let parsed = Parsed { tree, is_nothing, is_xml, is_lines, diagnostics, ..Parsed::default() };
    let page = Page::new(&plan.config, parsed, &BTreeSet::new(), None, BTreeMap::new())
        .map_err(|what| Fault::stopped("the fixture cannot be read").because(what))?;
    page.check_keys()?;
    let Page { records, outcomes, diagnostics, .. } = page;
    let entries =
        records.into_iter().zip(outcomes).enumerate().filter_map(|(index, (tree, outcome))| {
            let at = format!("record {}", index + 1);
            match outcome {
                DuplicateOutcome::Repeated => None,
                DuplicateOutcome::Quarantine => Some(duplicate(plan, &tree, &diagnostics, at)),
                DuplicateOutcome::Read => Some(entry(plan, tree, &diagnostics, at, Vec::new())),
            }
        });
    Ok(entries.collect())
}
