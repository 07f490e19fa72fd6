//! The truth: everything the database ever held, written down by the one who wrote it.
//!
//! A test that only counted rows would pass a gateway that delivers the right number of wrong
//! payloads, or skips the middle one of three states. So the oracle keeps every state of every case
//! in the order it became visible.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::Memory;
use crate::hotline::{Fault, Gbk, Row};

/// Every case with its states, and every row of `XF_PRESSING`. Cloning is cheap: states are shared.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    cases: Vec<Case>,
    places: HashMap<String, usize>,
    pressings: BTreeMap<String, Vec<Pressing>>,
    memory: Memory,
}

/// One `ROWGUID` and what became of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// All states in the order they became visible (the newest alone with [`Memory::Newest`]);
    /// never empty.
    pub states: Vec<Arc<State>>,
    /// When the row was deleted, if it was. A row deleted by [`Fault::Deleted`] bears the time of
    /// the newest row then.
    pub deleted: Option<NaiveDateTime>,
}

/// One state of a row.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// When it became visible, in Beijing.
    pub at: NaiveDateTime,
    /// What a correct reader makes of it.
    pub expected: Expected,
    /// All faults the case has met up to here.
    pub faults: Vec<Fault>,
    /// The columns.
    pub row: Row,
}

/// What a correct reader makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Every text column is text (its last character perhaps cut in half).
    Readable,
    /// At least one column holds bytes that are no text.
    Poison,
}

/// A row of `XF_PRESSING`: something added to a case without touching the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Pressing {
    /// Primary key.
    pub id: i64,
    /// `SERIALNUM` of the case when it was urged.
    pub businumber: String,
    /// `yyyy-MM-dd HH:mm:ss`.
    pub addtime: String,
    /// What the citizen adds.
    pub addcontent: Gbk,
    /// 1 补充 supplement, 2 催办 reminder.
    pub flag: i64,
}

impl Oracle {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// All cases, in the order they were filed.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case with this `ROWGUID`.
    #[must_use]
    pub fn case(&self, rowguid: &str) -> Option<&Case> {
        self.places.get(rowguid).map(|place| &self.cases[*place])
    }

    /// What was added to cases with this `SERIALNUM`, oldest first.
    #[must_use]
    pub fn pressings(&self, serialnum: &str) -> &[Pressing] {
        self.pressings.get(serialnum).map_or(&[], Vec::as_slice)
    }

    /// Writes one JSON object a case: `ROWGUID`, `deleted`, `states` (each with `at`, `expected`,
    /// `faults` and `row`, whose keys are the columns) and `pressings` of the serial numbers the case
    /// had. Text no reader can decode is null.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write_jsonl(&self, mut out: impl Write) -> anyhow::Result<()> {
        for case in &self.cases {
            let mut serials: Vec<_> = case.states.iter().map(|s| &s.row.serialnum).collect();
            serials.dedup();
            let line = Line {
                rowguid: &case.last().row.rowguid,
                deleted: case.deleted,
                states: case.states.iter().map(AsRef::as_ref).collect(),
                pressings: serials.into_iter().flat_map(|s| self.pressings(s)).collect(),
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Notes a state; the first one of a key opens its case.
    pub(super) fn saw(&mut self, at: NaiveDateTime, row: Row, faults: Vec<Fault>) {
        let readable = row.texts().iter().all(|text| text.read().is_some());
        let expected = if readable { Expected::Readable } else { Expected::Poison };
        let place = *self.places.entry(row.rowguid.clone()).or_insert(self.cases.len());
        let state = Arc::new(State { at, expected, faults, row });
        match self.cases.get_mut(place) {
            Some(case) => {
                if self.memory == Memory::Newest {
                    case.states.clear();
                }
                case.states.push(state);
            }
            None => self.cases.push(Case { states: vec![state], deleted: None }),
        }
    }

    /// Notes that a row is gone.
    pub(super) fn lost(&mut self, at: NaiveDateTime, rowguid: &str) {
        if let Some(place) = self.places.get(rowguid) {
            self.cases[*place].deleted = Some(at);
        }
    }

    /// Notes an addition.
    pub(super) fn pressed(&mut self, pressing: Pressing) {
        self.pressings.entry(pressing.businumber.clone()).or_default().push(pressing);
    }
}

impl Case {
    /// The newest state.
    #[must_use]
    pub fn last(&self) -> &State {
        &self.states[self.states.len() - 1]
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "ROWGUID")]
    rowguid: &'a str,
    deleted: Option<NaiveDateTime>,
    states: Vec<&'a State>,
    pressings: Vec<&'a Pressing>,
}

#[cfg(test)]
mod tests {
    use crate::hotline::town::town;

    #[tokio::test]
    async fn each_case_is_one_line_with_its_states_and_additions() {
        let town = town("poison@2,nul@1").await;
        let keys = town.hotline.file(2).await.unwrap();
        town.hotline.urge(6).await.unwrap();
        town.hotline.change(&keys[0], |row| row.cstatus = "40".into()).await.unwrap();
        let mut out = Vec::new();
        town.hotline.oracle().await.unwrap().write_jsonl(&mut out).unwrap();
        let lines: Vec<serde_json::Value> =
            out.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["ROWGUID"], keys[0].as_str());
        assert_eq!(lines[0]["states"].as_array().unwrap().len(), 2);
        assert_eq!(lines[0]["states"][1]["row"]["CSTATUS"], "40");
        assert_eq!(lines[0]["states"][0]["expected"], "readable");
        assert_eq!(lines[1]["states"][0]["expected"], "poison");
        assert_eq!(lines[1]["states"][0]["faults"], serde_json::json!(["nul", "poison"]));
        assert!(lines[1]["states"][0]["row"]["RQSTCONTENT"].is_null());
        let additions = |i: usize| lines[i]["pressings"].as_array().unwrap().len();
        assert_eq!(additions(0) + additions(1), 6);
    }
}
