//! Settings of signatures that are refused, and what is shown of others.

use super::*;

#[test]
fn settings_that_prove_nothing_are_refused() {
    for (platform, more, why) in [
        (github(), json!({ "key": null }), "an HMAC needs a key"),
        (github(), json!({ "algorithm": "sha256" }), "a plain digest uses no `key`"),
        (github(), json!({ "algorithm": "sha256", "key": null }), "everybody can make this digest"),
        (github(), json!({ "parts": [] }), "nothing is signed"),
        (github(), json!({ "parts": ["path"] }), "covers neither the body nor a time"),
        (github(), json!({ "parts": [{ "upper": ["body"] }] }), "covers neither the body nor"),
        (github(), json!({ "parts": ["members"] }), "checked before the body is read"),
        (github(), json!({ "parts": ["body", "timestamp"] }), "the time is not both"),
        (github(), json!({ "parts": ["body", "nonce"] }), "the nonce is not both"),
        (github(), json!({ "timestamp": { "from": { "header": "T" } } }), "the time is not both"),
        (github(), json!({ "nonce": { "header": "N" } }), "the nonce is not both"),
        (
            wechat(),
            json!({ "timestamp": { "from": { "param": "timestamp" }, "window": "61m" } }),
            "`window` is not from 1s to 1h",
        ),
        (
            wechat(),
            json!({ "timestamp": { "from": { "param": "timestamp" }, "window": "0s" } }),
            "`window` is not from 1s to 1h",
        ),
    ] {
        let fault = guard(platform.0, &more).check().unwrap_err();
        assert_eq!(fault.place(), ["auth", "sign"], "{more}");
        assert!(fault.to_string().contains(why), "{more}: {fault}");
    }
    for unknown in [json!({ "alg": "md5" }), json!({ "signature": { "cookie": "a" } })] {
        let mut settings = github().0;
        settings.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
        let read = serde_json::from_value::<Guard>(json!({ "sign": settings }));
        assert!(read.is_err(), "{unknown}");
    }
}

#[test]
fn no_secret_is_shown() {
    for platform in [github(), wechat(), dingtalk(), feishu()] {
        let guard = guard(platform.0, &json!({}));
        assert!(!format!("{guard:?}").contains(KEY));
        assert!(guard.secrets().iter().all(|(_, secret)| secret.expose() == KEY));
    }
}
