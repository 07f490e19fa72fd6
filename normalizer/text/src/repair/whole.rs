//! Repairs a text that was decoded wrongly as a whole, in one way, which is the usual case.

use std::cell::LazyCell;

use crate::{
    Span,
    model::{BIT, Cost, model},
};

use super::{
    Edit, MIN_GAIN, Rule, min_gain, success,
    tables::{Generation, Tables},
    unit::{Pending, Step, TrueCharset, WrongCharset, bytes},
};

/// A text whose characters cost more than this each is not plausible.
const MAX_COST_PER_LETTER: Cost = 13 * BIT;
/// A shorter text may be a rare name, so it needs the larger gain.
const MIN_LETTERS: usize = 4;

/// Taken from the gain of the newer decoders, if the older ones are possible too: databases and
/// scripts break texts, and browsers do not.
const NEWER_PENALTY: Cost = 8 * BIT;

/// The repair of a whole text, if it is certain.
///
/// If the bytes are valid UTF-8, that is hardly chance. But nearly half of all texts are valid Big5 or
/// GBK: such a result must be plausible by itself, and the one that gains most is returned.
pub(super) fn edit(text: &str) -> Option<Edit> {
    direct(text).or_else(|| in_two_steps(text))
}

/// The repair of a text that was decoded wrongly twice, if the text between the two is not one that a single
/// repair may result in. That text was written as UTF-8, like every text that somebody stored in between.
fn in_two_steps(text: &str) -> Option<Edit> {
    let steps = Rule::ALL.into_iter().filter(|rule| rule.true_charset() == TrueCharset::Utf8);
    let mut steps = steps.flat_map(|rule| Generation::ALL.map(|generation| (rule, generation)));
    let (rule, between) = steps
        .find_map(|(rule, generation)| Some((rule, undo(rule, text, Tables::of(generation))?)))?;
    let Edit { mut rules, from, repaired } = direct(&between)?;
    rules.insert(0, rule);
    let (head, tail) = (&between[..from.offset], &between[from.offset + from.len..]);
    let edit = trimmed(rules, text, [head, &repaired, tail].concat());
    let last = *edit.rules.last()?;
    let broken = &text[edit.from.offset..edit.from.offset + edit.from.len];
    let gain = model().estimate(broken).saturating_sub(success::judge(last, &edit.repaired).cost);
    (gain >= MIN_GAIN).then_some(edit)
}

/// The repair of a text that was decoded wrongly once.
fn direct(text: &str) -> Option<Edit> {
    let mut best: Option<(Cost, Edit)> = None;
    let may_be_older =
        WrongCharset::ALL.map(|read| LazyCell::new(move || Generation::Older.may_read(text, read)));
    for rule in Rule::ALL {
        let may_be_older = || *may_be_older[rule.wrong_charset() as usize];
        for generation in Generation::ALL {
            let is_newer = generation == Generation::Newer;
            // The bytes may be Big5 text with signs that only older encoders write in this way.
            let is_big5 = rule.true_charset() == TrueCharset::Big5;
            let is_possible = is_newer || is_big5 || may_be_older();
            let tables = Tables::of(generation);
            let Some(repaired) = is_possible.then(|| undo(rule, text, tables)).flatten() else {
                continue;
            };
            let edit = trimmed(vec![rule], text, repaired);
            let is_utf8 = rule.true_charset() == TrueCharset::Utf8;
            let was_latin = rule.wrong_charset() == WrongCharset::Latin1;
            let judged = success::judge(rule, &edit.repaired);
            // Latin letters prove more than Han: every one of them is damage.
            let (max_cost, n_letters) = match was_latin {
                true => (MAX_COST_PER_LETTER + 3 * BIT, edit.from.len),
                false => (MAX_COST_PER_LETTER, judged.n_letters),
            };
            let is_plausible = judged.cost_per_letter < max_cost;
            let is_likely = is_plausible && n_letters >= MIN_LETTERS
                || success::is_only_signs(rule, &edit.repaired);
            let min_gain = min_gain(rule, is_likely);
            let broken = &text[edit.from.offset..edit.from.offset + edit.from.len];
            let gain = model().estimate(broken).saturating_sub(judged.cost);
            let is_enough = gain >= min_gain && success::has_enough_letters(rule, &edit.repaired);
            if !is_enough || !(is_plausible || is_utf8) {
                continue;
            }
            if is_utf8 {
                return Some(edit);
            }
            let penalty = if is_newer && may_be_older() { NEWER_PENALTY } else { 0 };
            let score = gain.saturating_sub(penalty);
            if best.as_ref().is_none_or(|(best, _)| score > *best) {
                best = Some((score, edit));
            }
        }
    }
    best.map(|(_, edit)| edit)
}

/// Undoes a wrong decoding; `None` if the text cannot have been broken in this way.
pub(super) fn undo(rule: Rule, text: &str, tables: &Tables) -> Option<String> {
    let read = rule.wrong_charset().table(tables);
    // The first letter shows of most texts that they were not read in this charset.
    let first = text.chars().find(|c| !c.is_ascii());
    if first.is_some_and(|c| read.bytes(c).is_none() && read.other_bytes(c).is_none()) {
        return None;
    }
    let usual = undo_as(rule, text, tables, |c| read.bytes(c));
    // The euro sign may have been read from one byte (cp936) or from two.
    usual.or_else(|| {
        let other = |c| read.other_bytes(c).or_else(|| read.bytes(c));
        read.has_other(text).then(|| undo_as(rule, text, tables, other)).flatten()
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
        let [high, low] = bytes_of(c)?.to_be_bytes();
        if high != 0 {
            encoded.push(high);
        }
        encoded.push(low);
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
    for byte in text.chars().map(bytes_of).flat_map(|code| bytes(code.unwrap_or(NO_BYTES))) {
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
fn trimmed(rules: Vec<Rule>, text: &str, repaired: String) -> Edit {
    let same = |(a, b): &(char, char)| a == b && a.is_ascii();
    let start = text.chars().zip(repaired.chars()).take_while(same).count();
    let (rest, repaired_rest) = (&text[start..], &repaired[start..]);
    let end = rest.chars().rev().zip(repaired_rest.chars().rev()).take_while(same).count();
    let from = Span { offset: start, len: rest.len() - end };
    Edit { rules, from, repaired: repaired_rest[..repaired_rest.len() - end].to_owned() }
}

#[cfg(test)]
mod tests;
