//! One clue (督查线索): names of the fields in lower case, three ways of writing a date.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Map, Value, json};

use crate::city::{self, District};
use crate::inspection::Fault;
use crate::source::Conduct;
use crate::source::office::whole_second;
use crate::source::register::{Entry, Mark};
use crate::truth::{Doubt, Facts, Outcome, Person, Repeat, Told, cleaned};

/// States of a clue on its way: 1, 2, 4; some are returned in between.
pub(super) const STEPS: usize = 4;

/// A clue in one of its states.
pub(super) struct Clue<'a> {
    conduct: &'a Conduct<Fault>,
    number: u64,
    mark: Mark,
    received: NaiveDateTime,
    district: &'static District,
    title: String,
    content: String,
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
        let number = entry.number;
        let mut dice = conduct.dice(number);
        let (essay, district) = conduct.essay(&mut dice, number);
        let (mut name, mut phone) = (city::name(&mut dice), city::mobile(&mut dice));
        if conduct.spoils(Fault::Masked, number) {
            name = masked(&name);
            phone = format!("{}****{}", &phone[..3], &phone[7..]);
        }
        Self {
            conduct,
            number,
            mark,
            received: whole_second(entry.received),
            district,
            title: essay.title,
            content: essay.content,
            category: dice.below(4),
            name,
            phone,
            repeats: dice.one_in(15),
        }
    }

    /// As the platform lists it.
    pub(super) fn row(&self) -> Value {
        json!({
            "dcxsbh": dcxsbh(self.number),
            "xsly": if self.number.is_multiple_of(2) { "小程序" } else { "网站" },
            "xslb": (self.category + 1).to_string(),
            "bt": self.title,
            "nr": self.content,
            "xxr": self.name,
            "lxdh": self.phone,
            "sfzh": "",
            "sfnm": "0",
            "xzqh": "340200000000",
            "wtsd": self.district.code,
            "sjbm": format!("{}政务服务局", self.district.name),
            "tjsj": self.received.format("%Y%m%d%H%M%S").to_string(),
            "zbsj": self.passed_on().format("%Y-%m-%d").to_string(),
            "zbdw": UNIT,
            "blzt": STATES[self.mark.step.min(STEPS - 1)].0,
            "bjsj": self.closed().map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()),
            "fknr": if self.closed().is_some() { REPLY } else { "" },
            "gzrq": self.due().format("%Y-%m-%d").to_string(),
            "sfcfxs": if self.repeats { "1" } else { "0" },
        })
    }

    pub(super) fn told(&self) -> Told {
        Told {
            at: self.mark.at,
            outcome: Outcome::Demand(Box::new(self.facts())),
            faults: self.conduct.names(self.number),
            payload: self.row(),
            parts: Map::new(),
        }
    }

    fn facts(&self) -> Facts {
        let (raw, status) = STATES[self.mark.step.min(STEPS - 1)];
        let is_masked = self.conduct.spoils(Fault::Masked, self.number);
        let doubt = Doubt { field: "people", flag: "masked_value" };
        Facts {
            source_no: Some(dcxsbh(self.number)),
            kind: Some(if self.category == 3 { "suggestion" } else { "complaint" }),
            kind_raw: Some((self.category + 1).to_string()),
            title: Some(cleaned(&self.title)),
            content: Some(cleaned(&self.content)),
            received_at: Some(self.received),
            dispatched_at: Some(self.passed_on()),
            due_at: Some(self.due()),
            resolved_at: self.closed(),
            region: Some(self.district.code.to_owned()),
            region_raw: Some(self.district.code.to_owned()),
            people: vec![Person {
                role: Some("main"),
                name: Some(self.name.clone()),
                phone: Some(self.phone.clone()),
                ..Person::default()
            }],
            anonymous: Some(false),
            repeat: Some(Repeat { flag: Some(self.repeats), of: None }),
            status: Some(status),
            status_raw: Some(raw.to_owned()),
            org_raw: Some(UNIT.to_owned()),
            reply: self.closed().map(|_| REPLY.to_owned()),
            quality: if is_masked { vec![doubt] } else { Vec::new() },
            ..Facts::default()
        }
    }

    /// The day after, without a time.
    fn passed_on(&self) -> NaiveDateTime {
        (self.received.date() + TimeDelta::days(1)).into()
    }

    fn due(&self) -> NaiveDateTime {
        (self.received.date() + TimeDelta::days(31)).into()
    }

    fn closed(&self) -> Option<NaiveDateTime> {
        (self.mark.step + 1 >= STEPS).then(|| whole_second(self.mark.at))
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
