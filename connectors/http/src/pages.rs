//! How one page leads to the next. Pure, so that every mistake of a source can be a row in a test.
//!
//! A [`Position`] is small and is kept in the cursor, so another process can go on from it. Each kind
//! of paging answers two questions: which parameters request the next page, and how an answer moves the
//! position.

mod count;
mod position;
mod token;
mod value;

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use self::{
    count::{Number, Offset},
    token::{Next, Token},
    value::{Keyset, Newest},
};
pub(crate) use position::{NextPage, Position};

use crate::answer;

/// A parameter of a request.
pub(crate) type Param = (String, Value);

/// How the next page is requested.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Paging {
    /// There is one page.
    // The braces make serde refuse unknown keys beside it.
    None {},
    /// By its number. Every page but the last is read twice, because a record that is deleted moves
    /// others to a page that was read already.
    Number(Number),
    /// By the number of records before it.
    Offset(Offset),
    /// By a token in the previous page; the last page has none.
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
    /// Newest first, back to the newest record of the last pass. The numbers only grow.
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
pub(crate) enum StopRule {
    /// The first without records: the only rule that no mistake of a source can break.
    #[default]
    Empty,
    /// The first with fewer records than `size`.
    Short,
    /// The one with which as many records were read as the answer says there are in all.
    Total(Path),
}

impl Default for Paging {
    fn default() -> Self {
        Self::None {}
    }
}

/// What a page means for the position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// No page follows.
    pub(crate) is_last: bool,
    /// Its records were read before.
    pub(crate) is_known: bool,
}

impl Paging {
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
    pub(crate) fn stop(&self) -> Option<&StopRule> {
        match self {
            Self::Number(Number { stop, .. })
            | Self::Offset(Offset { stop, .. })
            | Self::Keyset(Keyset { stop, .. }) => Some(stop),
            _ => None,
        }
    }

    /// The parameters of the next page, and its address where that is another one.
    pub(crate) fn params(&self, at: &Position, size: usize) -> (Vec<Param>, Option<String>) {
        let param = match self {
            Self::None {} => None,
            Self::Number(number) => Some(number.param(at, size)),
            Self::Offset(offset) => Some((offset.param.clone(), at.offset().into())),
            Self::Token(token) => at.value().map(|value| (token.param.clone(), value.into())),
            Self::Link { .. } | Self::Next(_) => match &at.next {
                Some(NextPage::AtUrl(url)) => return (Vec::new(), Some(url.clone())),
                _ => None,
            },
            Self::Keyset(keyset) => keyset.param(at),
            Self::Newest(newest) => newest.param(at),
        };
        (param.into_iter().collect(), None)
    }

    /// What `page` means, without moving. `size` is the size that was requested.
    ///
    /// # Errors
    /// It is the same as the previous page.
    pub(crate) fn peek(
        &self,
        at: &Position,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        self.step(&mut at.clone(), page, size)
    }

    /// Moves past `page`.
    ///
    /// # Errors
    /// It is the same as the previous page; the position has not moved.
    pub(crate) fn step(
        &self,
        at: &mut Position,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        match self {
            Self::None {} => Ok(Step { is_last: true, is_known: false }),
            Self::Number(number) => number.step(at, page, size),
            Self::Offset(offset) => offset.step(at, page, size),
            Self::Token(token) => token::step(at, page, token.find(page), NextPage::AfterValue),
            Self::Link { .. } => token::step(at, page, token::link(page), NextPage::AtUrl),
            Self::Next(next) => token::step(at, page, page.value(&next.at), NextPage::AtUrl),
            Self::Keyset(keyset) => keyset.step(at, page, size),
            Self::Newest(newest) => newest.step(at, page),
        }
    }

    /// Where the next pass begins when this one is complete. `selects_all`: the channel asks for all
    /// records, without a time.
    pub(crate) fn restart(&self, at: Position, selects_all: bool) -> Position {
        match self {
            Self::Newest(_) => Position { known_upto: at.known_upto, ..Position::default() },
            Self::Keyset(_) if selects_all => Position { next: at.next, ..Position::default() },
            _ => Position::default(),
        }
    }

    /// Moves past a page that cannot be read; whether it was the last. `None` where only the page itself
    /// names the next one.
    pub(crate) fn skip(&self, at: &mut Position, size: usize) -> Option<bool> {
        match self {
            Self::None {} => Some(true),
            Self::Number(_) => Some(Number::skip(at, size)),
            Self::Offset(_) => Some(Offset::skip(at, size)),
            _ => None,
        }
    }
}

impl StopRule {
    /// Whether `page` is the last, by this rule alone. `n_read` counts the records up to its end.
    fn is_met(&self, page: &answer::Page, n_read: u64, size: usize) -> bool {
        match self {
            Self::Empty => page.is_empty(),
            Self::Short => page.len() < size,
            Self::Total(at) => {
                let total = page.value(at).and_then(|total| total.parse::<u64>().ok());
                // A total that cannot be read says nothing: then only an empty page is the last.
                page.is_empty() || total.is_some_and(|total| n_read >= total)
            }
        }
    }
}

/// The hash of a page.
///
/// # Errors
/// It is the same as the previous page.
fn new_hash(at: &Position, page: &answer::Page) -> Result<String, String> {
    let hash = page.hash();
    if !page.is_empty() && at.hash.as_deref() == Some(hash.as_str()) {
        return Err(format!("page {} is page {} again", at.n_pages + 1, at.n_pages));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests;
