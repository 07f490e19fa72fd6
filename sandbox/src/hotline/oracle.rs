//! The truth about the hotline: everything the database ever held, recorded by the writer.
//!
//! A test that only counted rows would pass a gateway that delivers the right number of wrong
//! payloads, or skips the middle one of three states. So the oracle keeps every state of every case
//! in the order it became visible.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::Retention;
use crate::hotline::{Gbk, Quirk, Row};
use crate::truth::{History, Thing};

/// Every case with its states, and every row of `XF_PRESSING`. Cloning is cheap: states are shared.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub(super) history: History<State>,
    pressings: BTreeMap<String, Vec<Pressing>>,
    retention: Retention,
}

/// One `ROWGUID` with its states. A row deleted by [`Quirk::Deleted`] is gone since the time of the
/// newest row.
pub type Case = Thing<State>;

/// One state of a row.
#[derive(Clone, Debug)]
pub struct State {
    /// When it became visible, in Beijing.
    pub at: NaiveDateTime,
    /// Whether every text column can be decoded (its last character may be cut in half).
    pub is_readable: bool,
    /// All quirks that the case had up to this state.
    pub faults: Vec<Quirk>,
    /// The columns.
    pub row: Row,
}

/// A row of `XF_PRESSING`: an addition to a case that does not change the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Pressing {
    /// Primary key.
    pub id: i64,
    /// `SERIALNUM` of the case at that time.
    pub businumber: String,
    /// `yyyy-MM-dd HH:mm:ss`.
    pub addtime: String,
    /// What the citizen adds.
    pub addcontent: Gbk,
    /// 1 补充 supplement, 2 催办 reminder.
    pub flag: i64,
}

impl Oracle {
    pub(super) fn new(retention: Retention) -> Self {
        Self { history: History::new(), pressings: BTreeMap::new(), retention }
    }

    /// All cases, in the order they were filed.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.history.things
    }

    /// The case with this `ROWGUID`.
    #[must_use]
    pub fn case(&self, rowguid: &str) -> Option<&Case> {
        self.history.thing(rowguid)
    }

    /// What was added to cases with this `SERIALNUM`, oldest first.
    #[must_use]
    pub fn pressings(&self, serialnum: &str) -> &[Pressing] {
        self.pressings.get(serialnum).map_or(&[], Vec::as_slice)
    }

    /// Records a state.
    pub(super) fn add_state(&mut self, at: NaiveDateTime, row: Row, faults: Vec<Quirk>) {
        let is_readable = row.texts().iter().all(|text| text.read().is_some());
        let key = row.rowguid.clone();
        self.history.add(&key, State { at, is_readable, faults, row }, self.retention);
    }

    /// Records an addition.
    pub(super) fn add_pressing(&mut self, pressing: Pressing) {
        self.pressings.entry(pressing.businumber.clone()).or_default().push(pressing);
    }
}
