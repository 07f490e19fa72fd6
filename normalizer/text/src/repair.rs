//! Text that was decoded wrongly, put back where that is certain.
//!
//! Somebody wrote characters in one charset and somebody else read the bytes in another. If every
//! byte survived, the way back is exact: encode with the charset it was wrongly read in, decode
//! with the one it was meant in. Whether that is what happened is a question of plausibility, and
//! the [model](crate::model) answers it: the text that comes out must be so much less surprising
//! than the one that went in that no accident explains it. No list of suspicious characters can do
//! that for Chinese, where broken text consists of the same characters as clean text.
//!
//! A text is looked at once ([`suspect`]); where nothing is strange, which is nearly always, it is
//! handed back as it came. Where something is, the whole text is tried ([`whole`]), and if that
//! does not hold, the best division into clean and broken stretches is found ([`search`]).

mod damage;
mod rounds;
mod search;
mod suspect;
mod tables;
mod unit;
mod whole;

use std::{borrow::Cow, ops::Range};

use crate::{
    Span,
    model::{BIT, Cost},
};

use tables::Generation;
use unit::{Meant, Read};

/// A text and what was repaired in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired<'a> {
    /// The text, borrowed if nothing was repaired.
    pub text: Cow<'a, str>,
    /// The stretches that were put back, in order of place.
    pub repairs: Vec<Repair>,
    /// Places in `text` where characters were lost before it came here: U+FFFD, 锟斤拷, 烫烫烫, the
    /// halves beside a repaired stretch. In order of place.
    pub damaged: Vec<Span>,
    /// Something strange was left as it is, because trying it would have cost too many steps.
    pub is_unfinished: bool,
}

/// A stretch that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// What was undone, the last breakage first: mostly one.
    pub rules: Vec<Rule>,
    /// Where it stands in the repaired text.
    pub span: Span,
    /// Where it stood in the text that was given.
    pub before: Span,
}

/// One way in which texts are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// UTF-8 read as Latin-1 or Windows-1252: `ç¾¤ä¼—`.
    Utf8AsLatin1,
    /// UTF-8 read as GBK or GB18030: 缇や紬.
    Utf8AsGb18030,
    /// UTF-8 read as Big5.
    Utf8AsBig5,
    /// GBK or GB18030 read as Latin-1 or Windows-1252: `ÈºÖÚ`.
    Gb18030AsLatin1,
    /// Big5 read as Latin-1 or Windows-1252.
    Big5AsLatin1,
    /// Big5 read as GBK or GB18030.
    Big5AsGb18030,
    /// GBK or GB18030 read as Big5.
    Gb18030AsBig5,
}

impl Rule {
    /// All of them, those that leave least to chance first.
    pub const ALL: [Self; 7] = [
        Self::Utf8AsLatin1,
        Self::Utf8AsGb18030,
        Self::Utf8AsBig5,
        Self::Gb18030AsLatin1,
        Self::Big5AsLatin1,
        Self::Big5AsGb18030,
        Self::Gb18030AsBig5,
    ];

    /// The name that is recorded.
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The charset it was read in.
    const fn read(self) -> Read {
        self.parts().1
    }

    /// The charset it was meant in.
    const fn meant(self) -> Meant {
        self.parts().2
    }

    const fn parts(self) -> (&'static str, Read, Meant) {
        match self {
            Self::Utf8AsLatin1 => ("utf8_read_as_latin1", Read::Latin1, Meant::Utf8),
            Self::Utf8AsGb18030 => ("utf8_read_as_gb18030", Read::Gb18030, Meant::Utf8),
            Self::Utf8AsBig5 => ("utf8_read_as_big5", Read::Big5, Meant::Utf8),
            Self::Gb18030AsLatin1 => ("gb18030_read_as_latin1", Read::Latin1, Meant::Gb18030),
            Self::Big5AsLatin1 => ("big5_read_as_latin1", Read::Latin1, Meant::Big5),
            Self::Big5AsGb18030 => ("big5_read_as_gb18030", Read::Gb18030, Meant::Big5),
            Self::Gb18030AsBig5 => ("gb18030_read_as_big5", Read::Big5, Meant::Gb18030),
        }
    }
}

/// What repair may cost one record, in steps: a step is one byte of a text tried by one rule of one
/// generation of decoders. Enough for four megabytes that are broken from beginning to end.
pub const REPAIR_STEPS: u64 = 1 << 26;

/// A text may have been broken so many times.
const MAX_ROUNDS: usize = 4;

/// How much less surprising a text must become. Of a thousand million clean stretches that could be
/// read otherwise, fewer than a hundred would become so by accident.
const CERTAIN: Cost = 24 * BIT;

/// Less is enough where the whole of a text becomes what people write, or where another stretch was
/// broken in the same way: broken texts are mostly broken from beginning to end.
const LIKELY: Cost = 12 * BIT;

/// Puts back what was decoded wrongly, where that is exact and certain; names what is lost.
///
/// To be called before [`clean`](crate::clean()): the control characters that cleaning takes away
/// are bytes of a broken text.
pub fn repair(text: &str) -> Repaired<'_> {
    repair_within(text, &mut REPAIR_STEPS.clone())
}

/// The same for one of several texts that share a number of `steps`. A round that would cost more
/// than is left is not begun: the text then stays as it is and is [unfinished](Repaired).
pub fn repair_within<'a>(text: &'a str, steps: &mut u64) -> Repaired<'a> {
    let mut suspicion = suspect::look(text, false);
    let mut current = Cow::Borrowed(text);
    let mut repairs = Vec::new();
    let mut is_unfinished = false;
    if suspicion.is_none() {
        return Repaired { text: current, repairs, damaged: Vec::new(), is_unfinished };
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
        suspicion = suspect::look(&next, true);
        current = Cow::Owned(next);
    }
    let damaged = damage::find(&current, &repairs);
    Repaired { text: current, repairs, damaged, is_unfinished }
}

/// The steps that [`edits`] takes at most: everything it does is linear in what is looked at.
fn cost(text: &str, suspicion: &suspect::Suspicion) -> u64 {
    let whole = if suspicion.is_of_all(text) { text.len() } else { 0 };
    let bytes = whole + suspicion.windows.iter().map(Range::len).sum::<usize>();
    bytes as u64 * (Rule::ALL.len() * Generation::ALL.len()) as u64
}

/// A stretch of a text, and what it was before it was broken.
struct Edit {
    rule: Rule,
    from: Span,
    meant: String,
}

/// What one round puts back.
fn edits(text: &str, suspicion: &suspect::Suspicion, earlier: &[Repair]) -> Vec<Edit> {
    if suspicion.is_of_all(text)
        && let Some(edit) = whole::edit(text)
    {
        return vec![edit];
    }
    // What broke one stretch of a text is likelier than anything else to have broken another.
    let is_known = |rule: Rule| earlier.iter().any(|repair| repair.rules.contains(&rule));
    let costs = Rule::ALL.map(|rule| if is_known(rule) { LIKELY } else { CERTAIN });
    let windows = suspicion.windows.iter();
    windows.flat_map(|window| search::edits(text, window.clone(), costs)).collect()
}
