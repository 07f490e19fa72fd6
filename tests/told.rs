//! What a simulated source said against a demand: field by field, and the record as it was served.

#![allow(clippy::expect_used, clippy::panic)]

use contract::{Demand, demand::QualityFlag};
use normalizer::{Place, Sealer, open_raw, open_sealed, open_unmasked};
use sandbox::truth::{Facts, Told};
use serde_json::Value;

/// The first field that is not as it must be.
pub fn altered(facts: &Facts, demand: &Demand, sealer: &Sealer) -> Option<String> {
    let kept = serde_json::to_value(&demand.body).expect("it opens");
    let place = Place::from(demand);
    let unmasked = match &demand.body.unmasked {
        Some(sealed) => open_unmasked(sealer, place, sealed).expect("it opens"),
        None => Default::default(),
    };
    for (field, value) in facts.said() {
        let is_same = match field.as_str() {
            "title" | "content" => {
                let text = unmasked.get(&field).map(|text| Value::from(text.clone()));
                text.as_ref().unwrap_or(&kept[&field]) == &value
            }
            "people" => {
                let name = demand.body.people.first().and_then(|person| person.name.as_ref());
                let name = name.map(|name| open_sealed(sealer, place, "people.0.name", name));
                let name = name.map(|name| name.expect("it opens"));
                name.as_deref() == value[0]["name"].as_str()
            }
            "address" => {
                let sealed = demand.body.address.as_ref();
                let address = sealed.map(|it| open_sealed(sealer, place, "address", it));
                let address = address.map(|it| it.expect("it opens"));
                address.as_deref() == value.as_str()
            }
            // Kept as WGS-84, which is a few hundred metres from what the source says.
            "location" => ["lon", "lat"].into_iter().all(|axis| {
                let (kept, said) = (kept["location"][axis].as_f64(), value[axis].as_f64());
                kept.zip(said)
                    .is_some_and(|(kept, said)| kept != said && (kept - said).abs() < 0.01)
            }),
            // The source's own mark, as it writes it.
            "repeat" => {
                let mark = if value["flag"] == true { "1" } else { "0" };
                kept["repeat"]["flag"] == mark
            }
            "quality" => facts.quality.iter().all(|doubt| {
                let flag = serde_json::from_value(doubt.flag.into()).expect("it opens");
                has_doubt(demand, doubt.field, flag)
            }),
            _ => kept[&field] == value,
        };
        if !is_same {
            return Some(format!("{field} is {}, not {value}", kept[&field]));
        }
    }
    None
}

/// What of XML is kept for what it stands for: references, and of files their names.
const READ: [&str; 3] = ["illegal_reference", "attachment", "huge_attachment"];

/// Whether the record is kept as it was served. A workbook has its own ways of writing a text.
pub fn same_payload(told: &Told, demand: &Demand, sealer: &Sealer) -> bool {
    let raw = open_raw(sealer, Place::from(demand), &demand.raw).expect("it opens");
    let raw: Value = serde_json::from_slice(&raw).expect("it opens");
    if told.faults.contains(&"workbook") {
        return raw["诉求编号"] == told.payload["诉求编号"];
    }
    if told.faults.iter().any(|fault| READ.contains(fault)) {
        return true;
    }
    let served = told.payload.as_object().expect("it opens").iter();
    let is_lost = |column: &str| column == "满意度" && told.faults.contains(&"lost_column");
    served.filter(|(column, _)| !is_lost(column)).all(|(column, value)| raw[column] == *value)
}

/// Whether a demand carries this doubt.
pub fn has_doubt(demand: &Demand, field: &str, flag: QualityFlag) -> bool {
    // A doubt about a part is one about the whole.
    let is_of = |part: &str| {
        part.strip_prefix(field).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    demand.body.quality.iter().any(|doubt| is_of(&doubt.field) && doubt.flag == flag)
}
