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

#[tokio::test]
async fn a_secret_in_plain_text_is_refused_and_no_fault_repeats_it() {
    let token_url = |url: &str| {
        json!({ "auth": { "oauth2": {
            "token_url": url, "client_id": "city", "client_secret": "other",
        } } })
    };
    for (settings, says) in [
        (json!({ "headers": { "Authorization": "Bearer s3cret" } }), "api_key = { header"),
        (json!({ "headers": { "X-Api-Key": "s3cret" } }), "`headers`, the value of X-Api-Key"),
        (json!({ "query": { "access_token": "s3cret" } }), "api_key = { param"),
        (json!({ "form": { "pwd": "s3cret" } }), "body_token = { field"),
        (json!({ "json": { "head": { "password": "s3cret" } } }), "`json`, the value of password"),
        (
            json!({ "json": { "list": [{ "password": "s3cret" }] } }),
            "`json`, the value of password",
        ),
        (json!({ "json": { "tokens": 1, "token": ["", "s3cret"] } }), "`json`, the value of token"),
        (json!({ "url": "https://upstream.example/list?v=1&token=s3cret" }), "`url`"),
        (json!({ "headers": { "X-Api-Key": "{{s3cret" } }), "`headers`, the value of X-Api-Key"),
        (json!({ "json": { "token": "{{ page }}s3cret" } }), "`json`, the value of token"),
        (json!({ "warm_up": "https://upstream.example/?token=s3cret" }), "`warm_up`"),
        (json!({ "redirects": ["https://upstream.example/?pwd=s3cret"] }), "`redirects`"),
        (token_url("https://upstream.example/token?corpsecret=s3cret"), "`auth`"),
        (
            json!({ "part": [{
                "name": "detail", "url": "https://upstream.example/?sessionid=s3cret", "params": {},
            }] }),
            "`url`",
        ),
        // What is wrong otherwise.
        (json!({ "url": "upstream.example/list?k=s3cret" }), "`url` is not an address"),
        (json!({ "url": "htp://upstream.example/s3cret" }), "https://"),
        (json!({ "url": "http://upstream.example/s3cret" }), "requests to upstream.example"),
        (json!({ "url": "https://user:s3cret@upstream.example/" }), "a user or password"),
        (json!({ "proxy": "http://user:s3cret@a b:1" }), "`proxy`"),
        (token_url("http://upstream.example/token?k=s3cret"), "insecure = true"),
    ] {
        let city = one_page().await.with(settings.clone());
        let fault = city.build().err().unwrap_or_else(|| panic!("{settings} was taken"));
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let fault = fault.to_string();
        assert!(fault.contains(says) && !fault.contains("s3cret"), "{settings}: {fault}");
    }
    for settings in [
        json!({ "headers": { "appKey": "A1", "X-Token": "" }, "query": { "key": "路灯" } }),
        json!({ "json": { "token": null, "page": { "pwd": "" } } }),
        json!({ "query": { "page_size": 100, "sign_type": "MD5" } }),
        json!({ "json": { "isSecret": "false", "nextPageToken": "start", "workTicket": "W20261129" } }),
    ] {
        assert!(one_page().await.with(settings.clone()).build().is_ok(), "{settings}");
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
