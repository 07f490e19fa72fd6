//! A source of random behaviour: records appear, change, move between pages and are listed again; several states
//! have one time; pages are capped, and the total is a lie. What happens is a script, so the last states do not
//! depend on when it happens.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use contract::{
    Batch, Body, Cursor, Entry, Fault, PassEnd, Place, RawRecord, Reason, RecordKey, Revision,
    TextReport, Timestamp,
};
use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::script::{Nature, State, script};

/// How a source lists its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// By the time of their last change, from the last time that was read on, which is included.
    Changes,
    /// All of them in every pass, page by page, in an order that changes meanwhile.
    Pages,
    /// Each state once, in order, until it is acknowledged.
    Queue,
}

/// What orders the states of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Reads,
    Numbers,
    Times,
}

/// A position in the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct At {
    /// The number of batches before it.
    pub(crate) n: u64,
    time: i64,
    key: Option<String>,
    /// The next pass begins with this time: more states may have come with it, before the key.
    again: Option<i64>,
    index: usize,
    /// Whether the pass began after all changes.
    is_last: bool,
}

#[derive(Debug)]
pub(crate) struct Source {
    listing: Listing,
    order: Order,
    cap: usize,
    script: Vec<State>,
    /// How many states of the script have come.
    n_come: usize,
    /// The states that records have now, by key: indexes in the script.
    now: BTreeMap<String, usize>,
    /// The states that they had before.
    before: BTreeMap<String, usize>,
    /// Keys in the order of the pages.
    pages: Vec<String>,
    dice: ChaCha8Rng,
    /// Whether nothing changes any more.
    pub(crate) is_calm: bool,
    /// The index after the last state that was acknowledged.
    acknowledged: usize,
    /// The last position that was settled.
    pub(crate) settled: Option<Cursor>,
    /// The position at the end of a pass that began after all changes.
    pub(crate) last: Option<Cursor>,
}

impl Source {
    pub(crate) fn new(
        listing: Listing,
        order: Order,
        (n_records, n_changes): (usize, usize),
        mut dice: ChaCha8Rng,
    ) -> Self {
        let script = script(n_records, n_changes, &mut dice);
        let cap = if dice.random_bool(0.3) { dice.random_range(4..30) } else { usize::MAX };
        Self {
            listing,
            order,
            cap,
            script,
            n_come: 0,
            now: BTreeMap::new(),
            before: BTreeMap::new(),
            pages: Vec::new(),
            dice,
            is_calm: false,
            acknowledged: 0,
            settled: None,
            last: None,
        }
    }

    /// Lets the next `n` states of the script come.
    pub(crate) fn change(&mut self, n: usize) {
        for index in self.n_come..(self.n_come + n).min(self.script.len()) {
            let key = &self.script[index].key;
            let before = self.now.insert(key.clone(), index);
            self.before.extend(before.map(|before| (key.clone(), before)));
            if before.is_none() || self.dice.random_bool(0.7) {
                // It moves to another page, and those behind it move too.
                self.pages.retain(|known| known != key);
                let at = self.dice.random_range(0..=self.pages.len());
                self.pages.insert(at, key.clone());
            }
            self.n_come = index + 1;
        }
        if self.dice.random_bool(0.05) {
            self.pages.shuffle(&mut self.dice);
        }
    }

    pub(crate) fn has_all_come(&self) -> bool {
        self.n_come == self.script.len()
    }

    pub(crate) fn n_records(&self) -> usize {
        self.script.iter().map(|state| &state.key).collect::<BTreeSet<_>>().len()
    }

    /// The last state of each record.
    pub(crate) fn last_states(&self) -> impl Iterator<Item = &State> {
        self.now.values().map(|index| &self.script[*index])
    }

    /// Whether the record with this key had this text at some time.
    pub(crate) fn had(&self, key: &str, text: &str) -> bool {
        let mut good = self.script.iter().filter(|state| state.nature == Nature::Good);
        good.any(|state| state.key == key && state.text == text)
    }

    /// What it answers to the question for up to `max` entries after a position.
    pub(crate) fn answer(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch, Fault> {
        let after: At = after.map(Cursor::decode).transpose()?.unwrap_or_default();
        let size = max.min(self.cap);
        let begins = match self.listing {
            Listing::Changes => after.key.is_none(),
            Listing::Pages => after.index == 0,
            Listing::Queue => true,
        };
        let (states, mut upto, is_end) = match self.listing {
            Listing::Changes => self.changes(&after, size),
            Listing::Pages => self.page(&after, size),
            Listing::Queue => self.queue(&after, size),
        };
        upto.n = after.n + 1;
        upto.is_last = if begins { self.is_calm } else { after.is_last };
        let is_last = is_end && upto.is_last;
        let upto = Cursor::encode(&upto)?;
        if is_last {
            self.last = Some(upto.clone());
        }
        let listed = self.dice.random_bool(0.5).then(|| self.dice.random_range(0..1000));
        let end = is_end.then(|| PassEnd { listed, ..PassEnd::default() });
        let states: Vec<_> = states.into_iter().map(|index| self.lagging(index)).collect();
        let entries = states.into_iter().map(|index| self.entry(index)).collect();
        Ok(Batch { entries, upto, end, trouble: Vec::new() })
    }

    fn changes(&self, after: &At, size: usize) -> (Vec<usize>, At, bool) {
        let of = |index: &usize| (self.script[*index].time, &self.script[*index].key);
        let mut states: Vec<usize> = self.now.values().copied().collect();
        states.retain(|index| match &after.key {
            None => of(index).0 >= after.time,
            Some(key) => of(index) > (after.time, key),
        });
        states.sort_by_key(of);
        let is_end = states.len() <= size;
        states.truncate(size);
        let Some((time, key)) = states.last().map(of) else {
            let time = after.again.unwrap_or(after.time);
            return (states, At { time, ..At::default() }, true);
        };
        if is_end {
            let time = after.again.unwrap_or(time);
            return (states, At { time, ..At::default() }, true);
        }
        let is_now = self.script[self.n_come - 1].time == time;
        let again = after.again.or(is_now.then_some(time));
        (states, At { time, key: Some(key.clone()), again, ..At::default() }, false)
    }

    fn page(&self, after: &At, size: usize) -> (Vec<usize>, At, bool) {
        // One page in four repeats the end of the page before it.
        let repeated = if after.n % 4 == 3 { 2.min(size - 1) } else { 0 };
        let first = after.index.saturating_sub(repeated).min(self.pages.len());
        let next = (first + size).min(self.pages.len());
        let states = self.pages[first..next].iter().map(|key| self.now[key]).collect();
        let is_end = next == self.pages.len();
        (states, At { index: if is_end { 0 } else { next }, ..At::default() }, is_end)
    }

    fn queue(&self, after: &At, size: usize) -> (Vec<usize>, At, bool) {
        let (mut states, mut keys) = (Vec::new(), BTreeSet::new());
        let mut index = after.index;
        while index < self.n_come && states.len() < size {
            // What was acknowledged is gone.
            if index >= self.acknowledged {
                if !keys.insert(&self.script[index].key) {
                    break;
                }
                states.push(index);
            }
            index += 1;
        }
        (states, At { index, ..At::default() }, index == self.n_come)
    }

    /// A source that numbers or dates its states may show, for some time, the state before instead.
    fn lagging(&mut self, index: usize) -> usize {
        let before = self.before.get(&self.script[index].key).copied().unwrap_or(index);
        let is_ordered = self.script[before].time < self.script[index].time;
        let can_lag = self.listing == Listing::Pages && self.order != Order::Reads && is_ordered;
        let lags = can_lag && !self.is_calm && self.dice.random_bool(0.3);
        if lags { before } else { index }
    }

    pub(crate) fn settle(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let At { index, .. } = upto.decode()?;
        if self.listing == Listing::Queue {
            self.acknowledged = self.acknowledged.max(index);
        }
        self.settled = Some(upto.clone());
        Ok(())
    }

    fn entry(&self, index: usize) -> Entry {
        let State { key, text, nature, time } = &self.script[index];
        let (key, bytes) = (RecordKey::new(key.as_str()), Bytes::from(text.clone()));
        let revision = match self.order {
            Order::Reads => Revision::NONE,
            Order::Numbers => Revision::number(*time),
            Order::Times => Revision::time(began() + chrono::TimeDelta::milliseconds(*time)),
        };
        if *nature == Nature::Unreadable {
            let place = Place { key: Some(key), revision, at: format!("state {index}") };
            return Entry::Unreadable { place, bytes, reason: Reason::new("malformed_bytes", "") };
        }
        let tree = json!({ "text": text, "nature": format!("{nature:?}") });
        Entry::Record(RawRecord {
            key,
            revision,
            body: Body::new(tree),
            text: TextReport::default(),
        })
    }
}

/// When the clocks of the source and of the process begin.
pub(crate) fn began() -> Timestamp {
    "2026-10-09T02:30:00Z".parse().unwrap()
}
