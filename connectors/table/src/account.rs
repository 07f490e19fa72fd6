//! Counts the rows of a pass, for the books.

use std::collections::HashSet;

use contract::{DropReason, EndedBy, PassEnd};

/// Maximum number of keys to tell apart.
const MAX_KEYS: usize = 1_000_000;

/// What a pass has read so far.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Number of keys of the table when its first pass began; `None` in any other pass.
    listed: Option<u64>,
    given: u64,
    /// Number of rows that were left out, because another one with their key was read.
    repeated: u64,
    /// The digests of the keys; `None` if the pass was not counted from its beginning, or there are too many.
    keys: Option<HashSet<u64>>,
}

impl Account {
    /// A new pass, which reads all these rows.
    pub(crate) fn begin(listed: Option<u64>) -> Self {
        Self { listed, keys: Some(HashSet::new()), ..Self::default() }
    }

    /// Counts a row, with the digest of its key.
    pub(crate) fn note(&mut self, key: Option<u64>) {
        self.given += 1;
        if let (Some(keys), Some(key)) = (&mut self.keys, key) {
            keys.insert(key);
        }
        self.keys.take_if(|keys| keys.len() > MAX_KEYS);
    }

    /// Counts a row as left out: another one has its key.
    pub(crate) fn note_repeated(&mut self) {
        self.repeated += 1;
    }

    /// Whether the number of rows at the end of the pass matters.
    pub(crate) fn is_whole(&self) -> bool {
        self.listed.is_some()
    }

    /// The account of the pass. Rows that came meanwhile do not count; if there are fewer rows now than at the
    /// beginning, their number proves nothing.
    pub(crate) fn end(&mut self, listed: Option<u64>) -> PassEnd {
        PassEnd {
            listed: self
                .listed
                .zip(listed)
                .filter(|(before, now)| now >= before)
                .map(|(before, _)| before),
            given: self.given,
            distinct: self.keys.take().map(|keys| keys.len() as u64),
            dropped: (self.repeated > 0)
                .then_some((DropReason::Repeated, self.repeated))
                .into_iter()
                .collect(),
            end: EndedBy::Short,
            ..PassEnd::default()
        }
    }
}
