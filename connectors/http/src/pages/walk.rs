//! The position of a walk over pages.

use serde::{Deserialize, Serialize};

/// A position among the pages of a stretch. The default is its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Walk {
    /// Where the next page begins; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Spot>,
    /// Pages that were passed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) pages: u64,
    /// Hash of the page that was passed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) print: Option<String>,
    /// Hash of the page before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) print_before: Option<String>,
    /// The last record that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<String>,
    /// Set while a page is read once more to find records that have moved into it: whether pages
    /// follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) back: Option<End>,
    /// Records of a page, where that is less than the channel says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<usize>,
    /// How many records of the current page were given already, and the hash of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) within: Option<(usize, String)>,
    /// The greatest number of this walk, for pages newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) top: Option<String>,
    /// The greatest number of the walk before: everything up to it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spot {
    /// After this many records; after this many pages where their size is not known.
    Rows(u64),
    /// After this value.
    Value(String),
    /// At this address.
    Url(String),
}

/// Whether pages follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    More,
    Last,
}

impl End {
    pub(super) fn last_if(is_last: bool) -> Self {
        if is_last { Self::Last } else { Self::More }
    }
}

impl Walk {
    /// Records before the next page.
    pub(crate) fn rows(&self) -> u64 {
        match self.at {
            Some(Spot::Rows(rows)) => rows,
            _ => 0,
        }
    }

    /// The value after which the next page begins.
    pub(crate) fn value(&self) -> Option<&str> {
        match &self.at {
            Some(Spot::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// Notes a page that was passed.
    pub(crate) fn passed(&mut self, hash: String) {
        self.print_before = self.print.replace(hash);
        self.pages += 1;
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Positions count records with 64 bits.
pub(super) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
