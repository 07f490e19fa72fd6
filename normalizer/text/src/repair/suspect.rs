//! Finds suspicious parts of a text with one look at each character; nearly no text has any.
//!
//! Wrongly decoded text consists of rare characters in a row. So each rare character adds to a sum
//! and each common one subtracts from it; where the sum becomes large enough, the part is
//! suspicious (Page's cumulative sum, 1954).

use std::{ops::Range, sync::LazyLock};

use crate::model::model;

/// What looks wrong in a text.
pub(super) struct Suspicion {
    /// Parts that may be broken, in order and without overlap.
    pub(super) windows: Vec<Range<usize>>,
    /// Whether there is a character that replaced lost ones.
    pub(super) has_lost: bool,
}

impl Suspicion {
    /// Whether most of the text is suspicious.
    pub(super) fn is_of_all(&self, text: &str) -> bool {
        2 * self.windows.iter().map(Range::len).sum::<usize>() > text.len()
    }

    pub(super) fn is_none(&self) -> bool {
        self.windows.is_empty() && !self.has_lost
    }
}

/// Rarer characters are suspicious, in bits.
const COMMON: i16 = 12;
/// A part with this sum is suspicious.
const ENOUGH: i16 = 16 * UNIT;
/// The same for a text of at most [`SHORT`] bytes, or if other parts of it were broken.
const ENOUGH_IN_SHORT: i16 = 5 * UNIT;
const SHORT: usize = 64;
/// Upper bound of the sum: a long part ends as soon as a short one, after a dozen common
/// characters.
const MOST: i16 = 40 * UNIT;
/// Characters added on each side: a broken part may begin and end with common ones.
const MARGIN: usize = 24;

/// As in the model.
const UNIT: i16 = 8;

/// Scans a text, with a lower threshold if it is known to be broken elsewhere.
pub(super) fn look(text: &str, is_broken: bool) -> Suspicion {
    let strangeness = strangeness();
    let mut suspicion = Suspicion { windows: Vec::new(), has_lost: false };
    let enough = if is_broken || text.len() <= SHORT { ENOUGH_IN_SHORT } else { ENOUGH };
    let (mut sum, mut begun, mut is_enough) = (0_i16, 0, false);
    for (at, c) in text.char_indices() {
        let weight = strangeness.get(c as usize).copied().unwrap_or(BEYOND);
        if weight == LOST {
            suspicion.has_lost = true;
        }
        if sum == 0 {
            begun = at;
        }
        sum = (sum + i16::from(weight)).clamp(0, MOST);
        is_enough |= sum >= enough;
        if sum == 0 && is_enough {
            suspicion.add(text, begun..at);
            is_enough = false;
        }
    }
    if is_enough {
        suspicion.add(text, begun..text.len());
    }
    suspicion
}

impl Suspicion {
    fn add(&mut self, text: &str, found: Range<usize>) {
        let before = text[..found.start].char_indices().rev().take(MARGIN).last();
        let start = before.map_or(found.start, |(at, _)| at);
        let after = text[found.end..].char_indices().nth(MARGIN);
        let end = after.map_or(text.len(), |(at, _)| found.end + at);
        match self.windows.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => self.windows.push(start..end),
        }
    }
}

/// The weight of characters that replace lost ones, or that these are read as.
const LOST: i8 = 79;
/// The weight of characters outside the basic plane: emoji and the rarest names.
const BEYOND: i8 = 0;

/// Weights of the basic plane, in eighths of a bit.
fn strangeness() -> &'static [i8] {
    static TABLE: LazyLock<Vec<i8>> = LazyLock::new(|| {
        let weight = |code: u32| char::from_u32(code).map_or(0, weight);
        (0..0x1_0000).map(weight).collect()
    });
    &TABLE
}

fn weight(c: char) -> i8 {
    let bits = match c {
        '\u{FFFD}' | '锟' | '烫' | '屯' | '葺' | 'ï' => return LOST,
        // These occur in clean text.
        '\u{A0}' | '·' | '°' | '×' | '±' => 0,
        '\u{80}'..='\u{9F}' | '\u{E000}'..='\u{F8FF}' => 9,
        '\u{A0}'..='\u{FF}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | 'ƒ' | 'ˆ' | '˜' => {
            6
        }
        '\u{2500}'..='\u{25FF}' | '\u{3105}'..='\u{3129}' => 3,
        _ if crate::model::is_counted(c) => {
            let alone = i16::from(model().alone_of(c));
            return i8::try_from((alone - COMMON * UNIT).max(-4 * UNIT)).unwrap_or(i8::MAX);
        }
        '\u{3040}'..='\u{30FF}' | '\u{370}'..='\u{4FF}' => 6,
        _ => -3,
    };
    bits * 8
}
