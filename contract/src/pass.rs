//! The account of a pass: what the source says it has, what came, and how the end was recognised.
//!
//! The books of the bus begin with the entries that a connector returned. This account begins at the source,
//! so that a pass that ended without an error but lost records on the way is noticed.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The account of a pass over a source, from its first read to the read that found nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PassEnd {
    /// Number of records that the source says there are (a total, a count of rows, a manifest); `None` if it
    /// says nothing, or if what it says is known to be wrong.
    pub listed: Option<u64>,
    /// Number of records that came, before any was left out.
    pub given: u64,
    /// Number of different keys among them; `None` if they were not counted, for example because the process
    /// started in the middle of the pass.
    pub distinct: Option<u64>,
    /// Number of records that were left out, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<DropReason, u64>,
    /// How the end was recognised.
    pub end: EndedBy,
    /// What was noticed that makes the pass incomplete, in words for the admin; `None` if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// Why something may be missing without a sign that it is, in words for the admin; `None` if nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// Why a connector left a record out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The same key came before in the same pass.
    Repeated,
    /// The settings of the channel exclude it.
    Filtered,
    /// It is a title above the header of a table, and no record: it is not among those that came.
    Title,
}

/// How the end of a source was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The source does not say; there was just nothing more.
    #[default]
    Unstated,
    /// An empty page.
    Empty,
    /// A page with fewer records than it could have.
    Short,
    /// As many records came as the source lists.
    Total,
    /// The last page named no next one.
    LastToken,
    /// The answer says that it is the last one.
    NoMore,
    /// A page, token or link came for the second time.
    Repeated,
    /// A record came that was read before, in a list that begins with the newest one.
    Watermark,
    /// The period that was asked for is over.
    PeriodOver,
}

/// Whether everything came that the source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complete {
    /// As many different records came as the source lists.
    Yes,
    /// Fewer came, or something is known to be missing.
    No,
    /// The source does not say how many there are, or they were not counted.
    Unknown,
}

impl PassEnd {
    /// An account that says how the end was recognised, and nothing else.
    pub fn ended_by(end: EndedBy) -> Self {
        Self { end, ..Self::default() }
    }

    /// Whether everything came. Records that the channel excludes count as having come.
    pub fn complete(&self) -> Complete {
        let filtered = self.dropped.get(&DropReason::Filtered).copied().unwrap_or(0);
        match (self.listed, self.distinct) {
            _ if self.gap.is_some() => Complete::No,
            (Some(listed), Some(distinct)) if distinct.saturating_add(filtered) < listed => {
                Complete::No
            }
            // Even if all were different, they are too few.
            (Some(listed), None) if self.given < listed => Complete::No,
            (Some(_), Some(_)) => Complete::Yes,
            (None, _) | (_, None) => Complete::Unknown,
        }
    }

    /// What is missing, in words for the admin; `None` unless the pass is known to be incomplete.
    pub fn missing(&self) -> Option<String> {
        if self.complete() != Complete::No {
            return None;
        }
        let count = self.listed.map(|listed| match self.distinct {
            Some(distinct) => format!("the source lists {listed}, {distinct} different keys came"),
            None => format!("the source lists {listed}, {} records came", self.given),
        });
        match (&self.gap, count) {
            (Some(gap), _) => Some(gap.clone()),
            (None, count) => count,
        }
    }

    /// Adds the account of another part of the source, which was read in the same pass. Counts that one part
    /// does not know are not known of both.
    pub fn add(&mut self, other: Self) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        // What one part lacks must not be hidden by what another one has too many of.
        self.gap = self.missing().or_else(|| other.missing());
        self.listed = sum(self.listed, other.listed);
        self.given = self.given.saturating_add(other.given);
        self.distinct = sum(self.distinct, other.distinct);
        for (reason, n) in other.dropped {
            *self.dropped.entry(reason).or_default() += n;
        }
        self.end = other.end;
        self.doubt = self.doubt.take().or(other.doubt);
    }
}

impl Complete {
    /// The word that commands print: `yes`, `no` or `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for PassEnd {
    /// `yes, 20 of 20`, `no, the source lists 20, 15 different keys came`, or `unknown` and
    /// the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.complete().name())?;
        match (self.missing(), self.complete(), self.distinct, self.listed) {
            (Some(missing), ..) => write!(f, ", {missing}"),
            (None, Complete::Yes, Some(distinct), Some(listed)) => {
                write!(f, ", {distinct} of {listed}")
            }
            (None, Complete::Unknown, ..) if self.doubt.is_some() => {
                write!(f, ", {}", self.doubt.as_deref().unwrap_or_default())
            }
            (None, Complete::Unknown, _, None) => {
                f.write_str(", the source does not say how many there are")
            }
            (None, Complete::Unknown, ..) => {
                f.write_str(", not all that came was counted, as after a restart within a pass")
            }
            _ => Ok(()),
        }
    }
}
