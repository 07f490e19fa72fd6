use serde_json::{Value, json};

use super::*;

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
        let unmasked = redact(&mut body, &own, &mut Work::default()).unwrap();
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
        assert_eq!(mask_credit_code(code, &own).as_deref(), masked, "{code}");
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
        let unmasked = redact(&mut body, &own, &mut Work::default()).unwrap();
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
