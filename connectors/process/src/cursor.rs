//! A position in the source of a program.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a plugin calls `upto` may have so many bytes, and so may a tap's state.
pub(crate) const LARGEST_CURSOR: usize = 64 * 1024;

/// A position. Which program it belongs to stands in it: another one must not read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// What a plugin called `upto`.
    Plugin(Value),
    /// Where a tap stood.
    Singer(Reached),
}

/// Where a tap stood: a state it has given, and how many records came after it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reached {
    /// The tap's last state; `None` before the first.
    pub(crate) state: Option<Value>,
    /// Records that were read since.
    pub(crate) passed: u64,
    /// A hash over them: tells whether a tap that is started again gives the same.
    pub(crate) digest: String,
}
