//! One report: sent by a citizen with the app, or by a grid worker who found a problem.

use serde_json::{Value, json};

use crate::faker;
use crate::grid::Quirk;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, Item};
use crate::time::{dashed, whole_second};
use crate::truth::{ServedState, main_person, quality_flag, unified_code, utc};

/// The states of a report are SUBMITTED, ACCEPTED, PROCESSING and FINISHED.
pub(super) const STEPS: usize = 4;

/// A report in one of its states.
pub(super) struct Report<'a> {
    item: Item<'a, Quirk>,
    kind: &'static str,
    is_by_worker: bool,
    name: String,
    phone: String,
    /// Longitude and latitude in millionths of a degree, in the coordinate system GCJ-02.
    position: (u32, u32),
    photos: Vec<String>,
}

/// The key of a report.
pub(super) fn report_id(number: u64) -> String {
    format!("WG340200{number:010}")
}

impl<'a> Report<'a> {
    pub(super) fn new(behaviour: &'a Behaviour<Quirk>, entry: &Entry, change: Change) -> Self {
        let (item, mut dice) = Item::new(behaviour, entry, change);
        let id = report_id(item.number);
        let photo = |i| format!("https://img.wuhu.example/{id}/{i}.jpg");
        Self {
            item,
            kind: dice.pick(&KINDS),
            is_by_worker: dice.one_in(3),
            name: faker::name(&mut dice),
            phone: faker::mobile(&mut dice),
            position: (
                118_200_000 + dice.between(0, 400_000),
                31_100_000 + dice.between(0, 400_000),
            ),
            photos: (0..dice.below(4)).map(photo).collect(),
        }
    }

    /// The report as JSON, which is the same in a polled page and in a push.
    pub(super) fn row(&self) -> Value {
        let degrees =
            |millionths: u32| format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        let (lon, lat) = match () {
            () if self.item.has_quirk(Quirk::NoPosition) => (Value::Null, Value::Null),
            () if self.item.has_quirk(Quirk::ZeroPosition) => (json!("0"), json!("0")),
            () if self.item.has_quirk(Quirk::Swapped) => (json!(lat), json!(lon)),
            () => (json!(lon), json!(lat)),
        };
        json!({
            "appealId": report_id(self.item.number),
            "title": self.item.title,
            "content": self.item.content,
            "appealType": self.kind,
            "source": if self.is_by_worker { "GRID" } else { "APP" },
            "status": self.item.state(&STATES),
            "reporterName": self.name,
            "reporterPhone": self.phone,
            "areaCode": self.item.district.code,
            "gridCode": self.grid(),
            "address": self.item.address,
            "lon": lon,
            "lat": lat,
            "photos": self.photos,
            "createdTime": dashed(self.item.received),
            "updatedTime": dashed(self.item.change.at),
        })
    }

    pub(super) fn served_state(&self) -> ServedState {
        let status = self.item.state(&STATES);
        let [is_zero, is_absent] =
            [Quirk::ZeroPosition, Quirk::NoPosition].map(|quirk| self.item.has_quirk(quirk));
        let degrees = |millionths: u32| f64::from(millionths) / 1e6;
        let (lon, lat) = (degrees(self.position.0), degrees(self.position.1));
        // A reader can correct swapped coordinates, because the city is at 118 E, 31 N.
        let location = json!({ "lon": lon, "lat": lat, "crs": "gcj02" });
        let is_flagged = is_zero && !is_absent;
        let specific = json!({
            "source_no": report_id(self.item.number),
            "kind": unified_code("mobile_kind", self.kind),
            "kind_raw": self.kind,
            "updated_at": utc(whole_second(self.item.change.at)),
            "address": self.item.address,
            "location": (!is_zero && !is_absent).then_some(location),
            "people": main_person(Some(&self.name), Some(&self.phone)),
            "initiative": if self.is_by_worker { "found" } else { "filed" },
            "grid": self.grid(),
            "attachments": self.photos.iter().map(|url| json!({ "url": url })).collect::<Vec<_>>(),
            "status": unified_code("mobile_status", status),
            "status_raw": status,
            "quality": is_flagged.then(|| [quality_flag("location", "out_of_range")]),
        });
        self.item.served_state(specific, self.row())
    }

    /// The code of the grid cell, the small area that one grid worker looks after.
    fn grid(&self) -> String {
        format!("{}{:06}", self.item.district.code, self.item.number % 97)
    }
}

const KINDS: [&str; 5] = ["咨询", "建议", "投诉", "求助", "举报"];
const STATES: [&str; STEPS] = ["SUBMITTED", "ACCEPTED", "PROCESSING", "FINISHED"];
