//! The usual case: the whole text was decoded wrongly in one way.

use crate::{
    Span,
    model::{BIT, Cost, model},
};

use super::{
    Edit, MIN_GAIN, MIN_GAIN_IF_LIKELY, Rule,
    tables::{Generation, Tables},
    unit::{Pending, Step, TrueCharset, bytes},
};

/// Real text costs less per character.
const MAX_COST_PER_CHAR: Cost = 13 * BIT;
/// Shorter texts are names or words, and may be anything.
const MIN_CHARS: Cost = 4;

/// A result of older decoders may be so much more surprising than one of newer decoders: texts are
/// broken by databases and scripts, not by browsers.
const OLDER_HANDICAP: Cost = 8 * BIT;

/// The repair of a whole text, if there is no doubt.
///
/// Bytes are not valid UTF-8 from beginning to end by chance. But every second text is valid Big5
/// or GBK: there the result must be plausible by itself, and the best one is taken.
pub(super) fn edit(text: &str) -> Option<Edit> {
    let original_cost = model().estimate(text);
    let mut best: Option<(Cost, Edit)> = None;
    for rule in Rule::ALL {
        let is_either = Generation::Older.may_read(text, rule.wrong_charset());
        for generation in Generation::ALL {
            let is_newer = generation == Generation::Newer;
            // Text in Big5 may have signs that only older encoders encode in this way.
            let is_possible = is_newer || is_either || rule.true_charset() == TrueCharset::Big5;
            let tables = Tables::of(generation);
            let Some(repaired) = is_possible.then(|| undo(rule, text, tables)).flatten() else {
                continue;
            };
            let handicap = if is_newer && is_either { OLDER_HANDICAP } else { 0 };
            let cost = model().estimate(&repaired);
            let is_utf8 = rule.true_charset() == TrueCharset::Utf8;
            let n_chars = Cost::try_from(repaired.chars().count()).unwrap_or(Cost::MAX);
            let is_plausible = cost < MAX_COST_PER_CHAR.saturating_mul(n_chars);
            let min_gain =
                if is_plausible && n_chars >= MIN_CHARS { MIN_GAIN_IF_LIKELY } else { MIN_GAIN };
            let is_best = best.as_ref().is_none_or(|(best, _)| cost + handicap < *best);
            if (is_plausible || is_utf8)
                && is_best
                && original_cost >= cost.saturating_add(min_gain)
            {
                let edit = trimmed(rule, text, repaired);
                if is_utf8 {
                    return Some(edit);
                }
                best = Some((cost + handicap, edit));
            }
        }
    }
    best.map(|(_, edit)| edit)
}

/// The text before it was broken by `rule`. `None` if the repair is not exact.
pub(super) fn undo(rule: Rule, text: &str, tables: &Tables) -> Option<String> {
    let read = rule.wrong_charset().table(tables);
    let usual = undo_as(rule, text, tables, |c| read.bytes(c));
    // One character may have been read from other bytes: cp936 has the euro sign as one.
    usual.or_else(|| {
        let has_other = text.chars().any(|c| read.other_bytes(c).is_some());
        let other = |c| read.other_bytes(c).or_else(|| read.bytes(c));
        has_other.then(|| undo_as(rule, text, tables, other)).flatten()
    })
}

fn undo_as(
    rule: Rule,
    text: &str,
    tables: &Tables,
    bytes_of: impl Fn(char) -> Option<u16>,
) -> Option<String> {
    match rule.true_charset() {
        TrueCharset::Utf8 => decode_utf8(text, bytes_of),
        charset => decode_han(charset, text, tables, bytes_of),
    }
}

fn decode_utf8(text: &str, bytes_of: impl Fn(char) -> Option<u16>) -> Option<String> {
    const HEAD: usize = 32;
    let mut broken = Vec::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        broken.extend(bytes(bytes_of(c)?));
        // Most text that is not UTF-8 fails early.
        if index == HEAD && str::from_utf8(&broken).is_err_and(|error| error.error_len().is_some())
        {
            return None;
        }
    }
    String::from_utf8(broken).ok()
}

/// The bytes of each character must be those of its encoding.
fn decode_han(
    charset: TrueCharset,
    text: &str,
    tables: &Tables,
    bytes_of: impl Fn(char) -> Option<u16>,
) -> Option<String> {
    let mut repaired = String::with_capacity(text.len() + text.len() / 2);
    let mut pending = Pending::default();
    let (mut n_counted, mut n_others) = (0, 0);
    for byte in text.chars().map(bytes_of).flat_map(|number| bytes(number.unwrap_or(NO_BYTES))) {
        match charset.step(pending, byte, tables) {
            Step::More(more) => pending = more,
            Step::Malformed => return None,
            Step::Whole(c) => {
                if pending.len() > 0 {
                    if !charset.writes(c, pending, byte, tables) {
                        return None;
                    }
                    *(if model().is_counted(c) { &mut n_counted } else { &mut n_others }) += 1;
                }
                repaired.push(c);
                pending = Pending::default();
            }
        }
    }
    // These are charsets for Han characters.
    (pending.len() == 0 && n_counted > n_others).then_some(repaired)
}

/// Not valid in any charset.
const NO_BYTES: u16 = 0xFFFF;

/// Without ASCII at the beginning and the end.
fn trimmed(rule: Rule, text: &str, repaired: String) -> Edit {
    let same = |(a, b): &(char, char)| a == b && a.is_ascii();
    let start = text.chars().zip(repaired.chars()).take_while(same).count();
    let (rest, meant_rest) = (&text[start..], &repaired[start..]);
    let end = rest.chars().rev().zip(meant_rest.chars().rev()).take_while(same).count();
    let from = Span { offset: start, len: rest.len() - end };
    Edit { rule, from, repaired: meant_rest[..meant_rest.len() - end].to_owned() }
}
