//! Repairs text that was decoded with the wrong charset, if that is certain.
//!
//! If no byte was lost, the repair is exact: encode the text in the wrong charset, and decode the
//! bytes in the true one. The [model](crate::model) decides whether a text is broken: the result
//! must be so much less surprising than the input that chance cannot explain it. A list of
//! suspicious characters is not enough, because broken Chinese text consists of the same characters
//! as clean text.
//!
//! A text is scanned once ([`suspect`]). Nearly always nothing is unusual, and it is returned as it
//! is. Otherwise a repair of the whole text is tried ([`whole`]), and if that fails, the best
//! division into clean and broken parts is searched ([`search`]). A text may have been decoded
//! wrongly several times, so this is repeated: each round undoes one wrong decoding.

mod damage;
mod record;
mod rounds;
mod search;
mod success;
mod suspect;
mod tables;
mod unit;
mod whole;

use std::{borrow::Cow, ops::Range};

use crate::{
    Span,
    model::{BIT, Cost},
};

pub use damage::is_lost;
pub use record::repair_record;

use tables::Generation;
use unit::{TrueCharset, WrongCharset};

/// A text and what was repaired in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired<'a> {
    /// The text, borrowed if nothing was repaired.
    pub text: Cow<'a, str>,
    /// The repaired parts, in order of position.
    pub repairs: Vec<Repair>,
    /// Positions in `text` at which characters were lost: U+FFFD, 锟斤拷, 烫烫烫, half characters
    /// after a repaired part, question marks and nothing else. In order of position.
    pub damaged: Vec<Span>,
    /// Whether it has characters in a row that are rare, like broken text.
    pub is_suspicious: bool,
    /// Whether a suspicious part was left as it is, because a repair would have cost too many steps.
    pub is_unfinished: bool,
}

/// A repaired part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The wrong decodings that were undone, the last one first. Usually there is only one.
    pub rules: Vec<Rule>,
    /// Its position in the repaired text.
    pub span: Span,
    /// Its position in the original text.
    pub before: Span,
}

/// One kind of wrong decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// UTF-8 read as Latin-1, Windows-1252 or Windows-1250: `ç¾¤ä¼—`.
    Utf8AsLatin1,
    /// UTF-8 read as GBK or GB18030: 缇や紬.
    Utf8AsGb18030,
    /// UTF-8 read as Big5.
    Utf8AsBig5,
    /// GBK or GB18030 read as Latin-1, Windows-1252 or Windows-1250: `ÈºÖÚ`.
    Gb18030AsLatin1,
    /// Big5 read as Latin-1, Windows-1252 or Windows-1250.
    Big5AsLatin1,
    /// Big5 read as GBK or GB18030.
    Big5AsGb18030,
    /// GBK or GB18030 read as Big5.
    Gb18030AsBig5,
}

impl Rule {
    /// All rules, the most reliable first.
    pub const ALL: [Self; 7] = [
        Self::Utf8AsLatin1,
        Self::Utf8AsGb18030,
        Self::Utf8AsBig5,
        Self::Gb18030AsLatin1,
        Self::Big5AsLatin1,
        Self::Big5AsGb18030,
        Self::Gb18030AsBig5,
    ];

    /// The name of the rule in reports.
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The charset in which the text was read.
    const fn wrong_charset(self) -> WrongCharset {
        self.parts().1
    }

    /// The charset in which the text was written.
    const fn true_charset(self) -> TrueCharset {
        self.parts().2
    }

    const fn parts(self) -> (&'static str, WrongCharset, TrueCharset) {
        use {TrueCharset as True, WrongCharset as Wrong};
        match self {
            Self::Utf8AsLatin1 => ("utf8_read_as_latin1", Wrong::Latin1, True::Utf8),
            Self::Utf8AsGb18030 => ("utf8_read_as_gb18030", Wrong::Gb18030, True::Utf8),
            Self::Utf8AsBig5 => ("utf8_read_as_big5", Wrong::Big5, True::Utf8),
            Self::Gb18030AsLatin1 => ("gb18030_read_as_latin1", Wrong::Latin1, True::Gb18030),
            Self::Big5AsLatin1 => ("big5_read_as_latin1", Wrong::Latin1, True::Big5),
            Self::Big5AsGb18030 => ("big5_read_as_gb18030", Wrong::Gb18030, True::Big5),
            Self::Gb18030AsBig5 => ("gb18030_read_as_big5", Wrong::Big5, True::Gb18030),
        }
    }
}

/// The budget for repairing one record, in steps. One step tries one rule, with one generation of
/// decoders, on one byte. The budget is enough for a hundred kilobytes of broken text, and for two seconds.
pub const MAX_REPAIR_STEPS: u64 = 1 << 23;

/// Maximum number of rounds, each of which undoes one wrong decoding.
const MAX_ROUNDS: usize = 4;

/// How many bits fewer a text must cost after a repair by `rule`. A smaller gain is enough if it is
/// `likely`: if the whole text becomes plausible, or if another part was repaired by the same rule,
/// because broken texts are usually broken from beginning to end. Nearly every text in Big5 is also
/// valid in GBK, and the reverse: a repair of Han characters by Han characters must gain more.
const fn min_gain(rule: Rule, is_likely: bool) -> Cost {
    let is_han_by_han = matches!(rule, Rule::Big5AsGb18030 | Rule::Gb18030AsBig5);
    match (is_likely, is_han_by_han) {
        (true, false) => 12 * BIT,
        (true, true) => 20 * BIT,
        // Of a billion clean texts that can be decoded in another way, fewer than a hundred would reach
        // this by chance.
        (false, false) => MIN_GAIN,
        (false, true) => MIN_GAIN + 4 * BIT,
    }
}

/// See [`min_gain`].
const MIN_GAIN: Cost = 24 * BIT;

/// Repairs the parts that were decoded wrongly, if the repair is exact and certain, and reports lost
/// characters.
///
/// Call it before [`clean`](crate::clean()): cleaning removes control characters, which may be bytes
/// of a broken text.
pub fn repair(text: &str) -> Repaired<'_> {
    repair_within(text, &mut MAX_REPAIR_STEPS.clone())
}

/// Like [`repair`], for several texts that share a budget: `steps` is what is left of it. If a round
/// would cost more than that, the repair ends before it and is [unfinished](Repaired).
pub fn repair_within<'a>(text: &'a str, steps: &mut u64) -> Repaired<'a> {
    let mut suspicion = suspect::scan(text, false);
    let mut current = Cow::Borrowed(text);
    let mut repairs = Vec::new();
    let mut is_unfinished = false;
    let is_suspicious = !suspicion.windows.is_empty();
    if suspicion.is_none() {
        let damaged = damage::question_marks(text);
        return Repaired { text: current, repairs, damaged, is_suspicious, is_unfinished };
    }
    for _ in 0..MAX_ROUNDS {
        let Some(left) = steps.checked_sub(cost(&current, &suspicion)) else {
            is_unfinished = true;
            break;
        };
        *steps = left;
        let edits = edits(&current, &suspicion, &repairs);
        if edits.is_empty() {
            break;
        }
        let next = rounds::apply(&current, &edits);
        repairs = rounds::join(repairs, &edits);
        suspicion = suspect::scan(&next, true);
        current = Cow::Owned(next);
    }
    let damaged = damage::find(&current, &repairs);
    Repaired { text: current, repairs, damaged, is_suspicious, is_unfinished }
}

/// The maximum number of steps that [`edits`] takes.
fn cost(text: &str, suspicion: &suspect::Suspicion) -> u64 {
    // `whole::edit` also tries the text between two wrong decodings, which is as long.
    let whole = if suspicion.covers_most_of(text) { 2 * text.len() } else { 0 };
    let bytes = whole + suspicion.windows.iter().map(Range::len).sum::<usize>();
    bytes as u64 * (Rule::ALL.len() * Generation::ALL.len()) as u64
}

/// A change of the text: the position of a broken part, and its repaired text.
struct Edit {
    /// The wrong decodings that it undoes, the last one first.
    rules: Vec<Rule>,
    from: Span,
    repaired: String,
}

/// The repairs of one round. For a rule that repaired another part before, a smaller gain is enough, but not in a
/// part that was itself repaired: there it must gain as much as in the first round.
fn edits(text: &str, suspicion: &suspect::Suspicion, earlier: &[Repair]) -> Vec<Edit> {
    if suspicion.covers_most_of(text)
        && let Some(edit) = whole::edit(text)
    {
        return vec![edit];
    }
    let is_known = |rule: Rule| earlier.iter().any(|repair| repair.rules.contains(&rule));
    let costs =
        |is_repaired: bool| Rule::ALL.map(|rule| min_gain(rule, !is_repaired && is_known(rule)));
    let pieces = suspicion.windows.iter().flat_map(|window| pieces(window, earlier));
    pieces.flat_map(|(piece, is_repaired)| search::edits(text, piece, costs(is_repaired))).collect()
}

/// Divides a window at the ends of the repaired parts, and says of each piece whether it is one.
fn pieces(window: &Range<usize>, repairs: &[Repair]) -> Vec<(Range<usize>, bool)> {
    let (mut pieces, mut start) = (Vec::new(), window.start);
    let mut add = |end: usize, is_repaired: bool| {
        let end = end.clamp(start, window.end);
        if end > start {
            pieces.push((start..end, is_repaired));
        }
        start = end;
    };
    for Repair { span, .. } in repairs {
        add(span.offset, false);
        add(span.offset + span.len, true);
    }
    add(window.end, false);
    pieces
}
