//! Folds a text for the search for personal values, with a way back to the original.
//!
//! People write 13900001111 as `139.0000.1111`, `１３９…` or 一三九…, and 王小明 as 王 小 明. The folded text
//! has only the letters and digits, each written in one way. Every search for values and numbers uses it.

use std::ops::Range;

/// A text without separators and invisible characters. Digits of every script and wide letters are ASCII.
pub(super) struct Folded<'a> {
    original: &'a str,
    letters: String,
    /// Where the distance to the original changes: the offset in `letters`, and that in the original.
    shifts: Vec<(usize, usize)>,
}

/// Maximum number of separators in a row within a value; more of them divide two values.
const MAX_SEPARATORS: usize = 3;
/// Stands for more separators.
const BREAK: char = '\n';

impl<'a> Folded<'a> {
    pub(super) fn new(original: &'a str) -> Self {
        let mut letters = String::with_capacity(original.len());
        let mut shifts = Vec::new();
        let (mut shift, mut n_separators) = (0, 0);
        for (at, c) in characters(original) {
            match fold(c) {
                Fold::Invisible => {}
                Fold::Separator => n_separators += 1,
                Fold::Letter(letter) => {
                    if n_separators > MAX_SEPARATORS {
                        letters.push(BREAK);
                    }
                    n_separators = 0;
                    // A folded character is never longer than the original one.
                    if at - letters.len() != shift {
                        shift = at - letters.len();
                        shifts.push((letters.len(), at));
                    }
                    letters.push(letter);
                }
            }
        }
        Self { original, letters, shifts }
    }

    pub(super) fn original(&self) -> &'a str {
        self.original
    }

    /// The folded text.
    pub(super) fn letters(&self) -> &str {
        &self.letters
    }

    /// The original character of the letter at this offset: its range, and what it is.
    pub(super) fn character(&self, at: usize) -> (Range<usize>, char) {
        let start = self.origin(at);
        let (c, len) = first_character(&self.original[start..]).unwrap_or((BREAK, 0));
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
pub(super) enum Fold {
    /// A letter, a digit or a sign, as it is searched for.
    Letter(char),
    /// It may stand between the parts of a value.
    Separator,
    /// Nobody sees it.
    Invisible,
}

pub(super) fn fold(c: char) -> Fold {
    // The block of full-width forms has the order of ASCII.
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    if c.is_ascii_alphanumeric() {
        return Fold::Letter(c);
    }
    match digit(c).and_then(|value| char::from_digit(value, 10)) {
        Some(digit) => Fold::Letter(digit),
        // Most characters are Han.
        None if matches!(c, '\u{3400}'..='\u{9FFF}') => Fold::Letter(c),
        None if is_invisible(c) => Fold::Invisible,
        None if c.is_whitespace() || is_joint(c) || is_punctuation(c) => Fold::Separator,
        None => Fold::Letter(c),
    }
}

/// The value of a digit of any script.
fn digit(c: char) -> Option<u32> {
    let code = u32::from(c);
    Some(match c {
        '0'..='9' | '０'..='９' | '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' => {
            (code & 0xF) % 10
        }
        '\u{1D7CE}'..='\u{1D7FF}' => (code - 0x1D7CE) % 10,
        '零' | '〇' | '○' | '⓪' | '⁰' | '₀' => 0,
        '一' | '壹' | '幺' | '¹' => 1,
        '二' | '贰' | '貳' | '²' => 2,
        '三' | '叁' | '³' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        '①'..='⑨' => code - u32::from('①') + 1,
        '⑴'..='⑼' => code - u32::from('⑴') + 1,
        '⒈'..='⒐' => code - u32::from('⒈') + 1,
        '⁴'..='⁹' => code - u32::from('⁴') + 4,
        '₁'..='₉' => code - u32::from('₁') + 1,
        _ => return None,
    })
}

/// Whether this is a digit of a decimal script, such as ASCII. Chinese digits and those in circles are
/// not: beside other digits, they belong to another word, as in 13800001234一楼.
pub(super) fn is_decimal(c: char) -> bool {
    matches!(c, '0'..='9' | '０'..='９' | '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}')
        || matches!(c, '\u{1D7CE}'..='\u{1D7FF}')
}

/// Whether this is a digit that is not decimal, such as 三.
pub(super) fn is_word_digit(c: char) -> bool {
    digit(c).is_some() && !is_decimal(c)
}

/// Controls, spaces of no width, controls of the direction of writing, marks on other letters.
fn is_invisible(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{FEFF}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}')
        || matches!(c, '\u{300}'..='\u{36F}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}')
        || matches!(c, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{E0000}'..='\u{E007F}')
}

/// Dots, hyphens and underscores, which also stand within names.
fn is_joint(c: char) -> bool {
    matches!(c, '.' | '_' | '-' | '·' | '•' | '・' | '‧' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Signs that stand within numbers and addresses, and between the names of a list.
pub(super) fn is_punctuation(c: char) -> bool {
    matches!(c, ',' | '/' | '(' | ')' | '+' | '~' | '*' | '|')
        || matches!(c, '，' | '／' | '（' | '）' | '＋' | '～' | '＊' | '｜')
}

/// The characters of a text and their offsets. What a link, JSON or HTML escapes is one character:
/// `%E7%8E%8B`, `\u738b` and `&#29579;` are 王.
pub(super) fn characters(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (c, len) = first_character(text.get(at..)?)?;
        at += len;
        Some((at - len, c))
    })
}

/// The first character, as in [`characters`], and its length in the text.
pub(crate) fn first_character(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    let escaped = match c {
        '%' => percent_escape(text),
        '\\' => json_escape(text),
        '&' => reference(text),
        _ => None,
    };
    // An escaped control character is rather a percentage: 5%13.
    let escaped = escaped.filter(|(c, _)| !c.is_control());
    Some(escaped.unwrap_or((c, c.len_utf8())))
}

/// The character of `%E7%8E%8B` (RFC 3986, 2.1).
fn percent_escape(text: &str) -> Option<(char, usize)> {
    let mut bytes = [0; 4];
    let mut rest = text;
    for n in 1..=bytes.len() {
        rest = rest.strip_prefix('%')?;
        bytes[n - 1] = u8::try_from(number(rest.get(..2)?, 16)?).ok()?;
        rest = &rest[2..];
        if let Ok(decoded) = std::str::from_utf8(&bytes[..n]) {
            return Some((decoded.chars().next()?, 3 * n));
        }
    }
    None
}

/// The character of `\u738b`.
fn json_escape(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    Some((char::from_u32(number(digits, 16)?)?, 6))
}

/// The character of `&#29579;` or `&#x738b;`.
fn reference(text: &str) -> Option<(char, usize)> {
    const MAX_DIGITS: usize = 7;
    let rest = text.strip_prefix("&#")?;
    let end = rest.bytes().take(MAX_DIGITS + 1).position(|byte| byte == b';')?;
    let code = match rest[..end].strip_prefix(['x', 'X']) {
        Some(digits) => number(digits, 16)?,
        None => number(&rest[..end], 10)?,
    };
    Some((char::from_u32(code)?, end + 3))
}

/// The number that these digits mean; a sign is no digit. There are too few digits for an overflow.
fn number(digits: &str, radix: u32) -> Option<u32> {
    digits.chars().try_fold(0, |number, c| Some(number * radix + c.to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_letters_lead_back_to_what_was_written() {
        for (text, letters) in [
            ("", ""),
            ("王 小_明,１３９.0000", "王小明1390000"),
            ("\u{200B}张\u{301}三℃", "张3℃"),
            ("一〇①⑨⁹₀𝟎𝟗٣Ａ", "101990093A"),
            ("%E7%8E%8B小\\u660e&#49;&#x32;%2D3", "王小明123"),
            ("5%13, 50%和 %E7% \\u12 &#; &#x11111111;", "5%1350%和%E7%\\u12&#;&#x11111111;"),
            ("a....b", "a\nb"),
            ("a...b", "ab"),
        ] {
            let folded = Folded::new(text);
            assert_eq!(folded.letters(), letters);
            for (at, letter) in folded.letters().char_indices().filter(|(_, c)| *c != BREAK) {
                let (range, c) = folded.character(at);
                assert!(matches!(fold(c), Fold::Letter(folded) if folded == letter), "{text}");
                assert_eq!(characters(&text[range]).count(), 1, "{text}");
            }
        }
    }

    #[test]
    fn a_range_of_letters_has_the_separators_between_them() {
        let text = "找 王 小%20明。";
        let folded = Folded::new(text);
        let start = folded.letters().find('王').unwrap();
        let range = folded.range(start..start + "王小明".len());
        assert_eq!(&text[range.clone()], "王 小%20明");
        assert_eq!(folded.separators(range).collect::<String>(), "  ");
    }
}
