use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Masks a body, and rebuilds the originals of its masked texts.
fn redacted(body: &mut DemandBody, own: &OwnValues) -> BTreeMap<String, String> {
    let replaced = redact(body, own, &mut Work::default()).unwrap();
    unmasked::originals(&serde_json::to_vec(&replaced).unwrap(), body.clone()).unwrap()
}

#[test]
fn own_values_are_masked_in_every_text_field_of_a_demand() {
    let own = petitioners();
    for (value, mask) in [
        ("13900001111", "139****1111"),
        ("11010519491231002X", "110105****002X"),
        ("110105491231002", "110105****002X"),
    ] {
        let text = format!("单{value}号");
        let all = json!({
            "source_no": text, "kind_raw": text, "title": text, "content": text, "category": text,
            "category_raw": text, "tags": [text], "region_raw": text, "grid": text, "reply": text,
            "enterprise": { "name": text, "uscc": text, "type": text },
            "attachments": [{ "name": text, "url": text, "mime": text }],
            "repeat": { "flag": text, "of": text },
            "status_raw": text, "org": text, "org_raw": text, "org_joint": [text],
            "tasks": [{ "org": text, "returned_reason": text }],
            "evaluations": [{ "satisfaction": text, "satisfaction_raw": text }],
            "trail": [{ "step": text, "org": text, "note": text }],
            "related": [{ "no": text, "relation": text }],
        });
        let mut body: DemandBody = serde_json::from_value(all.clone()).unwrap();
        let unmasked = redacted(&mut body, &own);
        let expected: Value = serde_json::from_str(&all.to_string().replace(value, mask)).unwrap();
        assert_eq!(serde_json::to_value(&body).unwrap(), expected);
        assert_eq!(unmasked.len(), all.to_string().matches(value).count());
        assert!(unmasked.values().all(|original| *original == text), "{unmasked:?}");
    }
}

#[test]
fn what_stands_for_a_credit_code_is_masked_if_it_is_the_number_of_a_person() {
    let own = petitioners();
    for (code, masked) in [
        ("340202198001010015", Some("340202****0015")),
        ("13800001234", Some("138****1234")),
        ("9211010519491231002X", Some("92110105****002X")),
        ("110105491231002", Some("110105****002X")),
        ("91340200MA8N0W1H51", None),
        ("340202800101001", None),
    ] {
        let found = unmasked::masked(code, credit_code(code, &own));
        assert_eq!(found.map(|(text, _)| text).as_deref(), masked, "{code}");
    }
}

#[test]
fn an_own_value_that_is_divided_among_the_items_of_a_list_is_masked() {
    let own = petitioners();
    for (items, masked) in [
        (&["老人", "139", "0000", "1111", "急"], &["老人", "****", "****", "****", "急"]),
        (&["电139", "0000", "", "1111转8", ""], &["电****", "****", "", "****转8", ""]),
        (
            &["13900001111", "139", "0000", "1111", "0"],
            &["139****1111", "****", "****", "****", "0"],
        ),
        (&["139", "0000", "2222", "王小", "明天"], &["139", "0000", "2222", "王小", "明天"]),
    ] {
        let mut body = DemandBody {
            tags: items.map(str::to_owned).to_vec(),
            org_joint: items.map(str::to_owned).to_vec(),
            ..DemandBody::default()
        };
        let unmasked = redacted(&mut body, &own);
        assert_eq!(
            (&body.tags[..], &body.org_joint[..]),
            (&masked.map(str::to_owned)[..], &masked.map(str::to_owned)[..])
        );
        for (index, (item, masked)) in items.iter().zip(masked).enumerate() {
            let original = unmasked.get(&format!("tags.{index}"));
            assert_eq!(original.map(String::as_str), (item != masked).then_some(*item));
        }
    }
}

proptest! {
    #[test]
    fn originals_are_rebuilt_whatever_is_masked(
        pieces in proptest::collection::vec(
            "(王小明|139|0000|1111|13900001111|11010519491231002X|文化路12号3栋501室|0553-3812345|138\\*\\*\\*\\*1234|\
             皖B12345|13800001234|a@b\\.example|、|，|\\PC{0,3})",
            0..12,
        ),
        name in "(王小明|张\\*\\*|[0-9a-z]{2,9}|\\PC{0,4})",
        phone in "(13900001111|138\\*\\*\\*\\*1234|[0-9-]{7,12})",
    ) {
        let all = pieces.concat();
        let mut body = DemandBody {
            source_no: Some(all.clone()),
            title: Some(pieces.join(" ")),
            content: Some(all),
            tags: pieces.clone(),
            org_joint: pieces,
            ..DemandBody::default()
        };
        let before = body.clone();
        let unmasked = redacted(&mut body, &own(&name, &phone, "镜湖区文化路12号3栋501室"));
        let mut texts = BTreeMap::new();
        each_text(&mut body, |path, _, text| {
            texts.insert(path.to_string(), text.clone());
        });
        each_text(&mut before.clone(), |path, _, text| {
            let stored = &texts[&path.to_string()];
            let original = unmasked.get(&path.to_string()).unwrap_or(stored);
            assert_eq!(original, text);
        });
    }
}

#[test]
fn a_value_that_arrived_masked_is_not_said_twice() {
    let mut body = DemandBody { title: Some("张**来电".into()), ..DemandBody::default() };
    assert!(redacted(&mut body, &own("张**", "", "")).is_empty());
    assert_eq!(body.title.as_deref(), Some("张**来电"));
}

#[test]
fn each_of_several_names_is_masked_and_what_names_no_person_stays() {
    for (cell, text, masked) in [
        ("张三 李四", "张三和李四", "张**和李**"),
        ("张三　欧阳震霆", "欧阳震霆，张 三", "欧阳**，张**"),
        ("王 小明", "王小明，小明", "王**，小明"),
        ("欧阳 震霆", "欧阳修，震霆，欧阳震霆", "欧阳修，震霆，欧阳**"),
    ] {
        check(&own(cell, "", ""), text, masked);
    }
    for name in [
        "芜湖市",
        "镜湖区",
        "无为县",
        "赭山街道",
        "广大业主",
        "物业公司",
        "某某小区居民",
        "公安分局",
        "12345",
        "匿名",
        "全体市民",
    ] {
        let text = format!("{name}反映{name}不作为");
        check(&own(name, "", ""), &text, &text);
    }
    check(&own("刘镇", "", ""), "刘镇说", "刘**说");
}

#[test]
fn own_numbers_are_masked_as_amounts_and_in_identifiers_too() {
    let own = petitioners();
    for text in ["投资*元", "占地*平方米", "0.*", "WH2026-138-*", "苏A*号文件"] {
        let of = |number: &str| text.replace('*', number);
        check(&own, &of("13900001111"), &of("139****1111"));
    }
}
