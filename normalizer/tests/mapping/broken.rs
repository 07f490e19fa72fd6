//! Rows that another system decoded wrongly: a row is repaired before anything else reads it.

use contract::{DemandBody, Sealed, demand::QualityFlag};
use encoding_rs::{Encoding, GB18030, UTF_8, WINDOWS_1252};
use serde_json::{Value, json};

use crate::support::{accept, build, record};

const DEMAND: &str = r#"
title   = { at = "$.标题", required = true }
content = { at = "$.内容", clean = "html" }
kind    = { at = "$.类型", codes = "enterprise/kind" }
status  = { at = "$.状态", codes = "enterprise/status" }
org_raw = "$.单位"
address = "$.地址"
people  = [{ role = "main", name = "$.姓名", phone = "$.电话" }]
"#;

fn row() -> Value {
    json!({
        "标题": "厂区门前道路积水", "内容": "联系人诸葛建民反映，厂区门前道路积水，货车无法通行。",
        "类型": "用地服务", "状态": "处理中", "单位": "弋江区住房和城乡建设局",
        "地址": "芜湖市弋江区中山南路18号", "姓名": "诸葛建民", "电话": "13800005678",
    })
}

/// The row with each text written in one charset and read in another; a text that would lose a byte is
/// left out.
fn broken(row: &Value, written: &'static Encoding, read: &'static Encoding) -> Value {
    let members = row.as_object().unwrap().iter().filter_map(|(name, text)| {
        let (bytes, ..) = written.encode(text.as_str().unwrap());
        let text = read.decode_without_bom_handling_and_without_replacement(&bytes)?;
        Some((name.clone(), json!(text)))
    });
    Value::Object(members.collect())
}

fn body(row: Value) -> DemandBody {
    accept(&build(DEMAND).unwrap(), &record(row)).body
}

fn token(sealed: &Option<Sealed>) -> Option<String> {
    sealed.as_ref()?.token.clone()
}

#[test]
fn a_row_broken_in_every_cell_gives_the_same_demand_as_the_whole_row() {
    let whole = body(row());
    assert!(whole.kind.is_some() && whole.status.is_some() && whole.address.is_some());
    for (written, read) in [(UTF_8, WINDOWS_1252), (GB18030, WINDOWS_1252), (UTF_8, GB18030)] {
        let row = broken(&row(), written, read);
        let body = body(row.clone());
        let is_there = |name: &str| row.get(name).is_some();
        let kept = |there: bool, text: &Option<String>| text.clone().filter(|_| there);
        assert_eq!(body.title, kept(is_there("标题"), &whole.title), "{row}");
        assert_eq!(body.content, kept(is_there("内容"), &whole.content), "{row}");
        assert_eq!(body.org_raw, kept(is_there("单位"), &whole.org_raw), "{row}");
        assert_eq!(body.kind, whole.kind.filter(|_| is_there("类型")), "{row}");
        assert_eq!(body.status, whole.status.filter(|_| is_there("状态")), "{row}");
        if is_there("姓名") {
            assert_eq!(token(&body.people[0].name), token(&whole.people[0].name), "{row}");
        }
        if is_there("地址") {
            assert_eq!(token(&body.address), token(&whole.address), "{row}");
        }
        let shown = serde_json::to_string(&body).unwrap();
        assert!(!shown.contains("诸葛建民"), "{shown}");
        assert!(body.quality.iter().all(|note| note.flag == QualityFlag::RepairedText));
    }
}

#[test]
fn a_broken_name_is_masked_in_a_text_that_cannot_be_repaired() {
    let broken = broken(&row(), UTF_8, WINDOWS_1252);
    let name = broken["姓名"].as_str().unwrap();
    // The bytes beside the name are lost, so the whole text stays.
    let text = format!("è\u{FFFD}{name}å\u{FFFD}");
    let mut row = broken.clone();
    row["内容"] = json!(text);
    let shown = serde_json::to_string(&body(row)).unwrap();
    assert!(!shown.contains(name) && !shown.contains("诸葛建民"), "{shown}");
}

#[test]
fn a_text_of_which_nothing_is_left_is_flagged_and_identifies_nobody() {
    for lost in ["????", "¿¿¿", "\u{FFFD}\u{FFFD}"] {
        let body = body(json!({ "标题": lost, "姓名": lost, "地址": lost, "状态": lost }));
        let has = |field: &str, flag| {
            body.quality.iter().any(|note| note.field == field && note.flag == flag)
        };
        for field in ["title", "people.name", "address", "status"] {
            assert!(has(field, QualityFlag::Damaged), "{lost} {field}: {:?}", body.quality);
        }
        assert!(has("title", QualityFlag::MissingRequired), "{lost}: {:?}", body.quality);
        assert_eq!(token(&body.people[0].name), None, "{lost}");
        assert_eq!(token(&body.address), None, "{lost}");
        assert_eq!(body.status, None);
    }
    let partly = body(json!({ "标题": "路灯", "姓名": "诸葛?民" }));
    assert_eq!(token(&partly.people[0].name), None);
}

#[test]
fn characters_that_look_the_same_are_the_same_name_label_and_text() {
    let mut seen = row();
    seen["姓名"] = json!("诸葛建⺠\u{200B}");
    seen["类型"] = json!("\u{FEFF}⽤地服务");
    seen["内容"] = json!("⻔前\u{202E}道路积⽔");
    let (seen, whole) = (body(seen), body(row()));
    assert_eq!(token(&seen.people[0].name), token(&whole.people[0].name));
    assert_eq!((seen.kind, seen.content.as_deref()), (whole.kind, Some("门前道路积水")));
    let flags: Vec<_> = seen.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect();
    for field in ["people.name", "kind", "content"] {
        for flag in [QualityFlag::ControlCharacters, QualityFlag::RepairedText] {
            assert!(flags.contains(&(field, flag)), "{field} {flag:?}: {flags:?}");
        }
    }
}
