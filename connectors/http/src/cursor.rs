//! Where a channel stands in its source, and what it still owes it.
//!
//! One position per walk and value of `each`, all in one state that stays small: what a walk has
//! to remember of pages are short prints of them.

use std::{collections::BTreeMap, fmt};

use chrono::NaiveDate;
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pages::Walk;

/// A position in a source.
// Nothing here is optional when it is read back: a foreign cursor must not pass for a beginning.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Whose turn it is among the walks.
    pub(crate) turn: usize,
    /// How many walks, one after the other, have just come to their end: all means caught up.
    pub(crate) quiet: usize,
    /// Positions of the walks that find what is new, by the value of `each`.
    pub(crate) places: BTreeMap<String, Place>,
    /// Positions of the walks that read again.
    pub(crate) rounds: BTreeMap<String, Round>,
    /// Keys of the last batch, which the source has yet to be told.
    pub(crate) owed: Vec<String>,
}

/// A position in one sequence of records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The source's clock when the walk under way began; `None`: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<Timestamp>,
    /// Records are asked for from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// And up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The greatest usable time of a record ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Timestamp>,
    /// The day that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<NaiveDate>,
    /// The last day that needs no reading any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<NaiveDate>,
    /// Among the pages.
    #[serde(default)]
    pub(crate) walk: Walk,
}

/// A walk that is taken up anew from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Round {
    /// When the last one was begun, by the source's clock.
    pub(crate) started: Option<Timestamp>,
    /// Where it is; `None` when it is over.
    pub(crate) place: Option<Place>,
}

impl fmt::Debug for Cursor {
    // Keys of the source are nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("owed", &self.owed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_cursor_is_not_taken_for_a_beginning() {
        let own = serde_json::to_value(Cursor::default()).unwrap();
        assert!(serde_json::from_value::<Cursor>(own.clone()).is_ok());
        let mut newer = own;
        newer["more"] = true.into();
        for foreign in [newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
            assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
        }
    }
}
