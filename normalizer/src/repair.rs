//! Repairs the texts of a record before anything reads them.
//!
//! The texts of a record were usually broken in the same way, so they are repaired together. Mapping then sees
//! the repaired texts: a person has the same token as ever, and a label is found in its code table.

use std::borrow::Cow;

use contract::{FieldFlag, demand::QualityFlag};
use normalizer_text::{Repair, Repaired};
use serde_json::Value;

use crate::notes::Work;

/// The record with its texts repaired, borrowed if nothing was repaired, and what was found in each.
pub(crate) fn repaired<'a>(tree: &'a Value, work: &mut Work) -> (Cow<'a, Value>, Vec<FieldFlag>) {
    let mut texts = Vec::new();
    collect(tree, &mut texts);
    let repaired = work.repair(&texts);
    let mut flags = Vec::new();
    let is_clean = |found: &Repaired<'_>| {
        found.repairs.is_empty() && found.damaged.is_empty() && !found.is_unfinished
    };
    if repaired.iter().all(is_clean) {
        return (Cow::Borrowed(tree), flags);
    }
    let is_changed = repaired.iter().any(|found| !found.repairs.is_empty());
    let mut result = tree.clone();
    replace(&mut result, &mut String::new(), &mut repaired.into_iter(), &mut flags);
    (if is_changed { Cow::Owned(result) } else { Cow::Borrowed(tree) }, flags)
}

/// Collects the texts of a tree, in order.
fn collect<'a>(tree: &'a Value, texts: &mut Vec<&'a str>) {
    match tree {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces the texts of a tree, in the same order. `path` is where it is in the record.
fn replace<'a>(
    tree: &mut Value,
    path: &mut String,
    repaired: &mut impl Iterator<Item = Repaired<'a>>,
    flags: &mut Vec<FieldFlag>,
) {
    let len = path.len();
    match tree {
        Value::String(text) => {
            let Some(found) = repaired.next() else { return };
            flags.extend(doubts(&found).into_iter().map(|(flag, detail)| FieldFlag {
                field: path.clone(),
                flag,
                detail,
            }));
            if let Cow::Owned(repaired) = found.text {
                *text = repaired;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                replace(item, path, repaired, flags);
                path.truncate(len);
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                path.push_str(if len == 0 { "" } else { "." });
                path.push_str(name);
                replace(member, path, repaired, flags);
                path.truncate(len);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What was found in a text.
fn doubts(found: &Repaired<'_>) -> Vec<(QualityFlag, String)> {
    let repairs = found.repairs.iter().map(|Repair { rules, before, .. }| {
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        let (names, from, to) = (names.join(" "), before.offset, before.offset + before.len);
        (QualityFlag::RepairedText, format!("{names} at bytes {from} to {to}"))
    });
    let mut doubts: Vec<_> = repairs.collect();
    if !found.damaged.is_empty() {
        let detail = match found.damaged.len() {
            _ if normalizer_text::is_lost(&found.text) => "all characters are lost".to_owned(),
            1 => "characters are lost in one place".to_owned(),
            n => format!("characters are lost in {n} places"),
        };
        doubts.push((QualityFlag::Damaged, detail));
    }
    if found.is_unfinished {
        let detail = "it may be broken, but checking it would have cost too much";
        doubts.push((QualityFlag::UnrepairedText, detail.to_owned()));
    }
    doubts
}
