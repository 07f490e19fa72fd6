//! Settings that cannot work are refused before anything runs, and the fault says what to set instead.

use super::*;

#[test]
fn the_schema_describes_every_setting() {
    let schema = schemars::schema_for!(connector_http::Config).to_value();
    assert_eq!(schema["additionalProperties"], false);
    for name in ["url", "page", "since", "day", "success", "fault", "part", "ack", "inner"] {
        let property = &schema["properties"][name];
        assert!(property["description"].is_string(), "{name} has no help: {property}");
    }
}

#[tokio::test]
async fn settings_that_contradict_each_other_say_what_to_write() {
    for (settings, says) in [
        (json!({ "url": "list" }), "https://"),
        (json!({ "url": "http://upstream.example/list" }), "insecure = true"),
        (json!({ "url": "https://user:pass@upstream.example/" }), "`auth`"),
        (json!({ "form": {}, "json": {} }), "one of `form`, `json` and `body`"),
        (json!({ "method": "GET", "json": {} }), "remove `method`"),
        (json!({ "body": "<a>{{ x", "content_type": "text/xml" }), "{{ name }}"),
        (json!({ "body": "<a/>", "content_type": "text/xml; charset=klingon" }), "klingon"),
        (json!({ "page": { "kind": "token", "param": "t" } }), "`at` or `header`"),
        (json!({ "page": { "kind": "number", "param": "p", "stop": "short" } }), "set `size`"),
        (json!({ "total": { "trust": false } }), "`at` or `header`"),
        (json!({ "since": { "param": "f", "format": "yyyy-MM-dd" } }), "%Y-%m-%d"),
        (
            json!({ "since": {
                "param": "f", "format": "%s", "overlap": "2d", "until": { "param": "u", "span": "1d" },
            } }),
            "`span`",
        ),
        (
            json!({ "since": { "param": "f", "format": "%s" }, "day": { "param": "d", "start": "2026-01-01" } }),
            "not both",
        ),
        (json!({ "reread": { "days": 3 } }), "add `since` or `day`"),
        (json!({ "each": { "param": "f", "values": [1, 1] } }), "no two equal"),
        (json!({ "each": { "param": "f", "values": [] } }), "1 to 200"),
        (json!({ "each": { "param": "f", "values": (0..201).collect::<Vec<_>>() } }), "1 to 200"),
        (json!({ "ca": "no certificate" }), "PEM"),
        (json!({ "timeout": "0s" }), "30s"),
        (json!({ "warm_up": "http://upstream.example/" }), "insecure"),
        (json!({ "headers": { "a b": "c" } }), "header"),
    ] {
        let city = one_page().await.with(settings.clone());
        let fault = city.build().err().unwrap_or_else(|| panic!("{settings} was taken"));
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains(says), "{settings}: {fault}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    for settings in [
        json!({ "url": "https://a.example", "records": "$", "key": "$.id", "recrods": "$" }),
        json!({ "url": "https://a.example", "records": "$", "key": "$.id", "page": { "kind": "none", "size": 1 } }),
        json!({ "url": "https://a.example", "records": "rows", "key": "$.id" }),
    ] {
        assert!(
            serde_json::from_value::<connector_http::Config>(settings.clone()).is_err(),
            "{settings}"
        );
    }
}
