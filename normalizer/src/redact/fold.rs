//! Folds a text for the search for personal values, with a way back to the original.
//!
//! People write 13900001111 as `139.0000.1111`, `１３９…` or 一三九…, and 王小明 as 王 小 明. The folded text
//! has only the letters and digits, each written in one way. Every search for values and numbers uses it.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use normalizer_text::is_invisible;

use super::{
    digit::digit,
    escape::{characters, first_character},
    simplified::han,
};

/// A text without separators and invisible characters. Digits of every script and wide letters are ASCII, and
/// ASCII letters are small.
pub(super) struct Folded<'a> {
    original: &'a str,
    letters: Cow<'a, str>,
    /// Where the distance to the original changes: the offset in `letters`, and that in the original.
    shifts: Vec<(usize, usize)>,
}

impl<'a> Folded<'a> {
    pub(super) fn new(original: &'a str) -> Self {
        // Many texts are codes, of which nothing is folded.
        if original.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()) {
            return Self { original, letters: original.into(), shifts: Vec::new() };
        }
        let mut letters = String::with_capacity(original.len());
        let mut shifts = Vec::new();
        let mut shift = 0;
        for (at, c) in characters(original) {
            if let Fold::Letter(letter) = fold(c) {
                // A folded character is never longer than the original one.
                if at - letters.len() != shift {
                    shift = at - letters.len();
                    shifts.push((letters.len(), at));
                }
                letters.push(letter);
            }
        }
        Self { original, letters: letters.into(), shifts }
    }

    pub(super) fn original(&self) -> &'a str {
        self.original
    }

    /// The folded text.
    pub(super) fn letters(&self) -> &str {
        &self.letters
    }

    /// The letters, with digits in place of letters that look like them.
    pub(super) fn look_alikes(&self) -> String {
        let digit_for = |c| match c {
            'o' => '0',
            'i' | 'l' => '1',
            'z' => '2',
            's' => '5',
            'b' => '8',
            _ => c,
        };
        self.letters.chars().map(digit_for).collect()
    }

    /// The original character of the letter at this offset: its range, and what it is.
    pub(super) fn character(&self, at: usize) -> (Range<usize>, char) {
        let start = self.origin(at);
        let (c, len) = first_character(&self.original[start..]).unwrap_or_default();
        (start..start + len, c)
    }

    /// The range in the original of these letters, which are not empty.
    pub(super) fn range(&self, letters: Range<usize>) -> Range<usize> {
        let last = self.letters[..letters.end].char_indices().next_back();
        let last = last.map_or(letters.start, |(at, _)| at);
        self.origin(letters.start)..self.character(last).0.end
    }

    /// The separators in a range of the original.
    pub(super) fn separators(&self, range: Range<usize>) -> impl Iterator<Item = char> {
        let characters = characters(&self.original[range]).map(|(_, c)| c);
        characters.filter(|c| matches!(fold(*c), Fold::Separator))
    }

    /// The offset in the original of the letter at this offset.
    fn origin(&self, at: usize) -> usize {
        let n_before = self.shifts.partition_point(|(letters, _)| *letters <= at);
        let shift = n_before.checked_sub(1).and_then(|index| self.shifts.get(index));
        shift.map_or(at, |(letters, original)| original + (at - letters))
    }
}

/// What a character is for the search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// A letter or digit, as it is searched for.
    Letter(char),
    /// It may stand between the parts of a value.
    Separator,
    /// Nobody sees it.
    Invisible,
}

pub(super) fn fold(c: char) -> Fold {
    // Every character of every text is asked for: those of Unicode's basic plane are looked up.
    static TABLE: LazyLock<Vec<u16>> =
        LazyLock::new(|| (0..=u16::MAX).map(|code| entry(code).unwrap_or(INVISIBLE)).collect());
    match TABLE.get(c as usize) {
        None => fold_of(c),
        Some(&INVISIBLE) => Fold::Invisible,
        Some(&SEPARATOR) => Fold::Separator,
        Some(letter) => Fold::Letter(char::from_u32((*letter).into()).unwrap_or(c)),
    }
}

/// The entry of a character in the table of [`fold`]: its letter, or one of these two, which are controls
/// and no letters. `None` for half of a surrogate pair.
fn entry(code: u16) -> Option<u16> {
    match fold_of(char::from_u32(code.into())?) {
        Fold::Letter(letter) => u16::try_from(u32::from(letter)).ok(),
        Fold::Separator => Some(SEPARATOR),
        Fold::Invisible => Some(INVISIBLE),
    }
}

const INVISIBLE: u16 = 0;
const SEPARATOR: u16 = 1;

/// See [`fold`].
fn fold_of(c: char) -> Fold {
    // Most characters are Han.
    if let Some(letter) = han(c) {
        return Fold::Letter(letter);
    }
    // The block of full-width forms has the order of ASCII.
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    match digit(c).and_then(|value| char::from_digit(value, 10)) {
        Some(digit) => Fold::Letter(digit),
        None if is_ignored(c) => Fold::Invisible,
        None if c.is_alphanumeric() => Fold::Letter(c.to_ascii_lowercase()),
        None => Fold::Separator,
    }
}

/// Whether a digit stands beside a letter for which a reader may take it, as in 138OOOOl234.
pub(super) fn may_have_look_alikes(text: &str) -> bool {
    let is_letter = |byte: u8| b"OoIilLZzSsBb".contains(&byte);
    text.as_bytes().windows(2).any(|pair| match *pair {
        [one, other] => {
            one.is_ascii_digit() && is_letter(other) || is_letter(one) && other.is_ascii_digit()
        }
        _ => false,
    })
}

/// What cleaning removes as invisible, and controls, byte order marks, marks on other letters.
fn is_ignored(c: char) -> bool {
    is_invisible(c)
        || c == '\u{FEFF}'
        || c.is_control() && !c.is_whitespace()
        || matches!(c, '\u{300}'..='\u{36F}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}')
        || matches!(
            c,
            '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{E0000}'..='\u{E01EF}'
        )
        || matches!(c, '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether this separator divides the names of a list, or sentences.
pub(super) fn is_list_sign(c: char) -> bool {
    const SIGNS: &str = ",，、;；/／|｜+＋&＆:：。!！?？";
    SIGNS.contains(c)
}

#[cfg(test)]
mod tests;
