//! Finds the places of lost characters, which cannot be restored but are reported.

use std::iter::Peekable;

use crate::Span;

use super::{
    Repair,
    tables::{Generation, Tables},
    unit::{Pending, Step, bytes},
};

/// The positions of lost characters, in order.
pub(super) fn find(text: &str, repairs: &[Repair]) -> Vec<Span> {
    let mut found = replacement_characters(text);
    found.extend(question_marks(text));
    found.extend(repairs.iter().filter_map(|repair| half_character_after(text, repair)));
    found.sort_unstable_by_key(|span| (span.offset, span.len));
    found.dedup_by(|next, span| {
        let end = span.offset + span.len;
        let is_continued = next.offset <= end;
        if is_continued {
            span.len = end.max(next.offset + next.len) - span.offset;
        }
        is_continued
    });
    found
}

/// Whether all characters of a text are lost: a converter replaced each of them by `?`, `¿` or U+FFFD.
pub fn is_lost(text: &str) -> bool {
    let mut chars = text.chars().filter(|c| !c.is_whitespace()).peekable();
    chars.peek().is_some() && chars.all(|c| LOST.contains(&c) || c == char::REPLACEMENT_CHARACTER)
}

/// What converters write for a character that their charset does not have.
const LOST: [char; 2] = ['?', '¿'];

/// The runs of question marks in a text of nothing but these, digits and signs, most of it question
/// marks: `????` or `????2026`. Among words, they are what somebody wrote.
pub(super) fn question_marks(text: &str) -> Vec<Span> {
    let is_sign = |c: char| LOST.contains(&c) || c.is_ascii() && !c.is_ascii_alphabetic();
    if !text.chars().all(is_sign) {
        return Vec::new();
    }
    let n_lost = text.matches(LOST).count();
    if n_lost == 0 || 2 * n_lost < text.chars().filter(|c| !c.is_whitespace()).count() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if LOST.contains(&c) {
            let end = run(&mut chars, |c| LOST.contains(&c)).unwrap_or(offset + c.len_utf8());
            found.push(Span { offset, len: end - offset });
        }
    }
    found
}

/// The positions of characters that replaced lost ones.
fn replacement_characters(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((offset, first)) = chars.next() {
        let end = match first {
            '\u{FFFD}' => run(&mut chars, |c| c == first),
            // Two U+FFFD in UTF-8, decoded as GBK, are 锟斤拷. The end may be cut off.
            '锟' => run(&mut chars, |c| matches!(c, '锟' | '斤' | '拷')),
            // U+FFFD in UTF-8, decoded as Latin-1, is ï¿½.
            'ï' => run(&mut chars, |c| matches!(c, '¿' | '½' | 'ï')),
            // Uninitialised or freed memory has bytes CC, CD or DD in a row, which are these in GBK.
            '烫' | '屯' | '葺' => run(&mut chars, |c| c == first),
            _ => continue,
        };
        let len = end.map_or(0, |end: usize| end - offset);
        let span = Span { offset, len: len.max(first.len_utf8()) };
        let n_chars = text[offset..offset + span.len].chars().count();
        let is_lost = match first {
            '\u{FFFD}' => true,
            '锟' => n_chars >= 2,
            'ï' => text[offset..].starts_with("ï¿½"),
            _ => n_chars >= 3,
        };
        if is_lost {
            found.push(span);
        }
    }
    found
}

/// Consumes characters while `is_part` holds; returns the end of the last one.
fn run(
    chars: &mut Peekable<std::str::CharIndices<'_>>,
    is_part: impl Fn(char) -> bool,
) -> Option<usize> {
    let mut end = None;
    while let Some((at, c)) = chars.next_if(|(_, c)| is_part(*c)) {
        end = Some(at + c.len_utf8());
    }
    end
}

/// The position, after a repaired part, of the first bytes of a character whose last byte became `?`
/// or U+FFFD.
fn half_character_after(text: &str, repair: &Repair) -> Option<Span> {
    let rule = *repair.rules.last()?;
    let offset = repair.span.offset + repair.span.len;
    let tables = Tables::of(Generation::Newer);
    let mut pending = Pending::default();
    for (at, c) in text[offset..].char_indices() {
        if at > 0 && matches!(c, '?' | '\u{FFFD}') {
            return Some(Span { offset, len: at + c.len_utf8() });
        }
        for byte in bytes(rule.wrong_charset().table(tables).bytes(c)?) {
            match rule.true_charset().step(pending, byte, tables) {
                Step::More(more) => pending = more,
                Step::Whole(_) | Step::Malformed => return None,
            }
        }
    }
    None
}
