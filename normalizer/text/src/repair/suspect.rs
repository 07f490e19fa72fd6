//! Where a text is strange: one look at each character, because nearly no text is.
//!
//! What was decoded wrongly consists of rare characters that stand together. So each character
//! adds how much rarer it is than others or takes away how much more common, and where the sum
//! leaves zero for long enough there is something to look at (Page's cumulative sum, 1954).

use std::{ops::Range, sync::LazyLock};

use crate::model::model;

/// What is to be looked at.
pub(super) struct Suspicion {
    /// Stretches that may be broken, as places in the text, in order, apart from each other.
    pub(super) windows: Vec<Range<usize>>,
    /// A character that stands where others were lost.
    pub(super) has_lost: bool,
}

impl Suspicion {
    /// Whether most of the text is to be looked at.
    pub(super) fn is_of_all(&self, text: &str) -> bool {
        2 * self.windows.iter().map(Range::len).sum::<usize>() > text.len()
    }

    pub(super) fn is_none(&self) -> bool {
        self.windows.is_empty() && !self.has_lost
    }
}

/// Rarer than this is strange, in bits.
const COMMON: i16 = 12;
/// From here on a stretch is looked at.
const ENOUGH: i16 = 16 * UNIT;
/// From here on where the text has no more bytes than [`SHORT`], and so no more to go by, or where
/// other stretches of it were broken.
const ENOUGH_IN_SHORT: i16 = 5 * UNIT;
const SHORT: usize = 64;
/// A long stretch is forgotten as soon as a short one: after a dozen common characters.
const MOST: i16 = 40 * UNIT;
/// Characters that are looked at on each side: a broken stretch may begin and end with common ones.
const MARGIN: usize = 24;

/// As in the model.
const UNIT: i16 = 8;

/// Looks at a text, more closely if it is known to be broken elsewhere.
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

/// The weight of characters that stand for lost ones, or are what they are read as.
const LOST: i8 = 79;
/// Of what is outside the basic plane: emoji and the rarest names.
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
        // Clean text has these.
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
