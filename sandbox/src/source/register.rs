//! The items of a source. The register stores only the number, the time of receipt and the times of the
//! states of each item; a source generates the texts again from the seed and the number whenever it needs
//! them. So a hundred thousand items take a few megabytes.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;

use crate::Retention;

/// The items of a source.
#[derive(Debug, Default)]
pub(crate) struct Register {
    /// All items in the order in which they were filed, including deleted ones.
    pub(crate) entries: Vec<Entry>,
    /// The time of the last change and the number of each item that is not deleted.
    by_change: BTreeSet<(NaiveDateTime, u64)>,
    retention: Retention,
}

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The number of the item, counted from 1.
    pub(crate) number: u64,
    /// The time of receipt that the source shows.
    pub(crate) received: NaiveDateTime,
    /// Its states, oldest first; never empty.
    pub(crate) changes: Vec<Change>,
    /// When it reached each of its states so far, also of those that are no longer in `changes`.
    pub(crate) reached: Vec<NaiveDateTime>,
    /// When the item was deleted; `None` if it still exists.
    pub(crate) deleted_at: Option<NaiveDateTime>,
}

/// A change of an item to a new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: NaiveDateTime,
    /// The index of the new state: 0 for the state in which the item was filed.
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

    /// Adds an item that reached its states so far at these times, of which there is at least one. Only the
    /// last state was ever visible.
    pub(crate) fn add(&mut self, number: u64, reached: Vec<NaiveDateTime>) {
        let (Some(received), Some(at)) = (reached.first().copied(), reached.last().copied()) else {
            return;
        };
        self.by_change.insert((at, number));
        let changes = vec![Change { at, step: reached.len() - 1 }];
        self.entries.push(Entry { number, received, changes, reached, deleted_at: None });
    }

    /// The item with this number, for changes of its time of receipt. The caller must not change its states.
    pub(crate) fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.index(number).map(|index| &mut self.entries[index])
    }

    /// Records that an item changed to the state with the index `step`.
    pub(crate) fn add_change(&mut self, number: u64, at: NaiveDateTime, step: usize) {
        let Some(index) = self.index(number) else { return };
        let entry = &mut self.entries[index];
        self.by_change.remove(&(entry.last().at, number));
        self.by_change.insert((at, number));
        if self.retention == Retention::Newest {
            entry.changes.clear();
        }
        entry.changes.push(Change { at, step });
        entry.reached.push(at);
    }

    /// Marks an item as deleted at the time `at`.
    pub(crate) fn delete(&mut self, number: u64, at: NaiveDateTime) {
        if let Some(index) = self.index(number) {
            let entry = &mut self.entries[index];
            self.by_change.remove(&(entry.last().at, number));
            entry.deleted_at = Some(at);
        }
    }

    /// The existing items whose last change was from `from` to `to` (both included), oldest change first.
    pub(crate) fn changed_between(
        &self,
        from: NaiveDateTime,
        to: NaiveDateTime,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        // `range` panics if its start is after its end. So if `from` is after `to`, this range is empty.
        let range = (from.min(to), if from <= to { 0 } else { u64::MAX })..=(to, u64::MAX);
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
