use contract::FaultKind;
use serde_json::json;

use super::*;

fn rules(settings: Value) -> Rules {
    serde_json::from_value(settings).unwrap()
}

/// `ok`, `nothing`, `unclear`, `expired`, `refused`, `transient`, `stopped`, or the seconds of a pause.
fn judge(rules: &Rules, status: u16, text: &str, retry_after: Option<u64>) -> String {
    let tree = document::json(text, &mut document::Findings::default()).ok();
    let retry_after = retry_after.map(Duration::from_secs);
    let tree = tree.as_ref();
    let (content_type, via_proxy) = (None, false);
    let answer = AnswerView { status, content_type, text, tree, retry_after, via_proxy };
    match rules.judge(None, answer) {
        Meaning::Success => "ok".into(),
        Meaning::Nothing => "nothing".into(),
        Meaning::Unclear => "unclear".into(),
        Meaning::Expired => "expired".into(),
        Meaning::Refused(_) => "refused".into(),
        Meaning::Fault(fault) => match fault.kind() {
            FaultKind::Transient => "transient".into(),
            FaultKind::Stopped => "stopped".into(),
            FaultKind::Throttled(wait) => wait.as_secs().to_string(),
        },
    }
}

#[test]
fn a_status_means_what_it_usually_means() {
    let none = rules(json!({}));
    for (status, retry_after, meaning) in [
        (200, None, "ok"),
        (204, None, "ok"),
        (302, None, "stopped"),
        (400, None, "refused"),
        (401, None, "stopped"),
        (403, None, "stopped"),
        (404, None, "stopped"),
        (408, None, "transient"),
        (429, None, "30"),
        (429, Some(7), "7"),
        (500, None, "transient"),
        (502, None, "transient"),
        (503, None, "transient"),
        (503, Some(120), "120"),
    ] {
        assert_eq!(judge(&none, status, "", retry_after), meaning, "{status}");
    }
}

#[test]
fn success_is_what_the_body_says() {
    let rules = rules(json!({ "success": { "at": "$.code", "equals": 0 } }));
    assert_eq!(judge(&rules, 200, r#"{"code":0}"#, None), "ok");
    assert_eq!(judge(&rules, 200, r#"{"code":"0"}"#, None), "ok");
    assert_eq!(judge(&rules, 200, r#"{"code":"SN0006","msg":"数据格式错误"}"#, None), "unclear");
    assert_eq!(judge(&rules, 200, "<html>", None), "unclear");
    assert_eq!(judge(&rules, 500, r#"{"code":1}"#, None), "transient");
}

#[test]
fn a_redirect_may_be_a_success_and_403_a_throttle() {
    let rules = rules(json!({
        "success": { "status": [200, 302] },
        "fault": [{ "status": 403, "kind": "throttled", "wait": "10m" }],
    }));
    assert!(
        rules.has_status(None, 302) && rules.has_status(None, 403) && !rules.has_status(None, 301)
    );
    assert_eq!(judge(&rules, 302, "", None), "ok");
    assert_eq!(judge(&rules, 403, "", None), "600");
    assert_eq!(judge(&rules, 403, "", Some(900)), "900");
    assert_eq!(judge(&rules, 401, "", None), "stopped");
}

#[test]
fn the_first_rule_that_matches_is_used() {
    let rules = rules(json!({
        "fault": [
            { "at": "$.code", "equals": [-1, "busy"], "kind": "transient" },
            { "at": "$.code", "equals": -2, "kind": "throttled", "wait": "3s" },
            { "contains": "errCode", "kind": "refresh" },
            { "status": 200, "contains": "系统维护", "kind": "throttled", "wait": "30m" },
        ],
        "empty": [{ "contains": "没有数据或者时间格式错误" }],
    }));
    assert_eq!(judge(&rules, 200, r#"{"code":"-1"}"#, None), "transient");
    assert_eq!(judge(&rules, 200, r#"{"code":-2,"errCode":1}"#, None), "3");
    assert_eq!(judge(&rules, 200, r#"errCode: 401"#, None), "expired");
    assert_eq!(judge(&rules, 200, "<html>系统维护中</html>", None), "1800");
    assert_eq!(judge(&rules, 200, "没有数据或者时间格式错误", None), "nothing");
    assert_eq!(judge(&rules, 200, "[]", None), "ok");
}

#[test]
fn a_rule_needs_all_its_conditions_and_at_least_one() {
    let rules = rules(json!({
        "fault": [{ "kind": "stopped" }, { "status": 200, "at": "$.a", "contains": "x", "kind": "stopped" }],
    }));
    assert_eq!(judge(&rules, 200, r#"{"a":"x"}"#, None), "stopped");
    assert_eq!(judge(&rules, 200, r#"{"a":"y"}"#, None), "ok");
    assert_eq!(judge(&rules, 200, r#"{"a":null,"b":"x"}"#, None), "ok");
}
