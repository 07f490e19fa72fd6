//! What JSON and XML have in common: the formats, the limits of trees, and positions in a text.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::findings::Findings;

/// The largest depth of a document. Real ones have about ten levels; later code cannot walk or drop
/// a much deeper tree safely.
pub(crate) const MAX_DEPTH: usize = 128;

/// The largest number of nodes in a document: a node takes far more memory than its text, which may
/// have two bytes.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// RFC 8259.
    Json,
    /// XML 1.0: children are always arrays, text is `$text`, attributes are `@name`.
    Xml,
}

impl Shape {
    /// Parses a text; damage within a record is marked in the tree.
    ///
    /// # Errors
    /// It is not a document of this format: its brackets or elements do not match.
    pub fn parse(self, text: &str, findings: &mut Findings) -> Result<Value, String> {
        match self {
            Self::Json => crate::json::parse(text, findings),
            Self::Xml => crate::xml::parse(text, findings),
        }
    }

    /// The format of a text, by its first character.
    pub fn of(text: &str) -> Self {
        if text.trim_start().starts_with('<') { Self::Xml } else { Self::Json }
    }
}

/// What happens to a record whose bytes are not in the charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// It goes to quarantine with its bytes.
    #[default]
    Reject,
    /// It is accepted, with U+FFFD in place of malformed bytes and a mark.
    Accept,
}

/// A message about a document that cannot be parsed, with the line and column.
pub(crate) fn located(detail: &str, text: &str, at: usize) -> String {
    format!("{detail} at {}", Lines::default().spot(text, at))
}

/// A place in a text, as editors count it: line and column begin with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    line: usize,
    column: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Finds the line and column of an offset. Offsets usually come in ascending order, so the lines of a
/// text with many damaged places are counted only once.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Offset up to which the line breaks were counted.
    counted_to: usize,
    n_breaks: usize,
}

impl Lines {
    pub(crate) fn spot(&mut self, text: &str, at: usize) -> Spot {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let from = if at >= self.counted_to { self.counted_to } else { 0 };
        let before = if from == 0 { 0 } else { self.n_breaks };
        self.n_breaks = before + memchr::memchr_iter(b'\n', &text.as_bytes()[from..at]).count();
        self.counted_to = at;
        let line_start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |at| at + 1);
        // Only the end of a very long line is searched: its columns are not exact.
        let line = &text.as_bytes()[line_start.max(at.saturating_sub(100_000))..at];
        let column = line.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        Spot { line: self.n_breaks + 1, column: column + 1 }
    }
}
