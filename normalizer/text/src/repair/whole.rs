//! The usual case: all of a text was broken, and in one way.

use crate::{
    Span,
    model::{BIT, Cost, model},
};

use super::{
    CERTAIN, Edit, Rule,
    tables::{Generation, Tables},
    unit::{Meant, Pending, Step, bytes},
};

/// What people write costs less, in a stretch of any length.
const PLAUSIBLE: Cost = 14 * BIT;

/// So much more surprising may be what an older decoder read than what a browser would have: it is
/// databases and scripts that break texts.
const OLDER: Cost = 12 * BIT;

/// The way back for a whole text, if one is certain.
///
/// Bytes that are UTF-8 from beginning to end are so by no accident. Every second text is valid
/// Big5 or GBK: what comes out of them must be plausible by itself, and the best is taken.
pub(super) fn edit(text: &str) -> Option<Edit> {
    let given = model().estimate(text);
    let mut best: Option<(Cost, Edit)> = None;
    let is_older =
        Generation::that_may_read(text).any(|generation| generation == Generation::Older);
    for (generation, handicap) in [(Generation::Newer, OLDER), (Generation::Older, 0)] {
        for rule in Rule::ALL {
            // What was meant in Big5 may hold signs that only older encoders write so.
            let is_of_it =
                generation == Generation::Newer || is_older || rule.meant() == Meant::Big5;
            let tables = Tables::of(generation);
            let Some(meant) = is_of_it.then(|| undo(rule, text, tables)).flatten() else {
                continue;
            };
            let cost = model().estimate(&meant);
            let is_utf8 = rule.meant() == Meant::Utf8;
            let n_chars = Cost::try_from(meant.chars().count()).unwrap_or(Cost::MAX);
            let is_plausible = is_utf8 || cost < PLAUSIBLE.saturating_mul(n_chars);
            let is_best = best.as_ref().is_none_or(|(best, _)| cost + handicap < *best);
            if is_plausible && is_best && given >= cost.saturating_add(CERTAIN) {
                let edit = trimmed(rule, text, meant);
                if is_utf8 {
                    return Some(edit);
                }
                best = Some((cost + handicap, edit));
            }
        }
    }
    best.map(|(_, edit)| edit)
}

/// The text before it was broken by `rule`. `None` if the way back is not exact.
pub(super) fn undo(rule: Rule, text: &str, tables: &Tables) -> Option<String> {
    let read = rule.read().table(tables);
    let mut broken = Vec::with_capacity(text.len());
    for c in text.chars() {
        broken.extend(bytes(read.bytes(c)?));
    }
    match rule.meant() {
        Meant::Utf8 => String::from_utf8(broken).ok(),
        charset => decode(charset, &broken, tables),
    }
}

/// Han charsets only: of each character, the bytes must be those in which it is written.
fn decode(charset: Meant, bytes: &[u8], tables: &Tables) -> Option<String> {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
    let mut pending = Pending::default();
    let (mut n_counted, mut n_others) = (0, 0);
    for byte in bytes {
        match charset.step(pending, *byte, tables) {
            Step::More(more) => pending = more,
            Step::Malformed => return None,
            Step::Whole(c) => {
                if pending.len() > 0 {
                    if !charset.writes(c, pending, *byte, tables) {
                        return None;
                    }
                    *(if model().is_counted(c) { &mut n_counted } else { &mut n_others }) += 1;
                }
                text.push(c);
                pending = Pending::default();
            }
        }
    }
    // These are charsets for Han characters.
    (pending.len() == 0 && n_counted > n_others).then_some(text)
}

/// Without what is ASCII before and after.
fn trimmed(rule: Rule, text: &str, meant: String) -> Edit {
    let same = |(a, b): &(char, char)| a == b && a.is_ascii();
    let start = text.chars().zip(meant.chars()).take_while(same).count();
    let (rest, meant_rest) = (&text[start..], &meant[start..]);
    let end = rest.chars().rev().zip(meant_rest.chars().rev()).take_while(same).count();
    let from = Span { offset: start, len: rest.len() - end };
    Edit { rule, from, meant: meant_rest[..meant_rest.len() - end].to_owned() }
}
