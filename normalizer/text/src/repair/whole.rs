//! Repairs a text that was decoded wrongly as a whole, in one way, which is the usual case.

use crate::{
    Span,
    model::{BIT, Cost, model},
};

use super::{
    Edit, MIN_GAIN, MIN_GAIN_IF_LIKELY, Rule,
    tables::{Generation, Tables},
    unit::{Pending, Step, TrueCharset, bytes},
};

/// A text that costs more per character is not plausible.
const MAX_COST_PER_CHAR: Cost = 13 * BIT;
/// A shorter text may be a rare name, so it needs the larger gain.
const MIN_CHARS: Cost = 4;

/// Added to the cost of a result of the newer decoders, if the older ones are possible too: databases
/// and scripts break texts, and browsers do not.
const NEWER_PENALTY: Cost = 8 * BIT;

/// The repair of a whole text, if it is certain.
///
/// If the bytes are valid UTF-8, that is hardly chance. But nearly half of all texts are valid Big5 or
/// GBK: such a result must be plausible by itself, and the cheapest one is returned.
pub(super) fn edit(text: &str) -> Option<Edit> {
    let original_cost = model().estimate(text);
    let mut best: Option<(Cost, Edit)> = None;
    for rule in Rule::ALL {
        let may_be_older = Generation::Older.may_read(text, rule.wrong_charset());
        for generation in Generation::ALL {
            let is_newer = generation == Generation::Newer;
            // The bytes may be Big5 text with signs that only older encoders write in this way.
            let is_possible = is_newer || may_be_older || rule.true_charset() == TrueCharset::Big5;
            let tables = Tables::of(generation);
            let Some(repaired) = is_possible.then(|| undo(rule, text, tables)).flatten() else {
                continue;
            };
            let penalty = if is_newer && may_be_older { NEWER_PENALTY } else { 0 };
            let cost = model().estimate(&repaired);
            let is_utf8 = rule.true_charset() == TrueCharset::Utf8;
            let n_chars = Cost::try_from(repaired.chars().count()).unwrap_or(Cost::MAX);
            let is_plausible = cost < MAX_COST_PER_CHAR.saturating_mul(n_chars);
            let min_gain =
                if is_plausible && n_chars >= MIN_CHARS { MIN_GAIN_IF_LIKELY } else { MIN_GAIN };
            let is_best = best.as_ref().is_none_or(|(best, _)| cost + penalty < *best);
            if (is_plausible || is_utf8)
                && is_best
                && original_cost >= cost.saturating_add(min_gain)
            {
                let edit = trimmed(rule, text, repaired);
                if is_utf8 {
                    return Some(edit);
                }
                best = Some((cost + penalty, edit));
            }
        }
    }
    best.map(|(_, edit)| edit)
}

/// Undoes a wrong decoding; `None` if the text cannot have been broken in this way.
pub(super) fn undo(rule: Rule, text: &str, tables: &Tables) -> Option<String> {
    let read = rule.wrong_charset().table(tables);
    let usual = undo_as(rule, text, tables, |c| read.bytes(c));
    // The euro sign may have been read from one byte (cp936) or from two.
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
    let mut encoded = Vec::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        encoded.extend(bytes(bytes_of(c)?));
        // Stops early, because most bytes that are not UTF-8 are malformed at the beginning.
        if index == HEAD && str::from_utf8(&encoded).is_err_and(|error| error.error_len().is_some())
        {
            return None;
        }
    }
    String::from_utf8(encoded).ok()
}

/// Decodes the bytes in a charset for Han characters. Each character must have the bytes that encoders
/// write.
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
    // Text in these charsets consists mostly of Han characters.
    (pending.len() == 0 && n_counted > n_others).then_some(repaired)
}

/// Stands for a character without bytes: FF is not valid in these charsets.
const NO_BYTES: u16 = 0xFFFF;

/// The edit without the unchanged ASCII at the beginning and the end.
fn trimmed(rule: Rule, text: &str, repaired: String) -> Edit {
    let same = |(a, b): &(char, char)| a == b && a.is_ascii();
    let start = text.chars().zip(repaired.chars()).take_while(same).count();
    let (rest, repaired_rest) = (&text[start..], &repaired[start..]);
    let end = rest.chars().rev().zip(repaired_rest.chars().rev()).take_while(same).count();
    let from = Span { offset: start, len: rest.len() - end };
    Edit { rule, from, repaired: repaired_rest[..repaired_rest.len() - end].to_owned() }
}
