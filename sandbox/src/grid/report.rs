//! One report: what somebody sent from his telephone, or a grid worker found on his round.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::city::{self, District};
use crate::grid::Fault;
use crate::source::Conduct;
use crate::source::office::whole_second;
use crate::source::register::{Entry, Mark};
use crate::truth::{Attachment, Doubt, Facts, Outcome, Person, Place, Told, cleaned};

/// States of a report on its way: SUBMITTED, ACCEPTED, PROCESSING, FINISHED.
pub(super) const STEPS: usize = 4;

/// A report in one of its states.
pub(super) struct Report<'a> {
    conduct: &'a Conduct<Fault>,
    number: u64,
    mark: Mark,
    received: NaiveDateTime,
    district: &'static District,
    title: String,
    content: String,
    address: String,
    kind: (&'static str, &'static str),
    was_found: bool,
    name: String,
    phone: String,
    /// Millionths of a degree, in the system of Chinese maps (GCJ-02).
    position: (u32, u32),
    photos: Vec<String>,
}

/// The key of a report.
pub(super) fn report_id(number: u64) -> String {
    format!("WG340200{number:010}")
}

impl<'a> Report<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let number = entry.number;
        let mut dice = conduct.dice(number);
        let (essay, district) = conduct.essay(&mut dice, number);
        let photo = |i| format!("https://img.wuhu.example/{}/{i}.jpg", report_id(number));
        Self {
            conduct,
            number,
            mark,
            received: whole_second(entry.received),
            district,
            title: essay.title,
            content: essay.content,
            address: essay.address,
            kind: KINDS[dice.below(KINDS.len())],
            was_found: dice.one_in(3),
            name: city::name(&mut dice),
            phone: city::mobile(&mut dice),
            position: (
                118_200_000 + dice.between(0, 400_000),
                31_100_000 + dice.between(0, 400_000),
            ),
            photos: (0..dice.below(4)).map(photo).collect(),
        }
    }

    /// As it is pulled, and pushed.
    pub(super) fn row(&self) -> Value {
        let spoils = |fault| self.conduct.spoils(fault, self.number);
        let degrees =
            |millionths: u32| format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        let (lon, lat) = match () {
            () if spoils(Fault::NoPosition) => (Value::Null, Value::Null),
            () if spoils(Fault::ZeroPosition) => (json!("0"), json!("0")),
            () if spoils(Fault::Swapped) => (json!(lat), json!(lon)),
            () => (json!(lon), json!(lat)),
        };
        json!({
            "appealId": report_id(self.number),
            "title": self.title,
            "content": self.content,
            "appealType": self.kind.0,
            "source": if self.was_found { "GRID" } else { "APP" },
            "status": STATES[self.mark.step.min(STEPS - 1)].0,
            "reporterName": self.name,
            "reporterPhone": self.phone,
            "areaCode": self.district.code,
            "gridCode": self.grid(),
            "address": self.address,
            "lon": lon,
            "lat": lat,
            "photos": self.photos,
            "createdTime": plain(self.received),
            "updatedTime": plain(self.mark.at),
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
        let spoils = |fault| self.conduct.spoils(fault, self.number);
        let is_nowhere = spoils(Fault::NoPosition) || spoils(Fault::ZeroPosition);
        let degrees = |millionths: u32| f64::from(millionths) / 1e6;
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        let is_doubtful = spoils(Fault::ZeroPosition) && !spoils(Fault::NoPosition);
        let doubt = Doubt { field: "location", flag: "out_of_range" };
        let link = |url: &String| Attachment { url: Some(url.clone()), ..Attachment::default() };
        Facts {
            source_no: Some(report_id(self.number)),
            kind: Some(self.kind.1),
            kind_raw: Some(self.kind.0.to_owned()),
            title: Some(cleaned(&self.title)),
            content: Some(cleaned(&self.content)),
            received_at: Some(self.received),
            updated_at: Some(whole_second(self.mark.at)),
            region: Some(self.district.code.to_owned()),
            region_raw: Some(self.district.code.to_owned()),
            address: Some(self.address.clone()),
            // Where the two are swapped a reader knows which is which: the city lies at 118 E, 31 N.
            location: (!is_nowhere).then_some(Place { lon, lat, crs: "gcj02" }),
            people: vec![Person {
                role: Some("main"),
                name: Some(self.name.clone()),
                phone: Some(self.phone.clone()),
                ..Person::default()
            }],
            initiative: Some(if self.was_found { "found" } else { "filed" }),
            grid: Some(self.grid()),
            attachments: self.photos.iter().map(link).collect(),
            status: Some(status),
            status_raw: Some(raw.to_owned()),
            quality: if is_doubtful { vec![doubt] } else { Vec::new() },
            ..Facts::default()
        }
    }

    fn grid(&self) -> String {
        format!("{}{:06}", self.district.code, self.number % 97)
    }
}

/// `yyyy-MM-dd HH:mm:ss`.
fn plain(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

const KINDS: [(&str, &str); 5] = [
    ("咨询", "consult"),
    ("建议", "suggestion"),
    ("投诉", "complaint"),
    ("求助", "help"),
    ("举报", "report"),
];
const STATES: [(&str, &str); STEPS] = [
    ("SUBMITTED", "pending"),
    ("ACCEPTED", "assigned"),
    ("PROCESSING", "in_progress"),
    ("FINISHED", "resolved"),
];
