//! One clue (督查线索). Field names are in lower case, dates are written in three formats.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Map, Value, json};

use crate::city;
use crate::inspection::Fault;
use crate::source::register::{Entry, Mark};
use crate::source::{Conduct, Item};
use crate::truth::{Doubt, Facts, Person, Repeat, Told};
use crate::when::{compact, plain};

/// A clue goes through the states 1 to 4; some are returned in between.
pub(super) const STEPS: usize = 4;

/// A clue in one of its states.
pub(super) struct Clue<'a> {
    item: Item<'a, Fault>,
    category: usize,
    name: String,
    phone: String,
    repeats: bool,
}

/// The key of a clue.
pub(super) fn dcxsbh(number: u64) -> String {
    format!("DC3402002026{number:08}")
}

impl<'a> Clue<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let (item, mut dice) = Item::new(conduct, entry, mark);
        let (mut name, mut phone) = (city::name(&mut dice), city::mobile(&mut dice));
        if item.spoils(Fault::Masked) {
            name = masked(&name);
            phone = format!("{}****{}", &phone[..3], &phone[7..]);
        }
        Self { item, category: dice.below(4), name, phone, repeats: dice.one_in(15) }
    }

    /// As the platform lists it.
    pub(super) fn row(&self) -> Value {
        let Item { number, district, received, .. } = self.item;
        let closed = self.item.closed(STEPS);
        json!({
            "dcxsbh": dcxsbh(number),
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
            "blzt": self.item.state(&STATES).0,
            "bjsj": closed.map(plain),
            "fknr": if closed.is_some() { REPLY } else { "" },
            "gzrq": self.days_later(31).format("%Y-%m-%d").to_string(),
            "sfcfxs": if self.repeats { "1" } else { "0" },
        })
    }

    pub(super) fn told(&self) -> Told {
        self.item.told(self.facts(), self.row(), Map::new())
    }

    fn facts(&self) -> Facts {
        let (raw, status) = self.item.state(&STATES);
        let closed = self.item.closed(STEPS);
        let doubt = Doubt { field: "people", flag: "masked_value" };
        Facts {
            source_no: Some(dcxsbh(self.item.number)),
            kind: Some(if self.category == 3 { "suggestion" } else { "complaint" }),
            kind_raw: Some((self.category + 1).to_string()),
            dispatched_at: Some(self.days_later(1)),
            due_at: Some(self.days_later(31)),
            resolved_at: closed,
            people: Person::main(Some(self.name.clone()), Some(self.phone.clone())),
            anonymous: Some(false),
            repeat: Some(Repeat { flag: Some(self.repeats), of: None }),
            status: Some(status),
            status_raw: Some(raw.to_owned()),
            org_raw: Some(UNIT.to_owned()),
            reply: closed.map(|_| REPLY.to_owned()),
            quality: if self.item.spoils(Fault::Masked) { vec![doubt] } else { Vec::new() },
            ..self.item.facts()
        }
    }

    /// So many days after the day of receipt, without a time.
    fn days_later(&self, days: i64) -> NaiveDateTime {
        (self.item.received.date() + TimeDelta::days(days)).into()
    }
}

/// `王*峰`, `李*`.
fn masked(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    match letters.as_slice() {
        [first, .., last] if letters.len() > 2 => format!("{first}*{last}"),
        [first, ..] => format!("{first}*"),
        [] => String::new(),
    }
}

const UNIT: &str = "芜湖市人民政府督查室";
const REPLY: &str = "经督查核实，有关单位已整改到位，并向反映人作了说明。";
const STATES: [(&str, &str); STEPS] =
    [("1", "pending"), ("2", "in_progress"), ("3", "returned"), ("4", "resolved")];
