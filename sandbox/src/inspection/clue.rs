//! One clue (督查线索): how the platform serves it, and the demand that it must become.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::faker;
use crate::inspection::Quirk;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, Item};
use crate::time::{compact, dashed};
use crate::truth::{ServedState, main_person, quality_flag, unified_code, utc};

/// The states of a clue are 1 to 4; most clues end in state 2.
pub(super) const STEPS: usize = 4;

/// A clue in one of its states.
pub(super) struct Clue<'a> {
    item: Item<'a, Quirk>,
    /// The category, from 0; its code is one more.
    category: usize,
    name: String,
    phone: String,
    is_repeated: bool,
}

/// The key of a clue.
pub(super) fn clue_id(number: u64) -> String {
    format!("DC3402002026{number:08}")
}

impl<'a> Clue<'a> {
    pub(super) fn new(behaviour: &'a Behaviour<Quirk>, entry: &Entry, change: Change) -> Self {
        let (item, mut dice) = Item::new(behaviour, entry, change);
        let (mut name, mut phone) = (faker::name(&mut dice), faker::mobile(&mut dice));
        if item.has_quirk(Quirk::Masked) {
            name = mask(&name);
            phone = format!("{}****{}", &phone[..3], &phone[7..]);
        }
        Self { item, category: dice.below(4), name, phone, is_repeated: dice.one_in(15) }
    }

    /// Its row in the answer of the platform.
    pub(super) fn row(&self) -> Value {
        let Item { number, district, received, .. } = self.item;
        let closed = self.item.closed_at(STEPS);
        json!({
            "dcxsbh": clue_id(number),
            "xsly": if number.is_multiple_of(2) { "小程序" } else { "网站" },
            "xslb": (self.category + 1).to_string(),
            "bt": self.item.title,
            "nr": self.item.content,
            "xxr": self.name,
            "lxdh": self.phone,
            "sfzh": "",
            "sfnm": "0",
            "xzqh": "340200000000",
            "wtsd": district.code,
            "sjbm": format!("{}政务服务局", district.name),
            "tjsj": compact(received),
            "zbsj": self.days_later(1).format("%Y-%m-%d").to_string(),
            "zbdw": UNIT,
            "blzt": self.item.state(&STATES),
            "bjsj": closed.map(dashed),
            "fknr": if closed.is_some() { REPLY } else { "" },
            "gzrq": self.days_later(31).format("%Y-%m-%d").to_string(),
            "sfcfxs": if self.is_repeated { "1" } else { "0" },
        })
    }

    pub(super) fn served_state(&self) -> ServedState {
        let status = self.item.state(&STATES);
        let closed = self.item.closed_at(STEPS);
        let is_masked = self.item.has_quirk(Quirk::Masked);
        let specific = json!({
            "source_no": clue_id(self.item.number),
            "kind": if self.category == 3 { "suggestion" } else { "complaint" },
            "kind_raw": (self.category + 1).to_string(),
            "dispatched_at": utc(self.days_later(1)),
            "due_at": utc(self.days_later(31)),
            "resolved_at": closed.map(utc),
            "people": main_person(Some(&self.name), Some(&self.phone)),
            "anonymous": false,
            "repeat": { "flag": self.is_repeated },
            "status": unified_code("inspection_status", status),
            "status_raw": status,
            "org": UNIT,
            "org_raw": UNIT,
            "reply": closed.map(|_| REPLY),
            "quality": is_masked.then(|| [quality_flag("people", "masked_value")]),
        });
        self.item.served_state(specific, self.row())
    }

    /// Midnight of the day that is `days` after the day of receipt.
    fn days_later(&self, days: i64) -> NaiveDateTime {
        (self.item.received.date() + TimeDelta::days(days)).into()
    }
}

/// A masked name, such as `王*峰` or `李*`.
fn mask(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    match letters.as_slice() {
        [first, .., last] if letters.len() > 2 => format!("{first}*{last}"),
        [first, ..] => format!("{first}*"),
        [] => String::new(),
    }
}

const UNIT: &str = "芜湖市人民政府督查室";
const REPLY: &str = "经督查核实，有关单位已整改到位，并向反映人作了说明。";
const STATES: [&str; STEPS] = ["1", "2", "3", "4"];
