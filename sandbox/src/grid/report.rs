//! One report: sent by somebody with the app, or found by a grid worker on a round.

use serde_json::{Map, Value, json};

use crate::city;
use crate::grid::Fault;
use crate::source::register::{Entry, Mark};
use crate::source::{Conduct, Item};
use crate::truth::{Attachment, Doubt, Facts, Person, Place, Told};
use crate::when::{plain, whole_second};

/// A report goes through SUBMITTED, ACCEPTED, PROCESSING, FINISHED.
pub(super) const STEPS: usize = 4;

/// A report in one of its states.
pub(super) struct Report<'a> {
    item: Item<'a, Fault>,
    kind: (&'static str, &'static str),
    was_found: bool,
    name: String,
    phone: String,
    /// Longitude and latitude in millionths of a degree, in the system of Chinese maps (GCJ-02).
    position: (u32, u32),
    photos: Vec<String>,
}

/// The key of a report.
pub(super) fn report_id(number: u64) -> String {
    format!("WG340200{number:010}")
}

impl<'a> Report<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let (item, mut dice) = Item::new(conduct, entry, mark);
        let id = report_id(item.number);
        let photo = |i| format!("https://img.wuhu.example/{id}/{i}.jpg");
        Self {
            item,
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

    /// The row, the same whether it is pulled or pushed.
    pub(super) fn row(&self) -> Value {
        let degrees =
            |millionths: u32| format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        let (lon, lat) = match () {
            () if self.item.spoils(Fault::NoPosition) => (Value::Null, Value::Null),
            () if self.item.spoils(Fault::ZeroPosition) => (json!("0"), json!("0")),
            () if self.item.spoils(Fault::Swapped) => (json!(lat), json!(lon)),
            () => (json!(lon), json!(lat)),
        };
        json!({
            "appealId": report_id(self.item.number),
            "title": self.item.title,
            "content": self.item.content,
            "appealType": self.kind.0,
            "source": if self.was_found { "GRID" } else { "APP" },
            "status": self.item.state(&STATES).0,
            "reporterName": self.name,
            "reporterPhone": self.phone,
            "areaCode": self.item.district.code,
            "gridCode": self.grid(),
            "address": self.item.address,
            "lon": lon,
            "lat": lat,
            "photos": self.photos,
            "createdTime": plain(self.item.received),
            "updatedTime": plain(self.item.mark.at),
        })
    }

    pub(super) fn told(&self) -> Told {
        self.item.told(self.facts(), self.row(), Map::new())
    }

    fn facts(&self) -> Facts {
        let (raw, status) = self.item.state(&STATES);
        let [is_zero, is_absent] =
            [Fault::ZeroPosition, Fault::NoPosition].map(|fault| self.item.spoils(fault));
        let degrees = |millionths: u32| f64::from(millionths) / 1e6;
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        let doubt = Doubt { field: "location", flag: "out_of_range" };
        let link = |url: &String| Attachment { url: Some(url.clone()), ..Attachment::default() };
        Facts {
            source_no: Some(report_id(self.item.number)),
            kind: Some(self.kind.1),
            kind_raw: Some(self.kind.0.to_owned()),
            updated_at: Some(whole_second(self.item.mark.at)),
            address: Some(self.item.address.clone()),
            // A reader can tell that a pair is swapped: the city is at 118 E, 31 N.
            location: (!is_zero && !is_absent).then_some(Place { lon, lat, crs: "gcj02" }),
            people: Person::main(Some(self.name.clone()), Some(self.phone.clone())),
            initiative: Some(if self.was_found { "found" } else { "filed" }),
            grid: Some(self.grid()),
            attachments: self.photos.iter().map(link).collect(),
            status: Some(status),
            status_raw: Some(raw.to_owned()),
            quality: if is_zero && !is_absent { vec![doubt] } else { Vec::new() },
            ..self.item.facts()
        }
    }

    fn grid(&self) -> String {
        format!("{}{:06}", self.item.district.code, self.item.number % 97)
    }
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
