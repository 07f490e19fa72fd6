//! What a source holds, in a small form: of each item its number, when it was received and its
//! states. Its texts are made again from the seed and the number whenever they are needed. So a
//! hundred thousand items take a few megabytes, with every state of each.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;

use crate::Memory;

/// The items of a source in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Register {
    /// In the order they came, including deleted ones.
    pub(crate) entries: Vec<Entry>,
    by_change: BTreeSet<(NaiveDateTime, u64)>,
    memory: Memory,
}

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Counted from 1, never used twice.
    pub(crate) number: u64,
    /// The time of receipt that it shows.
    pub(crate) received: NaiveDateTime,
    /// Its states, oldest first; never empty.
    pub(crate) marks: Vec<Mark>,
    /// When it was deleted.
    pub(crate) gone: Option<NaiveDateTime>,
}

/// One state: since when, and how many states came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: NaiveDateTime,
    pub(crate) step: usize,
}

impl Register {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// The item with this number.
    pub(crate) fn entry(&self, number: u64) -> Option<&Entry> {
        self.place(number).map(|place| &self.entries[place])
    }

    /// Adds an item that is received, and visible, `at`.
    pub(crate) fn add(&mut self, number: u64, at: NaiveDateTime) {
        self.by_change.insert((at, number));
        let marks = vec![Mark { at, step: 0 }];
        self.entries.push(Entry { number, received: at, marks, gone: None });
    }

    /// The same, to be changed in what its last change does not depend on.
    pub(crate) fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.place(number).map(|place| &mut self.entries[place])
    }

    /// Moves an item to a state.
    pub(crate) fn moved(&mut self, number: u64, at: NaiveDateTime, step: usize) {
        let Some(place) = self.place(number) else { return };
        let entry = &mut self.entries[place];
        self.by_change.remove(&(entry.last().at, number));
        self.by_change.insert((at, number));
        if self.memory == Memory::Newest {
            entry.marks.clear();
        }
        entry.marks.push(Mark { at, step });
    }

    /// Deletes an item.
    pub(crate) fn take_away(&mut self, number: u64, at: NaiveDateTime) {
        if let Some(place) = self.place(number) {
            let entry = &mut self.entries[place];
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
        // A clock set back must not make a range that ends before it begins.
        let range = (from.min(upto), if from <= upto { 0 } else { u64::MAX })..=(upto, u64::MAX);
        self.by_change.range(range).filter_map(|(_, number)| self.entry(*number))
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&number, |entry| entry.number).ok()
    }
}

impl Entry {
    /// The newest state.
    pub(crate) fn last(&self) -> Mark {
        self.marks[self.marks.len() - 1]
    }
}

#[cfg(test)]
mod tests;
