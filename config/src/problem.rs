//! The problems of a configuration, for people and programs.
//!
//! All kinds of problem share one type, because no code tells them apart: every user wants the place, the
//! line and what to write instead. An editor can apply a replacement; advice needs a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use contract::ChannelId;
use serde::Serialize;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, or folder, relative to the configuration folder, with `/` between its parts.
    pub file: String,
    /// The place in the file; `None` for the whole file or folder.
    #[serde(flatten)]
    pub place: Option<TextPlace>,
    /// What is wrong. Never contains a secret.
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
    /// The line, with secrets replaced by `…`.
    pub snippet: String,
    /// The byte range of the snippet that is underlined.
    #[serde(skip)]
    pub(crate) marked: ByteRange,
}

/// Start and end of a range. A `Range` has no order, but problems must be sorted.
pub(crate) type ByteRange = (usize, usize);

/// How to fix a problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Suggestion {
    /// Replace these bytes of the file with `text`.
    Replace {
        /// First byte.
        start: usize,
        /// The byte after the last.
        end: usize,
        /// The replacement, as TOML.
        text: String,
    },
    /// A person has to decide.
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
    /// A problem with a whole file or folder; `file` is its path relative to the configuration folder.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, message: message.into(), suggestion: None }
    }

    /// The channel whose files it is in; `None` if it concerns all channels.
    fn channel(&self) -> Option<ChannelId> {
        self.file.strip_prefix("channels/")?.split_once('/')?.0.parse().ok()
    }

    /// Sets advice on what to do.
    #[must_use]
    pub fn advise(self, text: impl Into<String>) -> Self {
        Self { suggestion: Some(Suggestion::advice(text)), ..self }
    }
}

/// All problems: at least one, sorted by file and line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// Sorts the problems and removes duplicates; `None` if there are none.
    pub fn from_found(found: impl IntoIterator<Item = Problem>) -> Option<Self> {
        let sorted: BTreeSet<Problem> = found.into_iter().collect();
        let problems: Vec<_> = sorted.into_iter().collect();
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// Groups problems by the channels whose files they are in.
    ///
    /// # Errors
    /// All problems, if one of them concerns all channels.
    pub fn by_channel(found: Vec<Problem>) -> Result<BTreeMap<ChannelId, Self>, Self> {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for problem in &found {
            let Some(channel) = problem.channel() else {
                return Self::from_found(found).map_or(Ok(BTreeMap::new()), Err);
            };
            groups.entry(channel).or_default().push(problem.clone());
        }
        Ok(groups
            .into_iter()
            .filter_map(|(id, found)| Some((id, Self::from_found(found)?)))
            .collect())
    }

    /// The problems, in order.
    pub fn as_slice(&self) -> &[Problem] {
        &self.problems
    }

    /// Number of files that have problems.
    pub(crate) fn n_files(&self) -> usize {
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
