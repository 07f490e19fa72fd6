//! What is lost, and where: nobody can put it back, but everybody can be told.

use std::iter::Peekable;

use crate::Span;

use super::{
    Repair,
    tables::{Generation, Tables},
    unit::{Pending, Step, bytes},
};

/// The places where characters were lost, in order.
pub(super) fn find(text: &str, repairs: &[Repair]) -> Vec<Span> {
    let mut found = marks(text);
    found.extend(repairs.iter().filter_map(|repair| half_behind(text, repair)));
    found.sort_unstable_by_key(|span| (span.offset, span.len));
    found.dedup_by(|next, span| {
        let end = span.offset + span.len;
        let is_more = next.offset <= end;
        if is_more {
            span.len = end.max(next.offset + next.len) - span.offset;
        }
        is_more
    });
    found
}

/// Characters that stand in the place of lost ones.
fn marks(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((offset, first)) = chars.next() {
        let end = match first {
            '\u{FFFD}' => run(&mut chars, |c| c == first),
            // U+FFFD twice in UTF-8, read as GBK: 锟斤拷. It may begin or break off in the middle.
            '锟' => run(&mut chars, |c| matches!(c, '锟' | '斤' | '拷')),
            // The same as Latin-1.
            'ï' => run(&mut chars, |c| matches!(c, '¿' | '½' | 'ï')),
            // Memory that was never written, or given back: CC, CD and DD in a row.
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

/// Goes on while characters are of a kind; the end of the last one.
fn run(
    chars: &mut Peekable<std::str::CharIndices<'_>>,
    is_of_it: impl Fn(char) -> bool,
) -> Option<usize> {
    let mut end = None;
    while let Some((at, c)) = chars.next_if(|(_, c)| is_of_it(*c)) {
        end = Some(at + c.len_utf8());
    }
    end
}

/// Behind a repaired stretch: the first bytes of a character whose last one became `?` or U+FFFD.
fn half_behind(text: &str, repair: &Repair) -> Option<Span> {
    let rule = *repair.rules.last()?;
    let offset = repair.span.offset + repair.span.len;
    let tables = Tables::of(Generation::Newer);
    let mut pending = Pending::default();
    for (at, c) in text[offset..].char_indices() {
        if at > 0 && matches!(c, '?' | '\u{FFFD}') {
            return Some(Span { offset, len: at + c.len_utf8() });
        }
        for byte in bytes(rule.read().table(tables).bytes(c)?) {
            match rule.meant().step(pending, byte, tables) {
                Step::More(more) => pending = more,
                Step::Whole(_) | Step::Malformed => return None,
            }
        }
    }
    None
}
