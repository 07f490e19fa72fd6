//! The position in a sequence of pages.

use serde::{Deserialize, Serialize};

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
    /// Hash of the last record of the page that was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_record: Option<String>,
    /// `Some` while a page is read again to find records that have moved into it: with pages by number,
    /// `true` if no page follows the one that was read last; with pages by offset, always `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rereading: Option<bool>,
    /// Number of records to request; `None` if it is the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<usize>,
    /// How many records of the current page were read already, and the hash of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partly_read: Option<(usize, String)>,
    /// The greatest number of this pass, for pages that are sorted newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<String>,
    /// The greatest number of the earlier passes, which have read all records up to it.
    #[serde(default, rename = "known_upto", skip_serializing_if = "Option::is_none")]
    pub(crate) known_up_to: Option<String>,
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

    /// Notes that a page was read.
    pub(crate) fn note_page(&mut self, hash: String) {
        self.hash_before = self.hash.replace(hash);
        self.n_pages += 1;
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Converts a count to 64 bits.
pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
