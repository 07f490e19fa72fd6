//! What JSON and XML share: the format of a document, the limits of trees, the setting for malformed bytes,
//! and lines and columns of a text.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{csv::Layout, findings::Findings, scan::elements};

/// The maximum depth of a document. Real documents have about ten levels. Code that walks or drops
/// a tree recurses, and would overflow the stack in a much deeper one.
pub(crate) const MAX_DEPTH: usize = 128;

/// The maximum number of nodes in a document. A node takes far more memory than its text, which can
/// be as short as two bytes.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentFormat {
    /// JSON (RFC 8259).
    Json,
    /// A JSON value on each line (NDJSON). The document is the list of them.
    JsonLines,
    /// Lines of cells; one of the first ten names the columns. The document is the list of the other rows, whose
    /// cells are texts.
    Csv,
    /// XML 1.0: children are always arrays, text is named `$text`, and attributes `@name`.
    Xml,
}

impl DocumentFormat {
    /// Parses a text. Damage within a record is marked in the tree.
    ///
    /// # Errors
    /// The text is not a document of this format: its brackets or elements do not match.
    pub fn parse(self, text: &str, findings: &mut Findings) -> Result<Value, String> {
        self.parse_with(text, &Layout::default(), findings)
    }

    /// Parses a text; if it is CSV, `layout` says how that is written. Damage within a record is marked in the tree.
    ///
    /// # Errors
    /// The text is not a document of this format: its brackets or elements do not match, or it has no header.
    pub fn parse_with(
        self,
        text: &str,
        layout: &Layout,
        findings: &mut Findings,
    ) -> Result<Value, String> {
        match self {
            Self::Json => crate::json::parse(text, findings),
            Self::JsonLines => crate::json::parse_lines(text, findings),
            Self::Csv => crate::csv::parse(text, layout, findings),
            Self::Xml => crate::xml::parse(text, findings),
        }
    }

    /// Recognises the format of a text by its first characters. It is lines of JSON if its first line begins
    /// with the record separator U+001E (RFC 7464), or is a whole object and the next line that is not blank
    /// begins another one.
    pub fn of(text: &str) -> Self {
        let text = text.trim_start();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let begins_object = |line: &str| line.trim_start_matches('\u{1e}').starts_with('{');
        if text.starts_with('<') {
            Self::Xml
        } else if first.starts_with('\u{1e}')
            || (begins_object(first) && begins_object(second) && elements(first).is_ok())
        {
            Self::JsonLines
        } else {
            Self::Json
        }
    }
}

/// What happens to a record with bytes that are not valid in the charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// It goes to quarantine with its bytes.
    #[default]
    Reject,
    /// It is accepted with a quality flag; U+FFFD replaces the malformed bytes.
    Accept,
}

/// Appends the line and column of the offset `at` to a message.
pub(crate) fn at_line(detail: &str, text: &str, at: usize) -> String {
    format!("{detail} at {}", Lines::default().line_column(text, at))
}

/// A line and column in a text, both counted from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineColumn {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Finds the line and column of an offset. Offsets usually ascend, so counting continues at the
/// last offset: the lines of a text with much damage are counted only once.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The offset up to which line breaks were counted.
    counted_to: usize,
    /// The number of line breaks before that offset.
    n_breaks: usize,
}

impl Lines {
    pub(crate) fn line_column(&mut self, text: &str, at: usize) -> LineColumn {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let from = if at >= self.counted_to { self.counted_to } else { 0 };
        let before = if from == 0 { 0 } else { self.n_breaks };
        self.n_breaks = before + memchr::memchr_iter(b'\n', &text.as_bytes()[from..at]).count();
        self.counted_to = at;
        let line_start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |at| at + 1);
        // Of a very long line only the last 100,000 bytes are counted: the column is then not exact.
        let line = &text.as_bytes()[line_start.max(at.saturating_sub(100_000))..at];
        let column = line.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        LineColumn { line: self.n_breaks + 1, column: column + 1 }
    }
}
