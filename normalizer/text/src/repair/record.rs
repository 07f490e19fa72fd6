//! Repairs the texts of a record together.
//!
//! All texts of a record are usually broken by the same wrong charset. A long text proves what happened, and
//! then a name of two characters needs hardly any proof of its own.

use std::borrow::Cow;

use crate::{
    Span,
    model::{BIT, Cost, model},
};

use super::{
    Repair, Repaired, Rule, damage, repair_within, success,
    tables::{Generation, Tables},
    unit::WrongCharset,
    whole,
};

/// Repairs texts of one record, in order. `steps` is what is left of their common budget.
pub fn repair_record<'a>(texts: &[&'a str], steps: &mut u64) -> Vec<Repaired<'a>> {
    let mut repaired: Vec<_> = texts.iter().map(|text| repair_within(text, steps)).collect();
    let mut known = rules_of(&repaired);
    if known.is_empty() {
        known.extend(rules_of_all(texts, &repaired, steps));
    }
    for rules in known {
        for (text, repaired) in texts.iter().zip(&mut repaired) {
            if !repaired.repairs.is_empty() || text.is_ascii() {
                continue;
            }
            if !spend(text.len(), rules.len(), steps) {
                repaired.is_unfinished = true;
            } else if let Some(whole) = repair_as_others(text, &rules) {
                *repaired = whole;
            }
        }
    }
    repaired
}

/// How many bits fewer a text must cost after a repair by a rule that another text of its record proves.
const fn min_gain_if_proved(rule: Rule) -> Cost {
    match rule {
        // Nearly every text can be read in this way.
        Rule::Big5AsGb18030 | Rule::Gb18030AsBig5 => 12 * BIT,
        _ => 2 * BIT,
    }
}

/// Instead of that, for Latin letters: how many bits each repaired letter may cost.
const MAX_COST_PER_LETTER: Cost = 20 * BIT;

/// The different ways in which texts were repaired, the most frequent first.
fn rules_of(repaired: &[Repaired<'_>]) -> Vec<Vec<Rule>> {
    let mut found: Vec<(usize, &Vec<Rule>)> = Vec::new();
    for repair in repaired.iter().flat_map(|repaired| &repaired.repairs) {
        match found.iter_mut().find(|(_, rules)| *rules == &repair.rules) {
            Some((n, _)) => *n += 1,
            None => found.push((1, &repair.rules)),
        }
    }
    found.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    found.into_iter().take(MAX_WAYS).map(|(_, rules)| rules.clone()).collect()
}

/// If texts of a record were broken in more ways than this, they say nothing about the others.
const MAX_WAYS: usize = 3;

/// How all texts together were broken, if each of them is too short to prove it.
fn rules_of_all(texts: &[&str], repaired: &[Repaired<'_>], steps: &mut u64) -> Option<Vec<Rule>> {
    let is_odd = |repaired: &Repaired<'_>| !repaired.is_unfinished && repaired.is_suspicious;
    if repaired.iter().filter(|repaired| is_odd(repaired)).count() < 2 {
        return None;
    }
    let short = texts.iter().copied().filter(|text| !text.is_ascii() && text.len() <= MAX_SHORT);
    let all = short.collect::<Vec<_>>().join("\n");
    spend(all.len(), 2 * Rule::ALL.len(), steps).then(|| whole::edit(&all))?.map(|edit| edit.rules)
}

/// A longer text proves by itself what happened to it.
const MAX_SHORT: usize = 256;

/// The repair of a whole text by rules that repaired another text of the record.
fn repair_as_others<'a>(text: &str, rules: &[Rule]) -> Option<Repaired<'a>> {
    let repaired = undo_all(text, rules)?;
    let last = *rules.last()?;
    let judged = success::judge(last, &repaired);
    let gain = model().estimate(text).saturating_sub(judged.cost);
    // Few Latin letters cost no more than a Han character, but they are no word.
    let is_enough = match last.wrong_charset() {
        // One letter may be a name or a unit: `Ål`, `×h`.
        WrongCharset::Latin1 => {
            let n_foreign = text.chars().filter(|c| !c.is_ascii()).count();
            n_foreign >= 2 && judged.cost_per_letter < MAX_COST_PER_LETTER
        }
        _ => gain >= min_gain_if_proved(last),
    };
    if !is_enough {
        return None;
    }
    let whole = |text: &str| Span { offset: 0, len: text.len() };
    let repair = Repair { rules: rules.to_vec(), span: whole(&repaired), before: whole(text) };
    let damaged = damage::find(&repaired, std::slice::from_ref(&repair));
    Some(Repaired {
        repairs: vec![repair],
        damaged,
        is_suspicious: true,
        is_unfinished: false,
        text: Cow::Owned(repaired),
    })
}

/// The text with every one of these wrong decodings undone.
fn undo_all(text: &str, rules: &[Rule]) -> Option<String> {
    rules.iter().try_fold(text.to_owned(), |text, rule| {
        let undone = |generation| whole::undo(*rule, &text, Tables::of(generation));
        Generation::ALL.into_iter().find_map(undone)
    })
}

/// Takes what trying `n_rules` on a text costs from the budget; whether there was enough of it.
fn spend(bytes: usize, n_rules: usize, steps: &mut u64) -> bool {
    let left = steps.checked_sub((bytes * n_rules * Generation::ALL.len()) as u64);
    *steps = left.unwrap_or(*steps);
    left.is_some()
}
