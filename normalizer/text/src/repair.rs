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
mod rule;
mod search;
mod suspect;
mod tables;
mod unit;
mod whole;

use std::borrow::Cow;

use crate::{
    Span,
    model::{BIT, Cost},
};

pub use rule::Rule;

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
    let mut suspicion = suspect::look(text, false);
    if suspicion.is_none() {
        return Repaired { text: Cow::Borrowed(text), repairs: Vec::new(), damaged: Vec::new() };
    }
    let mut current = Cow::Borrowed(text);
    let mut repairs = Vec::new();
    for _ in 0..MAX_ROUNDS {
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
    Repaired { text: current, repairs, damaged }
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
