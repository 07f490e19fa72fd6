//! Which characters the result of a repair may have.
//!
//! Nearly any row of Han characters can be read in another charset as some row of letters, and letters
//! cost less than rare Han characters. So a gain does not prove a repair whose result is Arabic or
//! characters that nobody uses: such characters cost extra.

use crate::model::{BIT, Cost, SAMPLE_CHARS, Script, model};

use super::{
    Rule,
    unit::{TrueCharset, WrongCharset},
};

/// The extra cost of such a character. It is more than what any character costs that a wrong decoding can make of
/// the same bytes, so a repair never gains by it.
const NO_SUCCESS: Cost = 32 * BIT;

/// The cost of `c` as the result of a repair by `rule`, after the repaired character `before`.
pub(super) fn cost(rule: Rule, before: char, c: char) -> Cost {
    let extra = if is_success(rule, before, c) { 0 } else { NO_SUCCESS };
    model().cost(before, c).saturating_add(extra)
}

/// Whether `c` is what people write here: Chinese, ASCII and emoji; or a script that is certain or
/// that is around it.
fn is_success(rule: Rule, before: char, c: char) -> bool {
    let is_utf8 = rule.true_charset() == TrueCharset::Utf8;
    let was_latin = rule.wrong_charset() == WrongCharset::Latin1;
    match model().script_of(c) {
        Script::Ascii | Script::Wide | Script::Emoji => true,
        // The planes beyond the basic one have only the rarest characters.
        Script::Han => c <= '\u{FFFF}',
        // In UTF-8, each of them has three bytes, of which the first two are always the same few.
        Script::Kana => is_utf8,
        // Arrows, mathematical signs, lines and shapes, units; but not those that nobody types.
        Script::Symbol => {
            matches!(c, '\u{2100}'..='\u{22FF}' | '\u{2460}'..='\u{25FF}' | '\u{3200}'..)
        }
        // é within a word; or a text whose Latin letters are its damage.
        Script::Latin => was_latin || before.is_ascii_alphabetic(),
        Script::Greek | Script::Cyrillic | Script::Hangul => was_latin && is_utf8,
        // The damage of an earlier round: its Latin letters come with control characters.
        Script::NotText => was_latin && is_utf8 && c.is_control(),
        Script::Other(_) | Script::Replacement => false,
    }
}

/// Whether the repaired text has more than one letter, or is a sign such as ’. A rare word of two Han
/// characters may be the bytes of one that is common.
pub(super) fn has_enough_letters(rule: Rule, repaired: &str) -> bool {
    let mut letters = repaired.chars().filter(|c| !c.is_ascii());
    rule.wrong_charset() == WrongCharset::Latin1
        || is_only_signs(rule, repaired)
        || letters.nth(1).is_some()
}

/// Whether nothing but signs such as ’ was broken. The bytes of UTF-8 with which they begin are in no
/// word of Han characters.
pub(super) fn is_only_signs(rule: Rule, repaired: &str) -> bool {
    let is_utf8 = rule.true_charset() == TrueCharset::Utf8;
    let is_sign = |c| matches!(c, '\u{2010}'..='\u{203B}' | '\u{3000}'..='\u{301F}' | '\u{FF01}'..='\u{FF0F}');
    is_utf8 && repaired.chars().all(|c| c.is_ascii() || is_sign(c))
}

/// What a repaired text costs.
pub(super) struct Judged {
    /// The cost of the whole text; of a long one, estimated from its first characters.
    pub(super) cost: Cost,
    /// The number of characters that are not ASCII: ASCII proves nothing.
    pub(super) n_letters: usize,
    /// The mean cost of these characters.
    pub(super) cost_per_letter: Cost,
}

/// Judges the result of a repair by `rule`.
pub(super) fn judge(rule: Rule, repaired: &str) -> Judged {
    let mut before = '\n';
    let (mut sampled, mut letters, mut n_letters) = (0, 0, 0);
    for c in repaired.chars().take(SAMPLE_CHARS) {
        let cost = cost(rule, before, c);
        sampled += u64::from(cost);
        if !c.is_ascii() {
            letters += u64::from(cost);
            n_letters += 1;
        }
        before = c;
    }
    let n = repaired.chars().count() as u64;
    let sample = n.clamp(1, SAMPLE_CHARS as u64);
    let saturated = |cost: u64| Cost::try_from(cost).unwrap_or(Cost::MAX);
    Judged {
        cost: saturated(sampled.saturating_mul(n) / sample),
        n_letters,
        cost_per_letter: saturated(letters / u64::max(n_letters as u64, 1)),
    }
}
