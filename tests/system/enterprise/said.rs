//! What the platform said against what the store holds.

use normalizer::{Keys, Sealer};
use sandbox::truth::{Class, Outcome};
use system_tests::told::{altered, same_payload};

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
