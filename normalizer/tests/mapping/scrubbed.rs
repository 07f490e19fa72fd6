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
fn a_scrubbed_page_has_filler_for_all_texts_and_its_own_structure() {
    let mapping = build(DEMAND).unwrap();
    let mut record = record(page());
    record.key = contract::RecordKey::new("1790000123400001");
    let told = mapping.personal(std::slice::from_ref(&record));
    for text in [page().to_string(), escaped(&page().to_string())] {
        let scrubbed = mapping.scrub(&text, std::slice::from_ref(&record));
        let kept: Value = serde_json::from_str(&scrubbed).unwrap();
        let filler = json!({
            "id": "1790000123400001", "title": "甲甲甲甲", "clerk": "甲甲", "when": "2011-11-11",
            "content": "甲甲甲甲：甲甲13800000000甲甲 1111-1111111。", "kind": "1111",
            "caller": { "name": "甲甲甲", "tel": "13800000000" },
            "note": ["甲甲甲甲甲甲", 7, true],
        });
        assert_eq!(kept, filler);
        assert_eq!(mapping.scrub(&scrubbed, std::slice::from_ref(&record)), scrubbed);
        let left = mapping.personal(&[super::support::record(kept)]);
        assert!(told.is_disjoint(&left), "{left:?}");
    }
}

#[test]
fn no_text_of_a_list_is_left() {
    let mapping = build(DEMAND).unwrap();
    let list = json!(["2026-10-09", "李某", ["联系人张阿姨"], 7]);
    let scrubbed = mapping.scrub(&list.to_string(), &[record(list)]);
    assert_eq!(scrubbed, r#"["2011-11-11","甲甲",["甲甲甲甲甲甲"],7]"#);
}

#[test]
fn codes_and_times_that_are_mapped_stay_and_what_is_not_mapped_goes() {
    let demand = r#"
        title       = "$.title"
        kind        = { at = "$.kind", codes = "hotline/kind" }
        region      = "$.region"
        received_at = "$.when"
        trail       = { each = "$.steps[*]", at = "$.on", note = "$.said" }
        people      = [{ name = "$.name", phone = "$.tel" }]
    "#;
    let mapping = build(demand).unwrap();
    let row = json!({
        "ROWGUID": "13900001111", "title": "t 139.0000.1111 与一三九零零零零一一一一", "kind": "求助",
        "region": "镜湖区", "code": "340202", "when": "2026-10-09 10:30:00", "born": "1990-01-01",
        "steps": [{ "on": "10月9日", "said": "王 小 明" }], "name": "王小明", "tel": "13900001111",
        "qq": 12345678, "lat": 31.351234, "wx": "wxid_wang", "n": 3, "13900001111": null,
        "王小明": false, "inner": r#"{"kind":"求助","who":"李四","html":"<p class=\"a\">王五&nbsp;</p>"}"#,
    });
    let page = json!({ "code": 200, "rows": [&row], "operator": "刘科长" }).to_string();
    let scrubbed = mapping.scrub(&page, &[record(row)]);
    let scrubbed: Value = serde_json::from_str(&scrubbed).unwrap();
    let expected = json!({
        "code": 200, "operator": "甲甲甲",
        "rows": [{
            "ROWGUID": "13800000000", "title": "a 111.1111.1111 甲甲甲甲甲甲甲甲甲甲甲甲", "kind": "求助",
            "region": "镜湖区", "code": "340202", "when": "2026-10-09 10:30:00", "born": "2011-11-11",
            "steps": [{ "on": "10月9日", "said": "甲 甲 甲" }], "name": "甲甲甲", "tel": "13800000000",
            "qq": 11111111, "lat": 11.111111, "wx": "aaaa_aaaa", "n": 3, "139****1111": null,
            "王**": false, "inner": r#"{"kind":"求助","who":"甲甲","html":"<p class=\"a\">甲甲&nbsp;</p>"}"#,
        }],
    });
    assert_eq!(scrubbed, expected);
}

#[test]
fn a_key_or_a_name_of_a_field_with_an_address_in_it_does_not_stay() {
    let mapping = build("content = \"$.text\"\naddress = \"$.at\"").unwrap();
    for (key, filler, name) in [
        ("K1-沿河路7920号40栋820室", "A1-甲甲甲1111甲11甲111甲", "K1-****"),
        ("K1-沿河路7920号−40栋−820室", "A1-甲甲甲1111甲−11甲−111甲", "K1-****"),
        ("K1-沿河路7920号四十栋820", "A1-甲甲甲1111甲甲甲甲111", "K1-****"),
        ("K1-沿河路7921号", "K1-沿河路7921号", "K1-沿河路7921号"),
    ] {
        let row =
            json!({ "id": key, "text": "路灯", "at": "镜湖区沿河路7920号40栋820室", key: true });
        let mut record = record(row.clone());
        record.key = contract::RecordKey::new(key);
        let scrubbed = mapping.scrub(&row.to_string(), std::slice::from_ref(&record));
        let expected = json!({ "id": filler, "text": "甲甲", "at": "甲甲甲甲甲甲1111甲11甲111甲", name: true });
        assert_eq!(serde_json::from_str::<Value>(&scrubbed).unwrap(), expected, "{key}");
    }
}

#[test]
fn the_texts_and_attributes_of_xml_become_filler() {
    let page = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY co \"宏图\">]>\n<a><!-- 李四 -->\n\
        <row no='王小明' n=\"3\"><名>王小明</名><b>&co;&#29579;a &lt; b</b><c><![CDATA[<李四>]]></c>\
        <d>{&quot;who&quot;:&quot;李四&quot;}</d></row></a>";
    let expected = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY co \"甲甲\">]>\n<a><!-- 甲甲 -->\n\
        <row no='甲甲甲' n=\"3\"><名>甲甲甲</名><b>&co;甲a &lt; a</b><c><![CDATA[<甲甲>]]></c>\
        <d>{&quot;who&quot;:&quot;甲甲&quot;}</d></row></a>";
    let mapping = build(DEMAND).unwrap();
    assert_eq!(mapping.scrub(page, &[record(json!({ "title": "王小明" }))]), expected);
}

#[test]
fn a_page_without_records_keeps_its_texts_except_numbers_of_people() {
    let mapping = build(DEMAND).unwrap();
    let refusal = r#"{"msg":"签名错误，请致电13900005678"}"#;
    assert_eq!(mapping.scrub(refusal, &[]), r#"{"msg":"签名错误，请致电139****5678"}"#);
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
