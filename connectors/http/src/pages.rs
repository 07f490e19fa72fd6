//! From one page to the next: pure, so that every mistake of a source can be a row in a test.
//!
//! A [`Walk`] goes over the pages of one stretch of records. Its state is small and is kept in the
//! cursor, so another process can go on where it was. Each kind of page answers two questions: which
//! parameters request the next page, and what an answer means for the walk.

mod count;
mod token;
mod value;
mod walk;

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use self::{
    count::{Number, Offset},
    token::{Next, Token},
    value::{Keyset, Newest},
};
pub(crate) use walk::{End, Spot, Walk};

use crate::answer;

/// A parameter of a request.
pub(crate) type Param = (String, Value);

/// How the next page is requested.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Page {
    /// There is one page.
    // With braces: serde ignores unknown keys beside a variant without.
    None {},
    /// By its number. Every page but the last is read twice, because a record that is deleted moves
    /// others to a page that was read already.
    Number(Number),
    /// By the number of records before it.
    Offset(Offset),
    /// By a token in the page before; the last page has none.
    Token(Token),
    /// By the header `Link` with `rel="next"` (RFC 8288); the last page has none.
    Link {
        /// How many records a page has.
        size: Option<Size>,
    },
    /// By an address in the answer, on the same host; the last page has none.
    Next(Next),
    /// After the last record, in an ascending order of unique values. Without `since`, a record is
    /// read once and its changes are never seen: add `reread`.
    Keyset(Keyset),
    /// Newest first, back to where the walk before began. The numbers only grow.
    Newest(Newest),
}

/// How many records a page has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    /// The parameter that takes the number.
    pub(crate) param: String,
    /// The number.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) value: u32,
}

/// Which page is the last.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stop {
    /// The first without records: the only rule that no mistake of a source can break.
    #[default]
    Empty,
    /// The first with fewer records than `size`.
    Short,
    /// The one with which as many records are read as the answer says there are.
    Total(Path),
}

impl Default for Page {
    fn default() -> Self {
        Self::None {}
    }
}

/// What a page means for the walk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whether there are more pages.
    pub(crate) end: End,
    /// Its records were given before: they need not be given again.
    pub(crate) is_known: bool,
}

impl Page {
    /// How many records a page has.
    pub(crate) fn size(&self) -> Option<&Size> {
        match self {
            Self::None {} => None,
            Self::Number(Number { size, .. })
            | Self::Offset(Offset { size, .. })
            | Self::Token(Token { size, .. })
            | Self::Link { size }
            | Self::Next(Next { size, .. })
            | Self::Keyset(Keyset { size, .. })
            | Self::Newest(Newest { size, .. }) => size.as_ref(),
        }
    }

    /// Which page is the last, where a rule of the channel says it.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        match self {
            Self::Number(Number { stop, .. })
            | Self::Offset(Offset { stop, .. })
            | Self::Keyset(Keyset { stop, .. }) => Some(stop),
            _ => None,
        }
    }

    /// The parameters of the next page, and its address where that is another one.
    pub(crate) fn params(&self, walk: &Walk, size: usize) -> (Vec<Param>, Option<String>) {
        let param = match self {
            Self::None {} => None,
            Self::Number(number) => Some(number.param(walk, size)),
            Self::Offset(offset) => Some((offset.param.clone(), walk.rows().into())),
            Self::Token(token) => walk.value().map(|value| (token.param.clone(), value.into())),
            Self::Link { .. } | Self::Next(_) => match &walk.at {
                Some(Spot::Url(url)) => return (Vec::new(), Some(url.clone())),
                _ => None,
            },
            Self::Keyset(keyset) => keyset.param(walk),
            Self::Newest(newest) => newest.param(walk),
        };
        (param.into_iter().collect(), None)
    }

    /// What `page` means, without moving. `size` is the size that was requested.
    ///
    /// # Errors
    /// It is the page before once more.
    pub(crate) fn judge(
        &self,
        walk: &Walk,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        self.pass(&mut walk.clone(), page, size)
    }

    /// Moves past `page`.
    ///
    /// # Errors
    /// It is the page before once more; the walk has not moved.
    pub(crate) fn pass(
        &self,
        walk: &mut Walk,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        match self {
            Self::None {} => Ok(Step { end: End::Last, is_known: false }),
            Self::Number(number) => number.pass(walk, page, size),
            Self::Offset(offset) => offset.pass(walk, page, size),
            Self::Token(token) => token::pass(walk, page, token.find(page), Spot::Value),
            Self::Link { .. } => token::pass(walk, page, token::link(page), Spot::Url),
            Self::Next(next) => token::pass(walk, page, page.text(&next.at), Spot::Url),
            Self::Keyset(keyset) => keyset.pass(walk, page, size),
            Self::Newest(newest) => newest.pass(walk, page),
        }
    }

    /// Where the next walk begins when this one is complete. `is_whole`: the channel asks for all
    /// records, and the source has no more yet.
    pub(crate) fn restart(&self, walk: Walk, is_whole: bool) -> Walk {
        match self {
            Self::Newest(_) => Walk { mark: walk.mark, ..Walk::default() },
            Self::Keyset(_) if is_whole => Walk { at: walk.at, ..Walk::default() },
            _ => Walk::default(),
        }
    }

    /// Moves past a page that cannot be read, where that is possible without it.
    pub(crate) fn skip(&self, walk: &mut Walk, size: usize) -> Option<End> {
        match self {
            Self::None {} => Some(End::Last),
            Self::Number(_) => Some(Number::skip(walk, size)),
            Self::Offset(_) => Some(Offset::skip(walk, size)),
            _ => None,
        }
    }
}

impl Stop {
    /// Whether `page` is the last, by this rule alone; `read` records come before its end.
    fn is_met(&self, page: &answer::Page, read: u64, size: usize) -> bool {
        match self {
            Self::Empty => page.is_empty(),
            Self::Short => page.len() < size,
            Self::Total(at) => {
                let total = page.text(at).and_then(|total| total.parse::<u64>().ok());
                // A total that cannot be read does not end the walk.
                page.is_empty() || total.is_some_and(|total| read >= total)
            }
        }
    }
}

/// The hash of a page, unless it is the page before once more.
fn new_hash(walk: &Walk, page: &answer::Page) -> Result<String, String> {
    let hash = page.hash();
    if !page.is_empty() && walk.print.as_deref() == Some(hash.as_str()) {
        return Err(format!("page {} is page {} again", walk.pages + 1, walk.pages));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests;
