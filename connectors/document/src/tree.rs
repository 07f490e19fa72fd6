//! What every document becomes, and how large it may be.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::findings::Findings;

/// Levels of a document. Real ones have ten; a tree that is deeper cannot be walked or dropped
/// safely by anybody further on.
pub(crate) const MAX_DEPTH: usize = 128;

/// Nodes of a document: a node takes far more memory than the two bytes it may have in the text.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// RFC 8259.
    Json,
    /// XML 1.0: children are always arrays, text is `$text`, attributes are `@name`.
    Xml,
}

impl Shape {
    /// Makes a tree of a text; what is wrong with single records of it is marked in the tree.
    ///
    /// # Errors
    /// It is no such document: its brackets or elements do not hold together.
    pub fn parse(self, text: &str, findings: &mut Findings) -> Result<Value, Broken> {
        match self {
            Self::Json => crate::json::parse(text, findings),
            Self::Xml => crate::xml::parse(text, findings),
        }
    }

    /// What a text looks like.
    pub fn of(text: &str) -> Self {
        if text.trim_start().starts_with('<') { Self::Xml } else { Self::Json }
    }
}

/// What becomes of a record whose bytes are not in the charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// It goes to quarantine with its bytes.
    #[default]
    Reject,
    /// It is taken, with U+FFFD in place of what is malformed and a mark.
    Accept,
}

/// A document that cannot be read as a whole. Says why and where, and quotes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    what: String,
    at: Option<Spot>,
}

impl Broken {
    /// One without a place.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: None }
    }

    pub(crate) fn at(what: impl Into<String>, text: &str, at: usize) -> Self {
        Self { what: what.into(), at: Some(Lines::default().spot(text, at)) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.at.map_or(Ok(()), |at| write!(f, " at {at}"))
    }
}

impl std::error::Error for Broken {}

/// A place in a text, as an editor counts: both from 1.
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

/// Counts lines as places are asked for, which come in their order: a text of many damaged places
/// is counted once.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    counted: usize,
    n_breaks: usize,
}

impl Lines {
    pub(crate) fn spot(&mut self, text: &str, at: usize) -> Spot {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let from = if at >= self.counted { self.counted } else { 0 };
        let before = if from == 0 { 0 } else { self.n_breaks };
        self.n_breaks = before + memchr::memchr_iter(b'\n', &text.as_bytes()[from..at]).count();
        self.counted = at;
        let line_start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |at| at + 1);
        // A line of megabytes has a column nobody counts.
        let line = &text.as_bytes()[line_start.max(at.saturating_sub(100_000))..at];
        let column = line.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        Spot { line: self.n_breaks + 1, column: column + 1 }
    }
}
