//! The position in a sequence of pages.

use contract::EndedBy;
use serde::{Deserialize, Serialize};

use super::stop::MAX_REPEATS;
use crate::answer::Page;

/// A position among the pages that one pass reads. The default is before the first page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Where the next page begins; `None` before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<NextPage>,
    /// Number of pages that were read in this pass.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n_pages: u64,
    /// Hash of the page that was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
    /// Hash of the page that was read before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash_before: Option<String>,
    /// State of the last record of the page that was read last: the hashes of its key and its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_record: Option<String>,
    /// `Some` while a page is read again to find records that have moved into it: with pages by number,
    /// `true` if no page follows the one that was read last; with pages by offset, always `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rereading: Option<bool>,
    /// How the walk ends after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<EndedBy>,
    /// Number of records that the answers of this walk have listed; those of repeated pages count once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n_records: u64,
    /// Number of empty pages since the last one with records.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n_empty: u64,
    /// Number of pages that had been read before in this walk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n_repeats: u64,
    /// Why a page follows the one that was read last; `None` if that may be the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follows: Option<Follows>,
    /// An earlier page of this walk, with which later ones are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) anchor: Option<Anchor>,
    /// How often the list was walked again because records were missing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n_looks: u64,
    /// Sum of the hashes of the keys that this walk has listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) keys_sum: u64,
    /// The same of the walk before it, if the list is walked again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) keys_sum_before: u64,
    /// The most records that any page of this source had: shows whether the source keeps to `size`.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub(crate) largest: usize,
    /// Number of records to request; `None` if it is the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<usize>,
    /// How many records of the current page were read already, and the hash of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partly_read: Option<(usize, String)>,
    /// The last value before the one that the last records have: with pages by value, the next pass begins
    /// after it, because more records with the last value may come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resume: Option<String>,
    /// Whether the values of the page that was read last descend, for pages by value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) descends: bool,
    /// The greatest number of this pass, for pages that are sorted newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<String>,
    /// The greatest number of the earlier passes, which have read all records up to it.
    #[serde(default, rename = "known_upto", skip_serializing_if = "Option::is_none")]
    pub(crate) known_up_to: Option<String>,
}

/// Why a page follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Follows {
    /// The page says so.
    Said,
    /// The page is as full as others, and by its totals more records or pages follow.
    Counted,
    /// The page is as full as others, and has no totals.
    Full,
}

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NextPage {
    /// After this many records. Without a `size` in the settings, pages by number count as one record each.
    AfterRecords(u64),
    /// After this value, or by this token.
    AfterValue(String),
    /// At this address.
    AtUrl(String),
}

impl Position {
    /// Number of records before the next page; 0 if it begins after a value or at an address.
    pub(crate) fn offset(&self) -> u64 {
        match self.next {
            Some(NextPage::AfterRecords(offset)) => offset,
            _ => 0,
        }
    }

    /// The value after which the next page begins; `None` before the first page.
    pub(crate) fn value(&self) -> Option<&str> {
        match &self.next {
            Some(NextPage::AfterValue(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether a walk begins here.
    pub(crate) fn is_at_start(&self) -> bool {
        self.next.is_none() && self.n_pages == 0 && self.known_up_to.is_none()
    }

    /// Whether the list is walked again, and none of its pages was read yet.
    pub(crate) fn begins_again(&self) -> bool {
        self.n_looks > 0 && self.n_pages == 0 && self.partly_read.is_none()
    }

    /// Notes the hashes of the keys of a page.
    pub(crate) fn note_keys(&mut self, hashes: &[String]) {
        let hashes = hashes.iter().filter_map(|hash| u64::from_str_radix(hash, 16).ok());
        self.keys_sum = hashes.fold(self.keys_sum, u64::wrapping_add);
    }

    /// Whether this walk has listed the keys of the walk before it, and no others. The account of a pass is lost when
    /// it is interrupted, but this is not. Otherwise a list would be walked without end if each walk is interrupted.
    pub(crate) fn lists_same_keys(&self) -> bool {
        self.n_looks > 0 && self.keys_sum == self.keys_sum_before
    }

    /// Notes that a page was read.
    pub(crate) fn note_page(&mut self, hash: String) {
        self.hash_before = self.hash.replace(hash);
        self.n_pages += 1;
    }

    /// Whether a page with this hash, or this name of the next page, was met before in this walk. The name
    /// is empty if pages have none. A walk that never ends meets its anchor again, however long its
    /// cycle is, because the anchor moves on after 1, 2, 4, 8 … pages (Brent's algorithm).
    pub(super) fn note_cycle(&mut self, page: &Page, next: &str) -> Seen {
        let is_remark = page.is_remark(self.largest);
        let page = if page.is_empty() { String::new() } else { page.hash() };
        let anchor = self.anchor.as_ref();
        let is_previous = self.hash.as_ref() == Some(&page);
        let is_anchor = anchor.is_some_and(|at| at.page == page);
        let seen = Seen {
            page: !page.is_empty() && (is_previous || is_anchor),
            earlier: !page.is_empty() && is_anchor && !is_previous,
            next: !next.is_empty() && anchor.is_some_and(|at| at.next == next),
        };
        if self.n_pages.is_power_of_two() || anchor.is_none() {
            self.anchor = Some(Anchor { page, next: next.to_owned() });
        }
        // What stands beyond the last page may be the same remark again.
        self.n_repeats += u64::from(seen.page && !is_remark);
        seen
    }

    /// Counts the records of a page: those that were not on the page before, and all.
    pub(super) fn note_records(&mut self, n_new: usize, n_records: usize) {
        self.n_empty = if n_new == 0 { self.n_empty + 1 } else { 0 };
        self.largest = self.largest.max(n_records);
    }

    /// How the walk ends because it has met too many pages again; `None` if it has not.
    pub(super) fn end_of_circle(&self) -> Option<EndedBy> {
        (self.n_repeats >= MAX_REPEATS).then_some(EndedBy::Repeated)
    }
}

/// What was met before in this walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The records of the page.
    pub(super) page: bool,
    /// The records of the page, and it is not the one that was read last.
    pub(super) earlier: bool,
    /// The name of the next page.
    pub(super) next: bool,
}

/// Hashes of an earlier page, and of the name that it gave to the next one; empty if there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anchor {
    page: String,
    next: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_none_yet(largest: &usize) -> bool {
    *largest == 0
}

/// Converts a count to 64 bits.
pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
