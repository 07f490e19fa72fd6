//! No plain personal value leaves the normaliser, and no sealed value can be opened at another place.

use contract::{Demand, DemandId, RecordKey};
use normalizer::{OpenError, Personal, Place, open_sealed, open_unmasked};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{build, channel, demand, keys, reference, sample, sealer};

pub(super) const PEOPLE: &str = r#"
title   = "$.title"
content = "$.content"
reply   = "$.reply"
address = "$.address"
people  = [{ name = "$.name", phone = "$.phone", id_no = "$.id" }, { name = "$.other" }]
attachments = { each = "$.files[*]", name = "$.name" }
trail   = { each = "$.steps[*]", note = "$.note" }
"#;

fn wire(demand: &Demand) -> String {
    serde_json::to_string(demand).unwrap()
}

proptest! {
    #[test]
    fn no_plain_personal_value_is_on_the_wire(
        given in "[䶮㛃玥璟甯翯]{1,2}",
        surname in "(张|欧阳|卜)",
        mobile in "1[3-9][0-9]{9}",
        before in "\\PC{0,20}",
        after in "\\PC{0,20}",
        glue in "(，|：|的|\n)",
    ) {
        let name = format!("{surname}{given}");
        let id = "340202198001010015";
        let address = "芜湖市镜湖区某某路77号2栋301室";
        let prose = format!("{before}{glue}{name}{glue}{mobile}{glue}{id}{glue}{address}{glue}{after}");
        let mapping = build(PEOPLE).unwrap();
        let demand = demand(&mapping, json!({
            "title": prose, "content": prose, "reply": prose, "name": name, "phone": mobile,
            "id": id, "address": address, "other": "司马㛃", "files": [{"name": prose}],
            "steps": [{"note": prose}, {"note": "司马㛃来过"}],
        }));
        let wire = wire(&demand);
        for value in [name.as_str(), &mobile, id, address, "某某路77号", "司马㛃"] {
            prop_assert!(!wire.contains(value), "{} is in {}", value, wire);
        }
        let texts = open_unmasked(&sealer(), &demand).unwrap();
        for path in ["title", "content", "reply", "trail.0.note", "attachments.0.name"] {
            prop_assert!(texts[path].contains(&name) && texts[path].contains(&mobile));
        }
    }
}

#[test]
fn a_sealed_value_opens_in_its_own_place_only() {
    let demand = demand(&reference(), sample());
    let person = &demand.body.people[0];
    let (name, phone) = (person.name.as_ref().unwrap(), person.phone.as_ref().unwrap());
    let sealer = sealer();
    let place = (&demand).into();
    assert!(open_sealed(&sealer, place, "people.0.name", name).is_ok());

    let (other_channel, other_id) =
        ("petition".parse().unwrap(), DemandId::of(&channel(), &RecordKey::new("other")));
    let refused = Err(OpenError::Refused);
    assert_eq!(open_sealed(&sealer, place, "people.1.name", name), refused);
    assert_eq!(open_sealed(&sealer, place, "people.0.name", phone), refused);
    for (channel, id) in [(&other_channel, &demand.id), (&demand.channel, &other_id)] {
        let place = Place { channel, id };
        assert_eq!(open_sealed(&sealer, place, "people.0.name", name), refused);
    }
    let mut changed = name.clone();
    *changed.sealed.0.last_mut().unwrap() ^= 1;
    assert_eq!(open_sealed(&sealer, place, "people.0.name", &changed), refused);
    changed.sealed.0.truncate(9);
    assert_eq!(open_sealed(&sealer, place, "people.0.name", &changed), Err(OpenError::Malformed));
}

#[test]
fn equal_values_in_different_places_have_different_ciphertexts() {
    let sealer = sealer();
    let seal = |key: &str, field: &str, value: &str| {
        let id = DemandId::of(&channel(), &RecordKey::new(key));
        sealer.seal(Place { channel: &channel(), id: &id }, field, value.as_bytes()).0
    };
    let all = [
        seal("a", "name", "x"),
        seal("b", "name", "x"),
        seal("a", "names", "x"),
        seal("a", "nam", "ex"),
        seal("a", "name", "y"),
    ];
    for (index, one) in all.iter().enumerate() {
        for other in &all[index + 1..] {
            // Nonces must differ: two texts with the same nonce and key could be recovered.
            assert_ne!(one[4..16], other[4..16]);
        }
    }
    assert_eq!(seal("a", "name", "x"), all[0]);
    assert_eq!(all[0][..4], 1_u32.to_be_bytes());
}

#[test]
fn sealed_bytes_never_change() {
    // Computed by another implementation of the same algorithms. They must never change, because
    // stored values must stay readable and comparable.
    let id = DemandId::of(&channel(), &RecordKey::new("a"));
    let sealed =
        sealer().seal(Place { channel: &channel(), id: &id }, "people.0.name", "张䶮".as_bytes());
    assert_eq!(
        serde_json::to_string(&sealed).unwrap(),
        "\"AAAAAeYMppqH4-9Pb53GKnxycPlV7ayzwyBUL6fjNIR7PI7nZDo\""
    );
    assert_eq!(sealer().tokens(&Personal::phone("13800001234")), ["vsyo-5K8cWpE9bUSf4_wXQ"]);
    assert_eq!(format!("{:?}", sealer().digest(b"content")), "23ac899610c14ad371312c1c04cecbf6");
    assert_eq!(keys(&[1]).check_values(), [(1, "2b9b5db43ad6bedd".to_owned())]);
}
