//! No plain personal value leaves the normaliser.

use proptest::prelude::*;
use serde_json::json;

use crate::support::{build, demand};

const DEMAND: &str = r#"
    title    = "$.title"
    content  = "$.content"
    reply    = "$.reply"
    tags     = "$.tags"
    address  = "$.address"
    org_raw  = "$.org"
    people   = [{ each = "$.people[*]", name = "$.name", phone = "$.phone", id_no = "$.id" }]
    tasks    = { each = "$.tasks[*]", org = "$.org", returned_reason = "$.why" }
    trail    = { each = "$.steps[*]", step = "$.step", note = "$.note" }
    attachments = { each = "$.files[*]", name = "$.name" }
"#;

/// A person whose values all contain the person's number, so that each can be found.
fn person(seed: u32) -> [String; 4] {
    let given: String = [seed / 71 % 71, seed % 71]
        .iter()
        .filter_map(|part| char::from_u32(0x7_000 + part))
        .collect();
    let body = format!(
        "340202{}{:02}{:02}{:03}",
        1950 + seed % 50,
        1 + seed % 12,
        1 + seed % 28,
        seed % 1000
    );
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        body.chars().zip(weights).map(|(c, weight)| c.to_digit(10).unwrap() * weight).sum();
    let check = "10X98765432".chars().nth(sum as usize % 11).unwrap();
    [
        format!("沈{given}"),
        format!("139{:08}", (u64::from(seed) * 7_919) % 100_000_000),
        format!("{body}{check}"),
        format!("镜湖区沿河路{seed}号{}栋{}室", seed % 40 + 1, seed % 900 + 101),
    ]
}

#[test]
fn two_thousand_marked_values_leave_the_normaliser_sealed_or_masked() {
    let mapping = build(DEMAND).unwrap();
    for seed in 0..500_u32 {
        let [name, phone, id, address] = person(seed * 31 + 7);
        let prose = format!("本人{name}，电话{phone}，身份证{id}，家住{address}，反映夜间施工。");
        // Half of the values are only in their columns; the other half are also in free text.
        let tree = if seed % 2 == 0 {
            json!({
                "title": "反映施工", "content": "夜间施工", "address": address,
                "people": [{"name": name, "phone": phone, "id": id}],
            })
        } else {
            json!({
                "title": prose, "content": format!("<p>{prose}</p>"), "reply": prose,
                "tags": [name, phone], "org": format!("{name}的单位"), "address": address,
                "people": [{"name": name, "phone": phone, "id": id}],
                "tasks": [{"org": prose, "why": prose}],
                "steps": [{"step": prose, "note": prose}],
                "files": [{"name": format!("{name}的照片.jpg")}],
            })
        };
        let demand = demand(&mapping, tree);
        let (wire, debug) = (serde_json::to_string(&demand).unwrap(), format!("{demand:?}"));
        for value in [&name, &phone, &id, &address] {
            assert!(!wire.contains(value.as_str()), "{value} is in the demand");
            assert!(!debug.contains(value.as_str()), "{value} is in a log line");
        }
    }
}

proptest! {
    #[test]
    fn numbers_and_mail_addresses_of_anybody_are_masked_in_prose(
        before in "[一-龥，。 ]{0,12}",
        after in "[一-龥，。 ]{0,12}",
        local in "[a-z]{3,10}",
        digits in 0_u64..100_000_000,
    ) {
        let mapping = build("content = '$.c'").unwrap();
        let (phone, mail) = (format!("138{digits:08}"), format!("{local}@example.com"));
        let tree = json!({"c": format!("{before}{phone}。{after}，{mail}{before}")});
        let content = demand(&mapping, tree).body.content.unwrap();
        prop_assert!(!content.contains(&phone), "{content}");
        prop_assert!(!content.contains(&mail), "{content}");
    }
}
