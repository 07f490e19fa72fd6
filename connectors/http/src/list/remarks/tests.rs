use serde_json::json;

use super::*;

fn against_end(remark: &Value, known: &[Value]) -> Option<String> {
    let answer = |remark: &Value, rows: Value| {
        let mut tree = json!({ "rows": rows });
        tree.as_object_mut().unwrap().extend(remark.as_object().unwrap().clone());
        tree
    };
    let known = known.iter().map(|known| answer(known, json!([])));
    let known = known.flat_map(|tree| Remarks::of(&tree, false).signs()).collect();
    let remarks = Remarks::of(&answer(remark, json!([])), false);
    remarks.against_end(&known, true, false).map(str::to_owned)
}

#[test]
fn words_that_are_neither_a_success_nor_an_end_speak_against_an_empty_page() {
    for remark in [
        json!({ "message": "Result window is too large, from + size must be less than [30]" }),
        json!({ "message": "page number exceeds the maximum of 2" }),
        json!({ "msg": "页码超出范围" }),
        json!({ "msg": "查询成功，仅返回前1000条" }),
        json!({ "msg": "no more than 100 pages" }),
        json!({ "message": "ok", "warnings": ["only the first 10 records are shown"] }),
        json!({ "meta": { "message": "quota used up" } }),
        json!({ "timed_out": true }),
        json!({ "truncated": "true" }),
        json!({ "partial": true }),
        json!({ "hasMore": true }),
        json!({ "data": { "has_more": true } }),
        json!({ "more": true }),
        json!({ "resultCode": "E1001" }),
        json!({ "retcode": 1 }),
        json!({ "err": 3 }),
        json!({ "code": 3, "msg": null }),
    ] {
        assert!(against_end(&remark, &[json!({ "code": 1 })]).is_some(), "{remark}");
    }
}

#[test]
fn benign_words_and_what_came_with_records_do_not_speak_against_an_empty_page() {
    for text in [
        "success",
        "SUCCESS",
        "ok",
        "OK.",
        "Query ok",
        "成功",
        "查询成功",
        "无数据",
        "暂无数据",
        "没有更多了",
        "共0条",
        "0 records",
        "no data",
        "no more",
        "not found records",
        "No records found",
        "nothing to show",
        "已加载全部",
        "查询完毕",
        "最后一页",
        "",
        "none",
    ] {
        for remark in [
            json!({ "message": text }),
            json!({ "msg": text, "retcode": 1 }),
            json!({ "code": 2, "warning": text, "msg": "ok" }),
        ] {
            let known = [json!({ "retcode": 1, "code": 2 })];
            assert_eq!(against_end(&remark, &known), None, "{remark}");
        }
    }
    for (remark, known) in [
        (json!({ "code": 1 }), json!({ "code": 1 })),
        (json!({ "code": "NO_DATA" }), json!({ "code": "A1" })),
        (json!({ "code": 204 }), json!({ "code": 1 })),
        (json!({ "msg": "第 3 批" }), json!({ "msg": "第 2 批" })),
        (json!({ "msg": "took 12ms, id 9f3a" }), json!({ "msg": "took 7ms, id b2c1" })),
        (json!({ "partial": true }), json!({ "partial": true })),
        (json!({ "hasMore": false, "err": false, "errno": 0 }), json!({})),
        (json!({ "data": { "state": "x" }, "total": 7 }), json!({})),
    ] {
        assert_eq!(against_end(&remark, std::slice::from_ref(&known)), None, "{remark} {known}");
    }
    let remarks = Remarks::of(&json!({ "code": 1, "msg": "page 9 is too far" }), false);
    assert_eq!(remarks.against_end(&BTreeSet::new(), true, true), None, "the settings know");
    let remarks = Remarks::of(&json!({ "code": 1 }), false);
    assert_eq!(remarks.against_end(&BTreeSet::new(), false, false), None, "not compared");
}
