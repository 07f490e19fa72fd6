use serde_json::json;

use super::*;

#[test]
fn all_counts_of_the_answer_must_be_zero() {
    for (tree, expected) in [
        (json!({ "data": null, "total": 0 }), true),
        (json!({ "page": { "totalCount": "0" } }), true),
        (json!({ "a": [{ "TOTAL": [{ "$text": "0" }] }] }), true),
        (json!({ "data": null }), false),
        (json!({ "data": null, "discount": 0 }), false),
        (json!({ "data": null, "total": 3, "count": 0 }), false),
    ] {
        assert_eq!(says_zero(&tree), expected, "{tree}");
    }
}

#[test]
fn an_answer_that_reports_a_failure_has_a_code_that_is_no_success() {
    for (tree, expected) in [
        (json!({ "code": 0, "total": 0 }), false),
        (json!({ "code": "200", "success": true, "data": null }), false),
        (json!({ "total": 0, "list": null }), false),
        (json!({ "code": 500, "msg": "busy", "data": null, "total": 0 }), true),
        (json!({ "success": false, "total": 0 }), true),
        (json!({ "Status": "ERROR", "total": 0 }), true),
        (json!({ "ok": false, "total": 0 }), true),
        (json!({ "code": 7, "total": 0 }), true),
        (json!({ "errors": [{ "message": "x" }], "data": null }), true),
        (json!({ "errors": [], "error": null, "data": null }), false),
    ] {
        let report = Report::of(&tree, false);
        assert_eq!(report.may_fail(&BTreeSet::new()), expected, "{tree}");
    }
}

#[test]
fn an_empty_list_beside_a_failure_in_the_words_of_any_vendor_is_a_failure() {
    for failure in [
        json!({ "errcode": 40001, "errmsg": "invalid token" }),
        json!({ "errcode": 7 }),
        json!({ "resultCode": "9999", "resultMsg": "失败" }),
        json!({ "message": "系统繁忙" }),
        json!({ "code": 0, "message": "系统繁忙" }),
        json!({ "message": "请求过于频繁，请稍后再试" }),
        json!({ "ret": -1 }),
        json!({ "state": "FAIL" }),
        json!({ "flag": "0", "info": "请重新登录" }),
        json!({ "result": "fail", "desc": "流量超限" }),
        json!({ "head": { "code": "500" } }),
        json!({ "isSuccess": "false" }),
        json!({ "success": 0 }),
        json!({ "rtnCode": "E001", "rtnMsg": "超时" }),
        json!({ "exception": "java.lang.NullPointerException" }),
        json!({ "error": { "code": 5 } }),
        json!({ "code": 1, "msg": "no right" }),
        json!({ "code": 1, "msg": "接口不存在" }),
        json!({ "code": 1, "msg": "appId must not be empty" }),
        json!({ "ok": false }),
        json!({ "status": "fail" }),
        json!({ "code": "429" }),
        json!({ "error": "ratelimited" }),
    ] {
        let mut tree = json!({ "rows": [], "total": 0 });
        tree.as_object_mut().unwrap().extend(failure.as_object().unwrap().clone());
        assert!(Report::of(&tree, false).fails(&BTreeSet::new()), "{tree}");
    }
    let element = |text: &str| json!([{ "$text": text }]);
    let result = json!({ "code": element("500"), "message": element("db down") });
    for tree in [
        json!({ "r": [result] }),
        json!({ "Envelope": [{ "Body": [{ "getResponse": [{ "return": [result] }] }] }] }),
    ] {
        assert!(Report::of(&tree, true).fails(&BTreeSet::new()), "{tree}");
    }
}

#[test]
fn an_empty_list_beside_a_good_report_is_no_failure() {
    for tree in [
        json!({ "code": 1, "rows": [] }),
        json!({ "code": 1, "msg": "查询成功", "rows": [] }),
        json!({ "code": 1, "message": "OK", "rows": [] }),
        json!({ "code": "A00000", "status": "active", "rows": [] }),
        json!({ "code": 20_000, "success": true, "errors": [], "rows": [] }),
        json!({ "code": 2, "msg": "没有查询到数据", "rows": [] }),
        json!({ "code": 1, "msg": "没有更多了", "rows": [] }),
        json!({ "code": 1, "msg": "Record not found", "rows": [] }),
        json!({ "flag": "1", "message": "本次查询", "rows": [] }),
        json!({ "flag": 0, "rows": [] }),
        json!({ "errcode": 0, "errmsg": "ok", "rows": [] }),
        json!({ "code": 0, "info": "超时工单", "error": false, "rows": [] }),
        json!([]),
    ] {
        assert!(!Report::of(&tree, false).fails(&BTreeSet::new()), "{tree}");
    }
    let report = |rows: Value| {
        Report::of(
            &json!({ "code": 1, "msg": "第一批", "message": "超时工单", "rows": rows }),
            false,
        )
    };
    let known = report(json!([{ "id": 1 }])).signs().collect();
    assert!(report(json!([])).fails(&BTreeSet::new()));
    assert!(!report(json!([])).fails(&known), "it came with records too");
    let tree = json!({ "errcode": 1, "rows": [] });
    let known = Report::of(&tree, false).signs().collect();
    assert!(!Report::of(&tree, false).fails(&known), "a code is what the source makes of it");
}

#[test]
fn an_answer_with_nothing_but_a_report_is_bare() {
    for (tree, expected) in [
        (json!(null), true),
        (json!([]), true),
        (json!({}), true),
        (json!({ "code": 0, "data": null }), true),
        (json!({ "code": 0, "data": null, "msg": "查询超时", "traceId": "x" }), true),
        (json!({ "head": { "code": 1 }, "data": {} }), true),
        (json!({ "result": "fail", "desc": "流量超限" }), true),
        (json!({ "code": 0, "data": { "text": "路灯" } }), false),
        (json!({ "code": 0, "of": "a" }), false),
        (json!({ "code": 0, "message": "ok", "result": { "text": "路灯" } }), false),
        (json!([{ "v": 1 }]), false),
    ] {
        assert_eq!(is_bare(&tree, false), expected, "{tree}");
    }
}

#[test]
fn lines_that_end_within_a_record_were_cut() {
    for (text, expected) in [
        ("{\"id\":1}\n{\"id\":2,\"t\":\"路", true),
        ("{\"id\":1}\n{\"id\":2}", false),
        ("{\"id\":1}\n{\"id\":2,\n", false),
        ("{\"id\":1}\n{\"id\":2}\n \t", false),
        ("{\"id\":1}\n{\"id\":2,\"t\":\"路 ", true),
        ("{\n  \"rows\": [\n", false),
        ("{\"id\":1}", false),
        ("", false),
    ] {
        assert_eq!(ends_within_a_line(text), expected, "{text}");
    }
}
