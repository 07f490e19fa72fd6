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

/// How many empty pages in a row a total can explain: a source may lose a page, but a total may lie. The same
/// goes for pages with nothing but a remark.
const MAX_EMPTY_BY_TOTAL: u64 = 2;

/// How often a walk may meet pages that it has read before. Two different pages can be equal by accident.
pub(super) const MAX_REPEATS: u64 = 2;

/// Which page is the last.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopRule {
    /// The first page without records. This rule needs nothing from the source. If that page says something that
    /// means neither a success nor the end, the pass is reported as incomplete.
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
        let text = match self.place()? {
            Place::Path(at) => page.value(at),
            Place::Header(header) => page.headers.get(&header.to_lowercase()).cloned(),
        };
        whole_number(&text?)
    }

    /// Why a page states no total; `None` if it need not.
    pub(crate) fn problem(&self, page: &Page) -> Option<String> {
        let (name, is_there) = match self.place()? {
            Place::Path(at) => (at.as_str(), at.first(&page.tree).is_some_and(|at| !at.is_null())),
            Place::Header(header) => (header, page.headers.contains_key(&header.to_lowercase())),
        };
        Some(match is_there {
            true => format!("the total cannot be read: what is at {name} is no whole number"),
            false => format!("no answer has a total at {name}"),
        })
    }

    /// Where the total is; `None` if it is not to be trusted.
    fn place(&self) -> Option<Place<'_>> {
        match self {
            Self::At(at) | Self::In(TotalPlace { at: Some(at), trust: true, .. }) => {
                Some(Place::Path(at))
            }
            Self::In(TotalPlace { header: Some(header), trust: true, .. }) => {
                Some(Place::Header(header))
            }
            Self::In(_) => None,
        }
    }
}

/// Where an answer states its total.
enum Place<'a> {
    Path(&'a Path),
    Header(&'a str),
}

/// A number as sources write it: `45`, `45.0` or `1,045`.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split(',');
    let are_of_three = groups.clone().skip(1).all(|group| group.len() == 3);
    let is_grouped = whole.contains(',');
    let first_fits =
        groups.next().is_some_and(|first| !is_grouped || (1..=3).contains(&first.len()));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    (is_whole && are_of_three && first_fits).then(|| whole.replace(',', "").parse().ok())?
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
            let is_remark = page.is_remark(at.largest.max(size));
            let max_empty = match said.is_last {
                Some(_) => MAX_EMPTY,
                None if total_says_more || is_remark => MAX_EMPTY_BY_TOTAL,
                None => 1,
            };
            return (at.n_empty >= max_empty).then_some(EndedBy::Empty);
        }
        let keeps_to_size = at.largest >= size;
        let is_short = keeps_to_size && page.n_listed() < size;
        let is_shorter = is_short || at.n_pages > 0 && page.n_listed() < at.largest;
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
                let n_pages = page.value(pages).and_then(|pages| whole_number(&pages));
                (is_shorter && n_pages == Some(at.n_pages + 1)).then_some(EndedBy::Total)
            }
        }
    }
}

fn is_trusted() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::whole_number;

    #[test]
    fn a_total_is_a_whole_number_however_it_is_written() {
        for (text, number) in [
            ("45", Some(45)),
            (" 45 ", Some(45)),
            ("45.0", Some(45)),
            ("1,045", Some(1_045)),
            ("1,045,000.00", Some(1_045_000)),
            ("45.5", None),
            ("1,04", None),
            ("1045,000", None),
            (",045", None),
            ("45条", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(whole_number(text), number, "{text}");
        }
    }
}
