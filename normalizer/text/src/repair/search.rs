//! Repairs a part of a text: finds the most probable division into clean and broken parts.
//!
//! Every character is either clean or belongs to a part broken by one of the rules. Starting a
//! broken part has a cost, so it must make the text less surprising by more than that. The cheapest
//! division is found in one pass with the Viterbi algorithm: at each position, for each rule and
//! number of pending bytes, only the cheapest way is kept.

use std::ops::Range;

use crate::{
    Span,
    model::{Cost, model},
};

use super::{
    Edit, Rule,
    tables::{Generation, Tables},
    unit::{Pending, Read, Step, bytes},
    whole,
};

/// The cost of starting a broken part, by rule.
pub(super) type Costs = [Cost; Rule::ALL.len()];

/// The broken parts in a window of a text.
pub(super) fn edits(text: &str, window: Range<usize>, costs: Costs) -> Vec<Edit> {
    let broken = &text[window.clone()];
    let may_read = |generation: &Generation| {
        Read::ALL.into_iter().any(|read| generation.may_read(broken, read))
    };
    let generations = Generation::ALL.into_iter().filter(may_read);
    let found =
        generations.map(|generation| search(text, window.clone(), Tables::of(generation), costs));
    found.max_by_key(|(gain, _)| *gain).map(|(_, edits)| edits).unwrap_or_default()
}

/// A broken part that is still open.
#[derive(Clone, Copy)]
struct Open {
    rule: Rule,
    cost: Cost,
    /// Index of its first character.
    start: usize,
    pending: Pending,
    /// The last decoded character.
    last: char,
}

/// The cheapest division up to a position at which no part is open.
#[derive(Clone, Copy)]
struct Settled {
    cost: Cost,
    /// The rule of the broken part that ends here and the index of its first character.
    stretch: Option<(Rule, usize)>,
    last: char,
}

/// Rules times numbers of pending bytes.
const WAYS: usize = Rule::ALL.len() * 4;

fn search(text: &str, window: Range<usize>, tables: &Tables, costs: Costs) -> (Cost, Vec<Edit>) {
    let before = text[..window.start].chars().next_back().unwrap_or('\n');
    let chars: Vec<(usize, char)> = text[window.clone()].char_indices().collect();
    let mut settled = vec![Settled { cost: 0, stretch: None, last: before }];
    let mut open: [Option<Open>; WAYS] = [None; WAYS];
    let mut given: Cost = 0;
    let mut previous = before;
    for (index, (_, c)) in chars.iter().copied().enumerate() {
        given = given.saturating_add(model().cost(previous, c));
        previous = c;
        let here = settled[index];
        let mut next = [None; WAYS];
        for way in open.iter().flatten() {
            advance(*way, c, tables, &mut next);
        }
        if !c.is_ascii() {
            for (rule, to_begin) in Rule::ALL.into_iter().zip(costs) {
                let cost = here.cost.saturating_add(to_begin);
                let pending = Pending::default();
                advance(
                    Open { rule, cost, start: index, pending, last: here.last },
                    c,
                    tables,
                    &mut next,
                );
            }
        }
        open = next;
        let clean = here.cost.saturating_add(model().cost(here.last, c));
        let mut best = Settled { cost: clean, stretch: None, last: c };
        for way in open.iter().flatten().filter(|way| way.pending.len() == 0) {
            if way.cost < best.cost {
                let stretch = Some((way.rule, way.start));
                best = Settled { cost: way.cost, stretch, last: way.last };
            }
        }
        settled.push(best);
    }
    let gain = given.saturating_sub(settled.last().map_or(0, |end| end.cost));
    (gain, collect(text, &window, &chars, &settled, tables))
}

/// Extends a part by one character, for each byte sequence from which it may have been read.
fn advance(way: Open, c: char, tables: &Tables, next: &mut [Option<Open>; WAYS]) {
    let read = way.rule.read().table(tables);
    for number in [read.bytes(c), read.other_bytes(c)].into_iter().flatten() {
        if let Some(further) = feed(way, number, tables) {
            let slot = &mut next[further.rule as usize * 4 + further.pending.len()];
            if slot.is_none_or(|cheapest| further.cost < cheapest.cost) {
                *slot = Some(further);
            }
        }
    }
}

fn feed(mut way: Open, number: u16, tables: &Tables) -> Option<Open> {
    for byte in bytes(number) {
        match way.rule.meant().step(way.pending, byte, tables) {
            Step::More(pending) => way.pending = pending,
            Step::Whole(c) => {
                way.cost = way.cost.saturating_add(model().cost(way.last, c));
                (way.pending, way.last) = (Pending::default(), c);
            }
            Step::Malformed => return None,
        }
    }
    Some(way)
}

/// Traces back from the end, and takes the parts whose repair is exact.
fn collect(
    text: &str,
    window: &Range<usize>,
    chars: &[(usize, char)],
    settled: &[Settled],
    tables: &Tables,
) -> Vec<Edit> {
    let place = |index: usize| chars.get(index).map_or(window.end, |(at, _)| window.start + at);
    let mut edits = Vec::new();
    let mut index = chars.len();
    while index > 0 {
        let Some((rule, start)) = settled[index].stretch else {
            index -= 1;
            continue;
        };
        let from = Span { offset: place(start), len: place(index) - place(start) };
        let broken = &text[from.offset..from.offset + from.len];
        if let Some(meant) = whole::undo(rule, broken, tables) {
            edits.push(Edit { rule, from, meant });
        }
        index = start;
    }
    edits.reverse();
    edits
}
