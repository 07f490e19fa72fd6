//! Finds the most probable division of a text into clean and broken parts.
//!
//! Every character is either clean, or in a part that one of the rules describes: it was decoded
//! with a wrong charset. Starting a broken part has a cost, and the repaired part must cost less by
//! more than that. The Viterbi algorithm finds the cheapest division in one pass: at each position,
//! for each rule and number of pending bytes, only the cheapest open part is kept. Pending bytes are
//! the first bytes of a character that is not complete yet.

use std::ops::Range;

use crate::{
    Span,
    model::{Cost, model},
};

use super::{
    Edit, Rule, success,
    tables::{Generation, Tables},
    unit::{Pending, Step, WrongCharset, bytes},
    whole,
};

/// The cost of starting a broken part, by rule.
pub(super) type Costs = [Cost; Rule::ALL.len()];

/// The repairs of the broken parts in a window of a text.
pub(super) fn edits(text: &str, window: Range<usize>, costs: Costs) -> Vec<Edit> {
    let broken = &text[window.clone()];
    let may_read = |generation: &Generation| {
        WrongCharset::ALL.into_iter().any(|read| generation.may_read(broken, read))
    };
    let generations = Generation::ALL.into_iter().filter(may_read);
    let found =
        generations.map(|generation| search(text, window.clone(), Tables::of(generation), costs));
    found.max_by_key(|(gain, _)| *gain).map(|(_, edits)| edits).unwrap_or_default()
}

/// A broken part that may still continue.
#[derive(Clone, Copy)]
struct OpenPart {
    rule: Rule,
    cost: Cost,
    /// Index of its first character.
    start: usize,
    pending: Pending,
    /// The last repaired character.
    last: char,
}

/// The cheapest division of the text up to a character after which no part is open.
#[derive(Clone, Copy)]
struct Division {
    cost: Cost,
    /// The broken part that ends here: its rule, and the index of its first character.
    part: Option<(Rule, usize)>,
    /// The last character, repaired if it is in a broken part.
    last: char,
}

/// The number of different places in [`OpenParts`].
const N_PLACES: usize = Rule::ALL.len() * 4;

/// The cheapest open parts, by rule and number of pending bytes.
struct OpenParts {
    parts: [OpenPart; N_PLACES],
    /// Which parts exist: bit `n` stands for `parts[n]`. Usually there are few.
    places: u32,
}

impl OpenParts {
    fn none() -> Self {
        let part = OpenPart {
            rule: Rule::Utf8AsLatin1,
            cost: 0,
            start: 0,
            pending: Pending::default(),
            last: '\n',
        };
        Self { parts: [part; N_PLACES], places: 0 }
    }

    fn iter(&self) -> impl Iterator<Item = &OpenPart> {
        let mut left = self.places;
        std::iter::from_fn(move || {
            let place = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            self.parts.get(place)
        })
    }

    /// Adds a part, unless the one in its place is at least as cheap.
    fn add(&mut self, part: OpenPart) {
        let place = part.rule as usize * 4 + part.pending.len();
        if self.places & (1 << place) == 0 || part.cost < self.parts[place].cost {
            self.parts[place] = part;
            self.places |= 1 << place;
        }
    }
}

/// The codes of a character in each of the wrong charsets. A code is its one or two bytes as a number.
type Codes = [[Option<u16>; 2]; WrongCharset::ALL.len()];

/// How much cost the repairs save, and the repairs, if one generation of decoders read the text.
fn search(text: &str, window: Range<usize>, tables: &Tables, costs: Costs) -> (Cost, Vec<Edit>) {
    let model = model();
    let before = text[..window.start].chars().next_back().unwrap_or('\n');
    let chars: Vec<(usize, char)> = text[window.clone()].char_indices().collect();
    let mut divisions = Vec::with_capacity(chars.len() + 1);
    let mut here = Division { cost: 0, part: None, last: before };
    divisions.push(here);
    let (mut open, mut next) = (&mut OpenParts::none(), &mut OpenParts::none());
    let mut original_cost: Cost = 0;
    let mut previous = before;
    for (index, (_, c)) in chars.iter().copied().enumerate() {
        let cost = model.cost(previous, c);
        original_cost = original_cost.saturating_add(cost);
        // Usually the character before is not a repaired one.
        let cost = if here.last == previous { cost } else { model.cost(here.last, c) };
        previous = c;
        next.places = 0;
        let codes = WrongCharset::ALL.map(|read| {
            let table = read.table(tables);
            [table.bytes(c), table.other_bytes(c)]
        });
        for open_part in open.iter() {
            extend(*open_part, &codes, tables, next);
        }
        if !c.is_ascii() {
            for (rule, start_cost) in Rule::ALL.into_iter().zip(costs) {
                let cost = here.cost.saturating_add(start_cost);
                let pending = Pending::default();
                let part = OpenPart { rule, cost, start: index, pending, last: here.last };
                extend(part, &codes, tables, next);
            }
        }
        std::mem::swap(&mut open, &mut next);
        let mut best = Division { cost: here.cost.saturating_add(cost), part: None, last: c };
        for open_part in open.iter().filter(|open_part| open_part.pending.len() == 0) {
            if open_part.cost < best.cost {
                let part = Some((open_part.rule, open_part.start));
                best = Division { cost: open_part.cost, part, last: open_part.last };
            }
        }
        divisions.push(best);
        here = best;
    }
    let gain = original_cost.saturating_sub(here.cost);
    (gain, collect(text, &window, &chars, &divisions, tables))
}

/// Extends a part by one character, for each code from which it may have been decoded.
fn extend(part: OpenPart, codes: &Codes, tables: &Tables, next: &mut OpenParts) {
    for code in codes[part.rule.wrong_charset() as usize].into_iter().flatten() {
        if let Some(extended) = feed(part, code, tables) {
            next.add(extended);
        }
    }
}

/// Decodes the one or two bytes of `code` in the true charset; `None` if they are malformed.
fn feed(mut part: OpenPart, code: u16, tables: &Tables) -> Option<OpenPart> {
    for byte in bytes(code) {
        match part.rule.true_charset().step(part.pending, byte, tables) {
            Step::More(pending) => part.pending = pending,
            Step::Whole(c) => {
                part.cost = part.cost.saturating_add(success::cost(part.rule, part.last, c));
                (part.pending, part.last) = (Pending::default(), c);
            }
            Step::Malformed => return None,
        }
    }
    Some(part)
}

/// Goes back from the last division, and returns the parts whose repair is exact.
fn collect(
    text: &str,
    window: &Range<usize>,
    chars: &[(usize, char)],
    divisions: &[Division],
    tables: &Tables,
) -> Vec<Edit> {
    let position = |index: usize| chars.get(index).map_or(window.end, |(at, _)| window.start + at);
    let mut edits = Vec::new();
    let mut index = chars.len();
    while index > 0 {
        let Some((rule, start)) = divisions[index].part else {
            index -= 1;
            continue;
        };
        let from = Span { offset: position(start), len: position(index) - position(start) };
        let broken = &text[from.offset..from.offset + from.len];
        if let Some(repaired) = whole::undo(rule, broken, tables)
            && success::has_enough_letters(rule, &repaired)
        {
            edits.push(Edit { rules: vec![rule], from, repaired });
        }
        index = start;
    }
    edits.reverse();
    edits
}
