//! Conversions and other settings of fields beyond a path.

use contract::demand::QualityFlag::{self, BadTime, MissingRequired, OutOfRange, UnknownCode};
use serde_json::{Value, json};

use crate::support::{accept, build, record};

/// The body as JSON, and the field and flag of every doubt.
pub(super) fn map(demand: &str, tree: Value) -> (Value, Vec<(String, QualityFlag)>) {
    let accepted = accept(&build(demand).unwrap(), &record(tree));
    let quality = accepted.body.quality.iter();
    let doubts = quality.map(|note| (note.field.clone(), note.flag)).collect();
    let mut body = serde_json::to_value(&accepted.body).unwrap();
    body.as_object_mut().unwrap().shift_remove("quality");
    (body, doubts)
}

pub(super) fn doubt(field: &str, flag: QualityFlag) -> Vec<(String, QualityFlag)> {
    vec![(field.to_owned(), flag)]
}

#[test]
fn a_missing_required_value_is_flagged_and_a_default_applies_only_if_the_source_has_none() {
    let demand = r#"
        title = { at = "$.t", required = true }
        kind  = { at = "$.k", codes = "hotline/kind", default = "其他" }
    "#;
    let (body, doubts) = map(demand, json!({}));
    assert_eq!(body, json!({"kind": "other"}));
    assert_eq!(doubts, doubt("title", MissingRequired));
    let (body, doubts) = map(demand, json!({"t": "x", "k": "没有的"}));
    assert_eq!(body, json!({"title": "x", "kind_raw": "没有的"}));
    assert_eq!(doubts, doubt("kind", UnknownCode));
}

#[test]
fn an_expression_sees_the_record_and_what_was_mapped_before() {
    let demand = r#"
        kind    = { at = "$.k", codes = "hotline/kind" }
        urgency = { expr = "'紧急' if demand.kind == 'report' and record.flag == '1' else '一般'", codes = "hotline/urgency" }
        tags    = { expr = "record.labels" }
        people  = [{ name = { expr = "record.first ~ record.last" } }]
    "#;
    let tree = json!({"k": "举报", "flag": "1", "labels": ["a", "b"], "first": "张", "last": "三"});
    let (body, doubts) = map(demand, tree);
    assert_eq!(body["urgency"], "urgent");
    assert_eq!(body["tags"], json!(["a", "b"]));
    assert_eq!(body["people"][0]["name"]["mask"], "张**");
    assert_eq!(doubts, []);
    let (body, doubts) = map(demand, json!({"k": "举报"}));
    assert_eq!(body["urgency"], Value::Null);
    let fields: Vec<_> = doubts.iter().map(|(field, flag)| (field.as_str(), *flag)).collect();
    assert_eq!(fields, [("urgency", OutOfRange), ("people.name", OutOfRange)]);
}

#[test]
fn tasks_evaluations_people_and_cited_orders_are_lists_of_what_the_record_holds() {
    let demand = r#"
        source_no = "$.no"
        content   = "$.text"
        due_at    = { at = "$.text", extract = "time_limit" }
        tags      = { at = "$.text", extract = "intake_channel", codes = "hotline/source" }
        people    = [{ each = "$.xfr[*]", main = "$.zf", name = "$.xm", id_no = "$.zjhm" }]
        tasks     = { each = "$.tasks[*]", org = "$.unit", role = { at = "$.role" }, due_at = { at = "$.limit", as = "duration", after = "$.sent" }, limit_unit = { at = "$.unit_of" } }
        evaluations = { each = "$", by = { const = "citizen" }, resolved = "$.jj", satisfaction = { at = "$.my", codes = "hotline/urgency" } }
        related   = { each = "$.merged[*]", no = "$.no", relation = { const = "merged" }, cited = ["$.text", "$.note"] }
    "#;
    let tree = json!({
        "no": "DH202610090137", "jj": "否", "my": "普通",
        "text": "【来源：微信】续DH202610080001, 请于2026年10月16日17时前办结",
        "note": "另见WZ202610070002与DH202610080001",
        "xfr": [{"zf": "1", "xm": "李喆", "zjhm": "34020219880808888X"}, {"zf": "0", "xm": "王五"}],
        "tasks": [{"unit": "城管局", "role": "lead", "limit": "2小时", "sent": "2026-10-09 10:30", "unit_of": "minute"}, {}],
        "merged": [{"no": "DH1"}],
    });
    let (body, doubts) = map(demand, tree);
    assert_eq!(body["due_at"], "2026-10-16T09:00:00Z");
    assert_eq!(body["tags"], json!(["wechat"]));
    assert_eq!([&body["people"][0]["role"], &body["people"][1]["role"]], ["main", "joint"]);
    assert_eq!(
        body["tasks"],
        json!([{"org": "城管局", "role": "lead", "due_at": "2026-10-09T04:30:00Z", "limit_unit": "minute"}])
    );
    assert_eq!(
        body["evaluations"],
        json!([{"by": "citizen", "resolved": false, "satisfaction": "normal", "satisfaction_raw": "普通"}])
    );
    assert_eq!(
        body["related"],
        json!([
            {"no": "DH1", "relation": "merged"},
            {"no": "DH202610080001", "relation": "cited"},
            {"no": "WZ202610070002", "relation": "cited"},
        ])
    );
    // A wrong check digit is flagged, and the person is kept.
    assert_eq!(doubts, doubt("people.id_no", QualityFlag::BadChecksum));
}

#[test]
fn numbers_stay_text_and_lose_nothing() {
    let demand = r#"org_raw = { at = "$.n", as = "decimal" }
                    people_count = "$.c""#;
    let number = |given: Value| map(demand, json!({ "n": given })).0["org_raw"].clone();
    assert_eq!(number(json!("１,２３４.５０元")), "1234.50");
    assert_eq!(
        number(json!("123456789012345678901234567890.10")),
        "123456789012345678901234567890.10"
    );
    assert_eq!(number(json!("1.2.3")), Value::Null);
    assert_eq!(map(demand, json!({"c": "12.0"})).0["people_count"], 12);
    assert_eq!(map(demand, json!({"c": "12.5"})).1, doubt("people_count", OutOfRange));
    assert_eq!(number(json!("1 234 567.50 元")), "1234567.50");
    assert_eq!(map(demand, json!({"c": " 1　200 "})).0["people_count"], 1200);
    for count in ["3 0", "30 1", "1 2000", "1234 567", "１　２", "3\n000 1"] {
        let (body, doubts) = map(demand, json!({ "c": count, "n": count }));
        let flagged = [doubt("org_raw", OutOfRange), doubt("people_count", OutOfRange)].concat();
        assert_eq!((body, doubts), (json!({}), flagged), "{count}");
    }
    let (body, doubts) = map("due_at = '$.t'", json!({"t": "尽快"}));
    assert_eq!((body, doubts), (json!({}), doubt("due_at", BadTime)));
}

#[test]
fn a_limit_in_working_time_ends_by_the_calendar() {
    let demand = r#"
        due_at = { at = "$.limit", as = "duration", unit = { at = "$.unit", codes = "hotline/limit_unit" }, after = "$.begin" }
        tasks  = { each = "$.tasks[*]", due_at = { at = "$.limit", as = "duration", after = "$.begin" } }
    "#;
    let due = |limit: Value, unit: &str, begin: &str| {
        let tree = json!({ "limit": limit, "unit": unit, "begin": begin });
        let (body, doubts) = map(demand, tree);
        (body["due_at"].as_str().unwrap_or_default().to_owned(), doubts)
    };
    // Friday, before a Saturday on which people work; Beijing time is eight hours ahead.
    let friday = "2026-10-09 10:30:00";
    for (limit, unit, end) in [
        (json!(1), "2", "2026-10-10T09:30:00Z"),
        (json!("2"), "2", "2026-10-12T09:30:00Z"),
        (json!(2), "1", "2026-10-09T07:00:00Z"),
        (json!(90), "0", "2026-10-09T04:00:00Z"),
        (json!("１"), "2", "2026-10-10T09:30:00Z"),
        (json!("3个工作日"), "2", "2026-10-13T09:30:00Z"),
    ] {
        assert_eq!(due(limit.clone(), unit, friday), (end.to_owned(), vec![]), "{limit} {unit}");
    }
    // A begin with a zone is the same moment.
    assert_eq!(due(json!(1), "2", "2026-10-09T02:30:00Z").0, "2026-10-10T09:30:00Z");
    // A wrong deadline is worse than none.
    for (limit, unit, begin) in [
        (json!(5), "2", "2026-12-30 10:30:00"),
        (json!(5), "2", "2031-03-03 10:30:00"),
        (json!(0), "2", friday),
        (json!(-1), "2", friday),
        (json!(1.5), "2", friday),
        (json!("尽快"), "2", friday),
        (json!(5), "2", "不详"),
    ] {
        let (end, doubts) = due(limit.clone(), unit, begin);
        assert_eq!((end.as_str(), doubts), ("", doubt("due_at", BadTime)), "{limit} {begin}");
    }
    let (end, doubts) = due(json!(5), "7", friday);
    assert_eq!(end, "");
    assert!(doubts.contains(&("due_at".to_owned(), UnknownCode)), "{doubts:?}");

    let tasks = json!({ "tasks": [
        { "limit": "5个工作日", "begin": friday }, { "limit": "8工作时", "begin": friday }, { "limit": null, "begin": friday },
    ] });
    let (body, doubts) = map(demand, tasks);
    assert_eq!(body["tasks"][0]["due_at"], "2026-10-15T09:30:00Z");
    assert_eq!(body["tasks"][1]["due_at"], "2026-10-10T04:00:00Z");
    assert_eq!(body["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(doubts, []);
}

#[test]
fn a_unit_that_is_no_unit_is_a_problem_of_the_table() {
    let problems = |demand: &str| build(demand).map(drop).unwrap_err()[0].to_string();
    let wrong = problems(
        r#"due_at = { at = "$.a", as = "duration", after = "$.b", unit = { const = "week" } }"#,
    );
    assert!(wrong.contains("minute, work_hour, work_day"), "{wrong}");
    let wrong = problems(r#"due_at = { at = "$.a", as = "datetime", unit = "$.b" }"#);
    assert!(wrong.contains("`unit` has no effect here"), "{wrong}");
}
