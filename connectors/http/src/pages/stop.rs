//! How the end of a walk is recognised.

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Position;
use crate::answer::Page;

/// Maximum number of empty pages in a row, if each says that more pages follow. With tokens and addresses,
/// the next pass goes on behind them, because the list may be one that grows and never ends; other kinds
/// of pages end there, and the walk is incomplete.
pub(super) const MAX_EMPTY: u64 = 50;

/// How many empty pages in a row a total can explain: a source may lose a page, but a total may lie.
const MAX_EMPTY_BY_TOTAL: u64 = 2;

/// How often a walk may meet pages that it has read before. Two different pages can be equal by accident.
pub(super) const MAX_REPEATS: u64 = 2;

/// Which page is the last.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopRule {
    /// The first page without records. This rule needs nothing from the source.
    #[default]
    Empty,
    /// The first page with fewer records than `size`, if the source has ever sent a page of that size.
    /// Until then the next page is requested too, because the source may limit the size.
    Short,
    /// The page with which the number of records read reaches the total in the answer, if it has fewer
    /// records than others. Otherwise the next page is requested too, because totals can be wrong.
    Total(Total),
    /// The page whose number, counted from the first page, is the number of pages at this path in the
    /// answer. It is believed like a total.
    Pages(Path),
}

/// Where an answer says how many records the whole list has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Total {
    /// At this path in the answer.
    At(Path),
    /// In the answer or a header.
    In(TotalPlace),
}

/// Where an answer says how many records the whole list has, and whether that is true.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotalPlace {
    /// The path of the total in the answer; set this or `header`.
    pub(crate) at: Option<Path>,
    /// The header of the answer that contains the total, such as `X-Total-Count`.
    pub(crate) header: Option<String>,
    /// Whether the total is true. If not, it ends nothing, and nothing is compared with it.
    #[serde(default = "is_trusted")]
    trust: bool,
}

/// What an answer says about the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// How many records there are; `None` if it does not say so, or if that is not to be trusted.
    pub(crate) total: Option<u64>,
    /// Whether this page is the last; `None` if it does not say so.
    pub(crate) is_last: Option<bool>,
}

impl Total {
    /// The total that a page states; `None` if it states none, or if the total is not to be trusted.
    pub(crate) fn find(&self, page: &Page) -> Option<u64> {
        let text = match self {
            Self::At(at) | Self::In(TotalPlace { at: Some(at), trust: true, .. }) => page.value(at),
            Self::In(TotalPlace { header: Some(header), trust: true, .. }) => {
                page.headers.get(&header.to_lowercase()).cloned()
            }
            Self::In(_) => None,
        };
        text?.trim().parse().ok()
    }
}

impl StopRule {
    /// Where the total is, if this rule uses one.
    pub(crate) fn total(&self) -> Option<&Total> {
        match self {
            Self::Total(total) => Some(total),
            _ => None,
        }
    }

    /// How the walk ends with the page that was counted last; `None` if more pages follow. `n_new` of its
    /// `len` records were not on the page before.
    pub(super) fn end(
        &self,
        at: &Position,
        (page, size): (&Page, usize),
        n_new: usize,
        said: Said,
    ) -> Option<EndedBy> {
        if said.is_last == Some(true) {
            return Some(EndedBy::NoMore);
        }
        let total_says_more = said.total.is_some_and(|total| total > at.n_records);
        if n_new == 0 {
            let max_empty = match said.is_last {
                Some(_) => MAX_EMPTY,
                None if total_says_more => MAX_EMPTY_BY_TOTAL,
                None => 1,
            };
            return (at.n_empty >= max_empty).then_some(EndedBy::Empty);
        }
        let keeps_to_size = at.largest >= size;
        let is_short = keeps_to_size && page.len() < size;
        let is_shorter = is_short || at.n_pages > 0 && page.len() < at.largest;
        match self {
            Self::Empty => None,
            Self::Short => {
                let says_more = total_says_more || said.is_last.is_some();
                (is_short && !says_more).then_some(EndedBy::Short)
            }
            // A total that is less than what came is wrong.
            Self::Total(_) => {
                (is_shorter && said.total == Some(at.n_records)).then_some(EndedBy::Total)
            }
            Self::Pages(pages) => {
                let n_pages = page.value(pages).and_then(|pages| pages.parse::<u64>().ok());
                (is_shorter && n_pages == Some(at.n_pages + 1)).then_some(EndedBy::Total)
            }
        }
    }
}

fn is_trusted() -> bool {
    true
}
