//! The items of a source: for each only its number, its time of receipt and the times of its states.
//! Its texts are generated again from the seed and the number whenever they are needed. So a hundred
//! thousand items take a few megabytes, with every state of each.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;

use crate::Retention;

/// The items of a source in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Register {
    /// In the order they came, including deleted ones.
    pub(crate) entries: Vec<Entry>,
    by_change: BTreeSet<(NaiveDateTime, u64)>,
    retention: Retention,
}

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Counted from 1, never used twice.
    pub(crate) number: u64,
    /// The time of receipt that it shows.
    pub(crate) received: NaiveDateTime,
    /// Its states, oldest first; never empty.
    pub(crate) changes: Vec<Change>,
    /// When it was deleted.
    pub(crate) gone: Option<NaiveDateTime>,
}

/// One state: since when, and how many states came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: NaiveDateTime,
    pub(crate) step: usize,
}

impl Register {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// The item with this number.
    pub(crate) fn entry(&self, number: u64) -> Option<&Entry> {
        self.index(number).map(|index| &self.entries[index])
    }

    /// Adds an item that is received, and visible, `at`.
    pub(crate) fn add(&mut self, number: u64, at: NaiveDateTime) {
        self.by_change.insert((at, number));
        let changes = vec![Change { at, step: 0 }];
        self.entries.push(Entry { number, received: at, changes, gone: None });
    }

    /// The item with this number, to change anything but its states.
    pub(crate) fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.index(number).map(|index| &mut self.entries[index])
    }

    /// Records that an item moved to a state.
    pub(crate) fn record_move(&mut self, number: u64, at: NaiveDateTime, step: usize) {
        let Some(index) = self.index(number) else { return };
        let entry = &mut self.entries[index];
        self.by_change.remove(&(entry.last().at, number));
        self.by_change.insert((at, number));
        if self.retention == Retention::Newest {
            entry.changes.clear();
        }
        entry.changes.push(Change { at, step });
    }

    /// Deletes an item.
    pub(crate) fn delete(&mut self, number: u64, at: NaiveDateTime) {
        if let Some(index) = self.index(number) {
            let entry = &mut self.entries[index];
            self.by_change.remove(&(entry.last().at, number));
            entry.gone = Some(at);
        }
    }

    /// The items that last changed within the time, both ends included, oldest change first.
    pub(crate) fn changed(
        &self,
        from: NaiveDateTime,
        upto: NaiveDateTime,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        // `range` panics if it begins after its end, as it does when the clock goes backwards.
        let range = (from.min(upto), if from <= upto { 0 } else { u64::MAX })..=(upto, u64::MAX);
        self.by_change.range(range).filter_map(|(_, number)| self.entry(*number))
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&number, |entry| entry.number).ok()
    }
}

impl Entry {
    /// The newest state.
    pub(crate) fn last(&self) -> Change {
        self.changes[self.changes.len() - 1]
    }
}

#[cfg(test)]
mod tests;
