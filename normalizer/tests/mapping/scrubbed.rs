//! Removing personal values from pages that are kept as fixtures.

use serde_json::{Value, json};

use super::support::{build, record};

const DEMAND: &str = r#"
title   = "$.title"
content = "$.content"
people  = [{ role = "main", name = "$.caller.name", phone = "$.caller.tel" }]
"#;

fn page() -> Value {
    json!({
        "id": "1790000123400001", "title": "路灯不亮", "clerk": "李某", "when": "2026-10-09",
        "content": "王小明说：请打13900005678或者 0553-3812345。", "kind": "0304",
        "caller": { "name": "王小明", "tel": "13800001234" },
        "note": ["联系人张阿姨", 7, true],
    })
}

#[test]
fn a_scrubbed_page_has_no_personal_value_and_everything_else() {
    let mapping = build(DEMAND).unwrap();
    let mut record = record(page());
    record.key = contract::RecordKey::new("1790000123400001");
    let told = mapping.personal(std::slice::from_ref(&record));
    for text in [page().to_string(), escaped(&page().to_string())] {
        let scrubbed = mapping.scrub(&text, std::slice::from_ref(&record));
        for personal in
            ["王小明", "13800001234", "13900005678", "3812345", "李某", "张阿姨", "\\u738b"]
        {
            assert!(!scrubbed.contains(personal), "{personal}: {scrubbed}");
        }
        let kept: Value = serde_json::from_str(&scrubbed).unwrap();
        for (field, value) in [
            ("id", "1790000123400001"),
            ("title", "路灯不亮"),
            ("when", "2026-10-09"),
            ("kind", "0304"),
        ] {
            assert_eq!(kept[field], value, "{scrubbed}");
        }
        let left = mapping.personal(&[super::support::record(kept)]);
        assert!(told.is_disjoint(&left), "{left:?}");
    }
}

#[test]
fn no_text_of_a_list_is_left() {
    let mapping = build(DEMAND).unwrap();
    let list = json!(["2026-10-09", "李某", ["联系人张阿姨"], 7]);
    let scrubbed = mapping.scrub(&list.to_string(), &[record(list)]);
    assert_eq!(scrubbed, r#"["2026-10-09","…",["…"],7]"#);
}

/// JSON with escapes for all characters that are not ASCII, as some sources write it.
fn escaped(text: &str) -> String {
    let mut units = [0; 2];
    let escape = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    text.chars().map(escape).collect()
}
