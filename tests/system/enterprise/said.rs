//! What the platform said against what the store holds.

use normalizer::{Keys, Place, Sealer, open_raw, open_sealed, open_unmasked};
use sandbox::truth::{Class, Facts, Outcome, Told};
use serde_json::Value;

use super::*;

impl Drop {
    /// Everything that was lost or altered: empty where the store holds the last state of each
    /// appeal, and quarantine what cannot be a demand.
    pub(super) fn differences(&self) -> Vec<String> {
        let truth = self.platform.truth();
        let sealer = Sealer::new(&Keys::from_json(KEYS).unwrap());
        let mut found = Vec::new();
        for thing in truth.things() {
            let key = thing.key.as_str();
            match (&thing.last().outcome, self.demand(key), self.quarantined(key)) {
                (Outcome::Demand(facts), Some(demand), _) => {
                    let altered = altered(facts, &demand, &sealer);
                    found.extend(altered.map(|field| format!("{key}: {field}")));
                    if !same_payload(thing.last(), &demand, &sealer) {
                        found.push(format!("{key}: not the record that was served"));
                    }
                }
                // It was readable before.
                (Outcome::Reject(_), Some(_), _)
                    if thing.states.iter().any(|state| state.facts().is_some()) => {}
                (Outcome::Reject(Class::MalformedBytes), None, Some(kept)) => {
                    assert_eq!(kept.reason, "malformed_bytes");
                }
                (Outcome::Reject(Class::Unreadable), None, Some(_)) => {}
                // A row that is out of shape has no key.
                (Outcome::Reject(Class::Unreadable), None, None)
                    if self.rejected().contains(&(None, "row_shape".to_owned())) => {}
                (outcome, ..) => found.push(format!("{key}: {outcome:?}")),
            }
        }
        found
    }
}

/// The first field that is not as it must be.
fn altered(facts: &Facts, demand: &Demand, sealer: &Sealer) -> Option<String> {
    let kept = serde_json::to_value(&demand.body).unwrap();
    let place = Place::from(demand);
    let unmasked = match &demand.body.unmasked {
        Some(sealed) => open_unmasked(sealer, place, sealed).unwrap(),
        None => Default::default(),
    };
    let Value::Object(said) = serde_json::to_value(facts).unwrap() else { panic!("no object") };
    for (field, value) in said {
        let is_same = match field.as_str() {
            "title" | "content" => {
                let text = unmasked.get(&field).map(|text| Value::from(text.clone()));
                text.as_ref().unwrap_or(&kept[&field]) == &value
            }
            "people" => {
                let person = &demand.body.people[0];
                let name = person.name.as_ref();
                let name = name.map(|name| open_sealed(sealer, place, "people.0.name", name));
                name.map(Result::unwrap).as_deref() == value[0]["name"].as_str()
            }
            "quality" => facts.quality.iter().all(|doubt| {
                let flag = serde_json::from_value(doubt.flag.into()).unwrap();
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

/// Whether the record is kept as it was served. A workbook has its own ways of writing a text.
fn same_payload(told: &Told, demand: &Demand, sealer: &Sealer) -> bool {
    let raw = open_raw(sealer, Place::from(demand), &demand.raw).unwrap();
    let raw: Value = serde_json::from_slice(&raw).unwrap();
    if told.faults.contains(&"workbook") {
        return raw["诉求编号"] == told.payload["诉求编号"];
    }
    let served = told.payload.as_object().unwrap().iter();
    let is_lost = |column: &str| column == "满意度" && told.faults.contains(&"lost_column");
    served.filter(|(column, _)| !is_lost(column)).all(|(column, value)| raw[column] == *value)
}
