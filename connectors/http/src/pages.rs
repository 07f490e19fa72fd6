//! How one page leads to the next. The functions are pure, so a test can imitate any mistake of a source.
//!
//! The cursor contains a [`Position`], from which any process can continue. Each kind of paging
//! defines two things: which parameters request the next page, and how a page moves the position.

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
    /// There is only one page.
    // The braces make serde refuse unknown keys.
    None {},
    /// Pages are requested by number. Every page except the last is read twice, because the deletion of a
    /// record moves others to a page that was already read.
    Number(Number),
    /// Pages are requested by the number of records before them.
    Offset(Offset),
    /// Each page names the next one by a token; the last page has none.
    Token(Token),
    /// Each page names the next one in the `Link` header with `rel="next"` (RFC 8288), except the last.
    Link {
        /// How many records a page has.
        size: Option<Size>,
    },
    /// Each page contains the address of the next one; the last page has none.
    Next(Next),
    /// Each page begins after the last record of the previous one; records are sorted by a unique value.
    /// Without `since` or `day`, each record is read only once, so later changes are not seen.
    Keyset(Keyset),
    /// The newest records come first, and have the greatest numbers. A pass ends when it reaches the
    /// records of the last pass.
    Newest(Newest),
}

/// How many records a page has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    /// The parameter for the number of records.
    pub(crate) param: String,
    /// The number of records to request.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) value: u32,
}

/// Which page is the last.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopRule {
    /// The first page without records. This rule needs nothing from the source.
    #[default]
    Empty,
    /// The first page with fewer records than `size`.
    Short,
    /// The page with which the number of records read reaches the total at this path in the answer.
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
    /// The records of the page were read before.
    pub(crate) was_read_before: bool,
}

impl Paging {
    /// How many records a page has; `None` if the settings do not say it.
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

    /// The rule that recognises the last page; `None` if this kind of paging needs none.
    pub(crate) fn stop(&self) -> Option<&StopRule> {
        match self {
            Self::Number(Number { stop, .. })
            | Self::Offset(Offset { stop, .. })
            | Self::Keyset(Keyset { stop, .. }) => Some(stop),
            _ => None,
        }
    }

    /// The parameters for the next page, or its address if the last page named it.
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

    /// Like [`Paging::step`], but does not move.
    pub(crate) fn peek(
        &self,
        at: &Position,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        self.step(&mut at.clone(), page, size)
    }

    /// Moves past `page`. `size` is the number of records that was requested.
    ///
    /// # Errors
    /// The source repeats a page; the position has not moved.
    pub(crate) fn step(
        &self,
        at: &mut Position,
        page: &answer::Page,
        size: usize,
    ) -> Result<Step, String> {
        match self {
            Self::None {} => Ok(Step { is_last: true, was_read_before: false }),
            Self::Number(number) => number.step(at, page, size),
            Self::Offset(offset) => offset.step(at, page, size),
            Self::Token(token) => token::step(at, page, token.find(page), NextPage::AfterValue),
            Self::Link { .. } => {
                let next = token::next_link(page).map(|next| page.resolve(next));
                token::step(at, page, next, NextPage::AtUrl)
            }
            Self::Next(next) => {
                let next = page.value(&next.at).map(|next| page.resolve(next));
                token::step(at, page, next, NextPage::AtUrl)
            }
            Self::Keyset(keyset) => keyset.step(at, page, size),
            Self::Newest(newest) => newest.step(at, page),
        }
    }

    /// Where the next pass begins when this one is complete. `selects_all` means that the channel has
    /// neither `since` nor `day`.
    pub(crate) fn restart(&self, at: Position, selects_all: bool) -> Position {
        match self {
            Self::Newest(_) => Position { known_up_to: at.known_up_to, ..Position::default() },
            Self::Keyset(_) if selects_all => Position { next: at.next, ..Position::default() },
            _ => Position::default(),
        }
    }

    /// Moves past a page that cannot be read, and returns whether it was the last; `None` if the next page
    /// cannot be requested without it.
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
    /// Whether `page` is the last by this rule. `n_read` is the number of records up to its end.
    fn is_met(&self, page: &answer::Page, n_read: u64, size: usize) -> bool {
        match self {
            Self::Empty => page.is_empty(),
            Self::Short => page.len() < size,
            Self::Total(at) => {
                let total = page.value(at).and_then(|total| total.parse::<u64>().ok());
                // If the total cannot be read, only an empty page is the last.
                page.is_empty() || total.is_some_and(|total| n_read >= total)
            }
        }
    }
}

/// The hash of a page that differs from the previous one.
///
/// # Errors
/// The page has the same records as the previous page.
fn hash_of_new_page(at: &Position, page: &answer::Page) -> Result<String, String> {
    let hash = page.hash();
    if !page.is_empty() && at.hash.as_deref() == Some(hash.as_str()) {
        return Err(format!("page {} has the same records as page {}", at.n_pages + 1, at.n_pages));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests;
