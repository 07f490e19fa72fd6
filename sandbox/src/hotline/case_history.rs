//! The simulator's own account of everything that was ever in the hotline's database, with which tests compare
//! what a reader has. It has all states of every case, in the order in which they became visible.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::Retention;
use crate::hotline::{Gbk, Quirk, Row};
use crate::truth::{History, Record};

/// Every case with its states, and every row of `XF_PRESSING`. Clones share the states.
#[derive(Clone, Debug)]
pub struct CaseHistory {
    pub(super) cases: History<State>,
    /// The rows of `XF_PRESSING` by the serial number of the case.
    pressings: BTreeMap<String, Vec<Pressing>>,
    retention: Retention,
}

/// One `ROWGUID` with its states. For a row that [`Quirk::Deleted`] deletes, `deleted_at` is the newest
/// `LASTMODIFYTIME` at that moment.
pub type Case = Record<State>;

/// One state of a row.
#[derive(Clone, Debug)]
pub struct State {
    /// When it became visible, in Beijing time.
    pub at: NaiveDateTime,
    /// Whether every text column can be decoded; half a character at the end of a column is allowed.
    pub is_readable: bool,
    /// All quirks of the case up to this state.
    pub quirks: Vec<Quirk>,
    /// The columns.
    pub row: Row,
}

/// A row of `XF_PRESSING` (催办): a reminder or a supplement to a case. It does not change the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Pressing {
    /// Primary key.
    pub id: i64,
    /// `SERIALNUM` of the case when the row was added.
    pub businumber: String,
    /// When it was added, `yyyy-MM-dd HH:mm:ss`.
    pub addtime: String,
    /// The words of the citizen.
    pub addcontent: Gbk,
    /// 1 for a supplement (补充), 2 for a reminder (催办).
    pub flag: i64,
}

impl CaseHistory {
    pub(super) fn new(retention: Retention) -> Self {
        Self { cases: History::new(), pressings: BTreeMap::new(), retention }
    }

    /// All cases, in the order in which they were filed.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases.records
    }

    /// The case with this `ROWGUID`.
    #[must_use]
    pub fn case(&self, rowguid: &str) -> Option<&Case> {
        self.cases.record(rowguid)
    }

    /// The reminders and supplements to cases with this `SERIALNUM`, oldest first.
    #[must_use]
    pub fn pressings(&self, serialnum: &str) -> &[Pressing] {
        self.pressings.get(serialnum).map_or(&[], Vec::as_slice)
    }

    /// Adds a state of a case.
    pub(super) fn add_state(&mut self, at: NaiveDateTime, row: Row, quirks: Vec<Quirk>) {
        let is_readable = row.texts().iter().all(|text| text.read().is_some());
        let key = row.rowguid.clone();
        self.cases.add(&key, State { at, is_readable, quirks, row }, self.retention);
    }

    /// Adds a row of `XF_PRESSING`.
    pub(super) fn add_pressing(&mut self, pressing: Pressing) {
        self.pressings.entry(pressing.businumber.clone()).or_default().push(pressing);
    }
}
