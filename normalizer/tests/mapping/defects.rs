//! Mistakes that other systems make with the same records. Each was found in a published mapper of
//! petitions or of a hotline; the comments in the tests describe it.

use contract::demand::QualityFlag::{
    self, BadTime, ControlCharacters, MaskedValue, OutdatedRegion, UnknownCode,
};
use normalizer_text::{Charset, decode_strict};
use serde_json::{Value, json};

use crate::support::{accept, build, record, reference, sample, sealer};

fn flags(body: &contract::DemandBody) -> Vec<(&str, QualityFlag)> {
    body.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect()
}

#[test]
fn an_unknown_purpose_is_never_mapped_to_other() {
    // '99' for every row whose list was the wrong one.
    let mapping = build(r#"kind = { at = "$.md", codes = "hotline/kind" }"#).unwrap();
    for md in ["5003", "50003", "99", "04", "求决 ", "20 "] {
        let body = accept(&mapping, &record(json!({ "md": md }))).body;
        assert_ne!(body.kind, Some(contract::demand::Kind::Other), "{md}");
        assert_eq!(body.kind.is_none(), flags(&body) == [("kind", UnknownCode)], "{md}");
        assert_eq!(body.kind_raw.as_deref(), Some(md.trim()));
    }
}

#[test]
fn a_landline_keeps_the_zero_of_its_area() {
    // ltrim(trim(x), '0').
    let mapping = build("people = [{ phone = '$.p' }]").unwrap();
    for (typed, doubts) in [
        ("0553-3800000", vec![]),
        ("05533800000", vec![]),
        (" 05533800000 ", vec![]),
        // A spreadsheet removed the zero: it is restored and flagged.
        ("5533800000", vec![("people.phone", QualityFlag::BadPhone)]),
    ] {
        let accepted = accept(&mapping, &record(json!({ "p": typed })));
        assert_eq!(flags(&accepted.body), doubts, "{typed}");
        let phone = accepted.body.people[0].phone.clone().unwrap();
        let tokens = sealer().tokens(&normalizer::Personal::phone("0553-3800000"));
        assert_eq!(phone.token, tokens.first().cloned(), "{typed}");
    }
}

#[test]
fn gender_is_read_by_the_sources_table_and_an_empty_person_is_dropped() {
    // '0' became '1', and everything else became '0', even NULL.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sex.csv"), "raw,code\n0,female\n1,male\n").unwrap();
    let codes = normalizer::CodeTables::default().overridden_by(folder.path()).unwrap();
    let config =
        toml::from_str("people = [{ name = '$.n', gender = { at = '$.s', codes = 'sex' } }]");
    let mapping = normalizer::Mapping::build(
        crate::support::channel(),
        &config.unwrap(),
        &codes,
        sealer(),
        chrono_tz::Asia::Shanghai,
    )
    .unwrap();
    let gender = |sex: Value| {
        let body = accept(&mapping, &record(json!({"n": "张三", "s": sex}))).body;
        body.people[0].gender.clone()
    };
    assert_eq!(gender(json!("0")).as_deref(), Some("female"));
    assert_eq!(gender(json!(1)).as_deref(), Some("male"));
    assert_eq!([gender(json!(null)), gender(json!("2")), gender(json!(""))], [None, None, None]);
}

#[test]
fn no_deadline_is_invented() {
    // djrq + 10 calendar days.
    let body = accept(&reference(), &record(sample())).body;
    assert!(body.received_at.is_some());
    assert_eq!(body.due_at, None);
}

#[test]
fn a_missing_yes_or_no_is_absent_and_not_no() {
    // Constants for a whole city: anonymous 0, public 0.
    let mapping = build("anonymous = '$.nmbz'\nconfidential = '$.gkbz'").unwrap();
    let body = accept(&mapping, &record(json!({"nmbz": null}))).body;
    assert_eq!((body.anonymous, body.confidential), (None, None));
    let body = accept(&mapping, &record(json!({"nmbz": "0"}))).body;
    assert_eq!((body.anonymous, body.confidential), (Some(false), None));
}

#[test]
fn an_unreadable_time_is_flagged_and_never_replaced_by_now() {
    // Unparsable createTime became now(), unparsable planTime no deadline.
    let mapping = build("received_at = '$.createTime'\ndue_at = '$.planTime'").unwrap();
    let tree = json!({"createTime": "2026-13-41", "planTime": "三日内"});
    let body = accept(&mapping, &record(tree)).body;
    assert_eq!((body.received_at, body.due_at), (None, None));
    assert_eq!(flags(&body), [("received_at", BadTime), ("due_at", BadTime)]);
}

#[test]
fn labels_and_codes_of_one_list_mean_the_same() {
    // Everything was a label after an upgrade, and nothing was a code.
    let status = |label: &str| {
        let mut tree = sample();
        tree["CSTATUS"] = json!(label);
        accept(&reference(), &record(tree)).body.status
    };
    assert_eq!(status("35"), status("待签收"));
    assert_eq!(status("35"), status("３５"));
    assert_eq!(status("35"), Some(contract::demand::Status::Assigned));
}

#[test]
fn a_name_never_changes_where_a_demand_came_from() {
    // cusName = 苏州寒山闻钟 changed the source.
    let mut tree = sample();
    tree["RQSTPERSON"] = json!("苏州寒山闻钟");
    let body = accept(&reference(), &record(tree)).body;
    assert_eq!(body.tags, accept(&reference(), &record(sample())).body.tags);
}

#[test]
fn t06_rare_names_in_gbk_declared_gb2312_are_read_in_full() {
    let charset = Charset::from_label("gb2312").unwrap();
    for (bytes, name) in [
        (&b"\xC0\xEE\x86\xB4"[..], "李喆"),
        (b"\xD5\xC5\xFE\x9F", "张䶮"),
        (b"\xC0\xEE\x82\x30\xB7\x31", "李㛃"),
    ] {
        let decoded = decode_strict(bytes, charset);
        assert_eq!((&*decoded.text, decoded.malformed.len()), (name, 0));
        let mut tree = sample();
        tree["RQSTPERSON"] = json!(decoded.text);
        let body = accept(&reference(), &record(tree)).body;
        let mask = name.chars().take(1).chain(['*', '*']).collect::<String>();
        assert_eq!(body.people[0].name.as_ref().map(|name| name.mask.clone()), Some(mask));
    }
}

#[test]
fn t13_control_characters_are_removed_flagged_and_kept_in_raw() {
    let mut tree = sample();
    tree["RQSTTITLE"] = json!("\u{FEFF}夜间\u{0}施工_x000D_噪音");
    let accepted = accept(&reference(), &record(tree.clone()));
    assert_eq!(accepted.body.title.as_deref(), Some("夜间施工\n噪音"));
    assert!(flags(&accepted.body).contains(&("title", ControlCharacters)));
    let id = contract::DemandId::of(&crate::support::channel(), &record(tree.clone()).key);
    let place = normalizer::Place { channel: &crate::support::channel(), id: &id };
    let raw = normalizer::open_raw(&sealer(), place, &accepted.raw).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&raw).unwrap(), tree);
}

#[test]
fn an_escape_that_the_reader_left_as_text_stays() {
    let mut tree = sample();
    tree["RQSTTITLE"] = json!("字面_x000D_");
    let mut record = record(tree);
    record.text.is_unescaped = true;
    let body = accept(&reference(), &record).body;
    assert_eq!(body.title.as_deref(), Some("字面_x000D_"));
    assert!(!flags(&body).contains(&("title", ControlCharacters)));
}

#[test]
fn t14_an_unknown_code_is_null_with_its_label_and_a_flag() {
    let mut tree = sample();
    tree["CSTATUS"] = json!("会签中");
    let body = accept(&reference(), &record(tree)).body;
    assert_eq!((body.status, body.status_raw.as_deref()), (None, Some("会签中")));
    assert_eq!(flags(&body), [("status", UnknownCode)]);
}

#[test]
fn t15_a_masked_telephone_compares_with_nobody() {
    let mapping = build("people = [{ name = '$.xxr', phone = '$.lxdh' }]").unwrap();
    let body = accept(&mapping, &record(json!({"xxr": "王*峰", "lxdh": "138****4567"}))).body;
    let person = &body.people[0];
    assert_eq!(person.phone.as_ref().map(|phone| phone.token.is_some()), Some(false));
    assert_eq!(person.name.as_ref().map(|name| name.token.is_some()), Some(false));
    assert_eq!(flags(&body), [("people.name", MaskedValue), ("people.phone", MaskedValue)]);
}

#[test]
fn t17_an_old_area_code_is_todays_and_its_own_digits_stay() {
    let mut tree = sample();
    tree["AREACODE"] = json!("340221");
    let body = accept(&reference(), &record(tree)).body;
    assert_eq!(
        (body.region.as_deref(), body.region_raw.as_deref()),
        (Some("340210"), Some("340221"))
    );
    assert_eq!(flags(&body), [("region", OutdatedRegion)]);
}

#[test]
fn a_text_read_in_the_wrong_charset_is_repaired_and_flagged() {
    let text = "反映某小区夜间施工噪音扰民，影响居民休息，请有关部门尽快处理。";
    // UTF-8, read as Windows-1252 by somebody before us.
    let (broken, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes());
    let mut tree = sample();
    tree["RQSTTITLE"] = json!(broken);
    let body = accept(&reference(), &record(tree)).body;
    assert_eq!(body.title.as_deref(), Some(text));
    assert_eq!(flags(&body), [("title", QualityFlag::RepairedText)]);
    let detail = body.quality[0].detail.clone().unwrap();
    assert!(detail.starts_with("utf8_read_as_latin1 at bytes 0 to "), "{detail}");
}
