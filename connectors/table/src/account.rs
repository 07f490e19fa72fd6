//! Counts the rows of a pass, for the books.

use std::collections::HashSet;

use contract::{EndedBy, PassEnd, RecordKey};

/// Maximum number of keys to tell apart.
const MAX_KEYS: usize = 1_000_000;

/// What a pass has read so far.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Number of rows of the table when its first pass began; `None` in any other pass.
    listed: Option<u64>,
    given: u64,
    /// `None` if the pass was not counted from its beginning, or there are too many.
    keys: Option<HashSet<RecordKey>>,
}

impl Account {
    /// A new pass, which reads all these rows.
    pub(crate) fn begin(listed: Option<u64>) -> Self {
        Self { listed, given: 0, keys: Some(HashSet::new()) }
    }

    /// Counts a row.
    pub(crate) fn note(&mut self, key: Option<RecordKey>) {
        self.given += 1;
        if let (Some(keys), Some(key)) = (&mut self.keys, key) {
            keys.insert(key);
        }
        self.keys.take_if(|keys| keys.len() > MAX_KEYS);
    }

    /// Whether the number of rows at the end of the pass matters.
    pub(crate) fn is_whole(&self) -> bool {
        self.listed.is_some()
    }

    /// The account of the pass. Rows that came meanwhile do not count; if there are fewer rows now than at the
    /// beginning, their number proves nothing.
    pub(crate) fn end(&self, listed: Option<u64>) -> PassEnd {
        PassEnd {
            listed: self
                .listed
                .zip(listed)
                .filter(|(before, now)| now >= before)
                .map(|(before, _)| before),
            given: self.given,
            distinct: self.keys.as_ref().map(|keys| keys.len() as u64),
            end: EndedBy::Short,
            ..PassEnd::default()
        }
    }
}
