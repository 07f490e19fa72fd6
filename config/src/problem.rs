//! What is wrong with a configuration, in a form both people and programs can use.
//!
//! A problem is data, not an error type per cause: nobody branches on the cause, everybody wants
//! the place, the line and what to write instead. A replacement is exact enough to be applied by an
//! editor; where only a person can decide, it is advice.

use std::{collections::BTreeSet, ops::Range};

use serde::Serialize;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, or folder, relative to the configuration folder, with `/` between its parts.
    pub file: String,
    /// Where in the file; `None` where the file or folder as a whole is meant.
    #[serde(flatten)]
    pub place: Option<TextPlace>,
    /// What is wrong. Never quotes a secret.
    pub message: String,
    /// What to write instead, or what to do.
    pub suggestion: Option<Suggestion>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TextPlace {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The line, secrets replaced by `…`.
    pub snippet: String,
    /// The part of the snippet that is meant, in bytes.
    #[serde(skip)]
    pub(crate) marked: Range2,
}

/// Start and end; `Range` itself has no order.
pub(crate) type Range2 = (usize, usize);

/// How to put a problem right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Suggestion {
    /// Write `text` in place of these bytes of the file.
    Replace {
        /// First byte.
        start: usize,
        /// The byte after the last.
        end: usize,
        /// TOML, as it is to stand in the file.
        text: String,
    },
    /// For a person to decide.
    Advice {
        /// What to do.
        text: String,
    },
}

impl Suggestion {
    pub(crate) fn replace(span: Range<usize>, text: impl Into<String>) -> Self {
        Self::Replace { start: span.start, end: span.end, text: text.into() }
    }

    pub(crate) fn advice(text: impl Into<String>) -> Self {
        Self::Advice { text: text.into() }
    }
}

impl Problem {
    /// A problem of a whole file or folder, named relative to the configuration folder.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, message: message.into(), suggestion: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advise(self, text: impl Into<String>) -> Self {
        Self { suggestion: Some(Suggestion::advice(text)), ..self }
    }
}

/// All that is wrong: at least one problem, sorted by file and line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// Sorts what was found; `None` where nothing was.
    pub fn new(found: impl IntoIterator<Item = Problem>) -> Option<Self> {
        let sorted: BTreeSet<Problem> = found.into_iter().collect();
        let problems: Vec<_> = sorted.into_iter().collect();
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// The problems, in order.
    pub fn as_slice(&self) -> &[Problem] {
        &self.problems
    }

    /// How many files they are in.
    pub(crate) fn files(&self) -> usize {
        self.problems.iter().map(|problem| &problem.file).collect::<BTreeSet<_>>().len()
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}
