//! A language model of characters: how surprising a text is, in bits.
//!
//! Wrongly decoded text consists of rare characters in an unusual order, so it costs many bits;
//! the right text costs few. Repair and detection compare these costs and need no list of
//! suspicious characters.
//!
//! For Han characters and Chinese punctuation, the costs come from frequencies in public demands,
//! of single characters and of pairs (`counts`). The frequency of a Han character that did not occur
//! is estimated from the standards that contain it: GB 2312, Big5 and JIS list common characters
//! first. For other scripts, the model only knows that letters of one script occur together.

mod counts;
mod script;

use std::sync::LazyLock;

use counts::{Counts, Pairs};
pub(crate) use script::Script;
pub use script::{as_context, is_counted};

/// A cost, in eighths of a bit.
pub(crate) type Cost = u32;

/// One bit.
pub(crate) const BIT: Cost = 8;

/// Cost of a repeated letter or digit: people write 咚咚咚.
const REPEATED_LETTER_COST: Cost = 6 * BIT;
/// Cost of a repeated sign: people draw lines with them.
const REPEATED_SIGN_COST: Cost = BIT;

/// Number of characters from which the cost of a long text is estimated.
pub(crate) const SAMPLE_CHARS: usize = 128;

/// The costs of characters and of pairs.
pub(crate) struct Model {
    /// One item for each code of Unicode's basic plane (U+0000 to U+FFFF).
    characters: Vec<Character>,
    pairs: Pairs,
}

/// What the model knows of a character, side by side in memory: it is asked for every character of a broken
/// text, many times.
#[derive(Clone, Copy)]
struct Character {
    /// The cost of the character without context.
    unigram_cost: u8,
    script: Script,
    /// The character that stands for it as the first of a pair, see [`as_context`].
    context: u16,
    /// The extra cost if a character follows that was never seen after it.
    escape: u8,
    /// Whether any pair begins with its context.
    begins_pairs: bool,
    /// Whether any pair ends with it. Most characters of a broken text are in no pair.
    ends_pairs: bool,
}

/// The model, built when it is first needed.
pub(crate) fn model() -> &'static Model {
    static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(&Counts::shipped()));
    &MODEL
}

impl Model {
    fn new(counts: &Counts) -> Self {
        let basic_plane = || (0..=0xFFFF).map(|code| char::from_u32(code).unwrap_or('\u{FFFD}'));
        let script: Vec<Script> = basic_plane().map(Script::of).collect();
        let prior = counts::prior();
        let mut unigram_costs: Vec<u8> = script.iter().map(|script| script.base_cost()).collect();
        for (code, script) in script.iter().enumerate() {
            if *script == Script::Han {
                unigram_costs[code] = cost_of_probability(prior[code] + 0.9 * counts.share(code));
            }
        }
        let (pairs, escape) = counts.pairs(&unigram_costs);
        let (begins, ends) = pairs.members();
        let characters = basic_plane().enumerate().map(|(code, c)| {
            let context = u16::try_from(u32::from(as_context(c))).unwrap_or(0);
            Character {
                unigram_cost: unigram_costs[code],
                script: script[code],
                context,
                escape: escape[usize::from(context)],
                begins_pairs: begins[usize::from(context)],
                ends_pairs: ends[code],
            }
        });
        Self { characters: characters.collect(), pairs }
    }

    /// The cost of `c` after `before`.
    pub(crate) fn cost(&self, before: char, c: char) -> Cost {
        // U+FFFD in a row are lost characters, and not a line that somebody drew.
        if c == before && c != char::REPLACEMENT_CHARACTER {
            return if c.is_alphanumeric() { REPEATED_LETTER_COST } else { REPEATED_SIGN_COST };
        }
        let (Some(first), Some(second)) = (self.character(before), self.character(c)) else {
            let (from, to) = (self.script_of(before), self.script_of(c));
            return Cost::from(self.unigram_cost(c)) + to.change_cost(from);
        };
        let (from, to) = (first.script, second.script);
        let alone = Cost::from(second.unigram_cost);
        if to != Script::Han {
            return alone + to.change_cost(from);
        }
        let may_be_pair = first.begins_pairs && second.ends_pairs;
        let seen = may_be_pair.then(|| self.pairs.get(first.context.into(), c as usize));
        let cost = seen.flatten().map_or(alone + Cost::from(first.escape), Cost::from);
        cost + to.change_cost(from)
    }

    /// What is known of a character of the basic plane.
    fn character(&self, c: char) -> Option<&Character> {
        self.characters.get(c as usize)
    }

    /// The cost of a whole text.
    pub(crate) fn cost_of(&self, text: &str) -> Cost {
        let mut before = '\n';
        let costs = text.chars().map(|c| self.cost(std::mem::replace(&mut before, c), c));
        costs.fold(0, Cost::saturating_add)
    }

    /// The cost of a text; for a long one, estimated from its first characters.
    pub(crate) fn estimate(&self, text: &str) -> Cost {
        let Some((sample, _)) = text.char_indices().nth(SAMPLE_CHARS) else {
            return self.cost_of(text);
        };
        let per_sample = u64::from(self.cost_of(&text[..sample]));
        let estimate = per_sample * text.chars().count() as u64 / SAMPLE_CHARS as u64;
        Cost::try_from(estimate).unwrap_or(Cost::MAX)
    }

    /// The cost of `c` without context.
    pub(crate) fn unigram_cost(&self, c: char) -> u8 {
        self.character(c).map_or_else(|| Script::of(c).base_cost(), |known| known.unigram_cost)
    }

    /// Whether a character is Han or Chinese punctuation, which have counted frequencies.
    pub(crate) fn is_counted(&self, c: char) -> bool {
        self.script_of(c) == Script::Han
    }

    /// The script of a character.
    pub(crate) fn script_of(&self, c: char) -> Script {
        self.character(c).map_or_else(|| Script::of(c), |known| known.script)
    }
}

/// The code of a character of the basic plane (BMP), as an index.
fn bmp_index(c: char) -> Option<usize> {
    u16::try_from(u32::from(c)).ok().map(usize::from)
}

/// The cost of an event with this probability.
fn cost_of_probability(probability: f64) -> u8 {
    let cost = (-probability.log2() * f64::from(BIT)).round().clamp(0.0, 255.0);
    // Clamped just above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let cost = cost as u8;
    cost
}

#[cfg(test)]
mod tests;
