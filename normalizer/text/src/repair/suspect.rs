//! Finds suspicious parts of a text in one scan; almost no text has any.
//!
//! Wrongly decoded text consists of rare characters in a row. Each rare character adds its weight to
//! a sum, and each common one subtracts from it. If the sum reaches a threshold, the part is
//! suspicious (Page's cumulative sum, 1954).

use std::{ops::Range, sync::LazyLock};

use crate::model::model;

/// What looks wrong in a text.
pub(super) struct Suspicion {
    /// Parts that may be broken, in order and without overlap.
    pub(super) windows: Vec<Range<usize>>,
    /// Whether it contains a character that stands for lost ones, like U+FFFD.
    pub(super) has_replacement: bool,
}

impl Suspicion {
    /// Whether most of the text is suspicious.
    pub(super) fn covers_most_of(&self, text: &str) -> bool {
        2 * self.windows.iter().map(Range::len).sum::<usize>() > text.len()
    }

    pub(super) fn is_none(&self) -> bool {
        self.windows.is_empty() && !self.has_replacement
    }
}

/// A Han character that costs more bits than this in the model is rare.
const MAX_COMMON_BITS: i16 = 12;
/// A part is suspicious if the sum reaches this.
const THRESHOLD: i16 = 16 * BIT;
/// The threshold for a text of at most [`SHORT_TEXT_BYTES`] bytes, or after a part was repaired.
const SHORT_TEXT_THRESHOLD: i16 = 5 * BIT;
const SHORT_TEXT_BYTES: usize = 64;
/// Maximum of the sum, so that about a dozen common characters end a part, however long it is.
const MAX_SUM: i16 = 40 * BIT;
/// Number of characters added on each side: a broken part may begin and end with common ones.
const MARGIN: usize = 24;

/// Weights and sums are in eighths of a bit, as in the model.
const BIT: i16 = 8;

/// Scans a text. The threshold is lower if the text is short or `is_broken`, known to be broken.
pub(super) fn scan(text: &str, is_broken: bool) -> Suspicion {
    let mut suspicion = Suspicion { windows: Vec::new(), has_replacement: false };
    // No ASCII character is rare.
    if text.is_ascii() {
        return suspicion;
    }
    let weights = weights();
    let threshold =
        if is_broken || text.len() <= SHORT_TEXT_BYTES { SHORT_TEXT_THRESHOLD } else { THRESHOLD };
    let (mut sum, mut start, mut is_suspicious) = (0_i16, 0, false);
    for (at, c) in text.char_indices() {
        let weight = weights.get(c as usize).copied().unwrap_or(OTHER_PLANE_WEIGHT);
        // Most characters are common ones after common ones.
        if sum == 0 && weight <= 0 {
            continue;
        }
        if weight == REPLACEMENT_WEIGHT {
            suspicion.has_replacement = true;
        }
        if sum == 0 {
            start = at;
        }
        sum = (sum + i16::from(weight)).clamp(0, MAX_SUM);
        is_suspicious |= sum >= threshold;
        if sum == 0 && is_suspicious {
            suspicion.add(text, start..at);
            is_suspicious = false;
        }
    }
    if is_suspicious {
        suspicion.add(text, start..text.len());
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

/// The weight of U+FFFD, which stands for lost characters, and of the characters that U+FFFD or
/// uninitialised memory become if they are decoded wrongly (锟, 烫).
const REPLACEMENT_WEIGHT: i8 = 79;
/// The weight of characters outside Unicode's basic plane: emoji, and characters of the rarest names.
const OTHER_PLANE_WEIGHT: i8 = 0;

/// The weights of the characters of the basic plane.
fn weights() -> &'static [i8] {
    static TABLE: LazyLock<Vec<i8>> = LazyLock::new(|| {
        let weight = |code: u32| char::from_u32(code).map_or(0, weight);
        (0..0x1_0000).map(weight).collect()
    });
    &TABLE
}

fn weight(c: char) -> i8 {
    let bits = match c {
        '\u{FFFD}' | '锟' | '烫' | '屯' | '葺' | 'ï' => return REPLACEMENT_WEIGHT,
        // These are common in clean text.
        '\u{A0}' | '·' | '°' | '×' | '±' => 0,
        '\u{80}'..='\u{9F}' | '\u{E000}'..='\u{F8FF}' => 9,
        '\u{A0}'..='\u{17E}' | 'ƒ' | 'ˆ' | 'ˇ' | '˘' | '˙' | '˛' | '˜' | '˝' => 6,
        '\u{2500}'..='\u{25FF}' | '\u{3105}'..='\u{3129}' => 3,
        _ if crate::model::is_counted(c) => {
            let cost = i16::from(model().unigram_cost(c));
            return i8::try_from((cost - MAX_COMMON_BITS * BIT).max(-4 * BIT)).unwrap_or(i8::MAX);
        }
        '\u{3040}'..='\u{30FF}' | '\u{370}'..='\u{4FF}' => 6,
        _ => -3,
    };
    bits * 8 // eighths of a bit
}

#[cfg(test)]
mod tests;
