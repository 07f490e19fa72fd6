//! Signatures that the settings describe, as platforms make them. Another program has made the digests.

use serde_json::{Value, json};

use super::*;

/// The second in which all of them were made.
const MADE_AT: i64 = 1_764_547_200;
const KEY: &str = "kept-between-us-2";
const BODY: &str = r#"{"id": 7, "t" : "小区"}"#;

fn guard(mut settings: Value, more: &Value) -> Guard {
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(json!({ "sign": settings })).unwrap()
}

/// What is said of a request that comes so many milliseconds later; its headers are lines.
fn said(
    guard: &Guard,
    query: &str,
    headers: &str,
    body: &[u8],
    later: i64,
) -> Result<Option<String>, &'static str> {
    let mut request = http::Request::post(format!("/intake/app?{query}"));
    for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")) {
        request = request.header(name.trim_start(), value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let now = DateTime::from_timestamp_millis(MADE_AT * 1_000 + later).unwrap();
    guard.admit(&head, now).and_then(|()| guard.verify(&head, body))
}

/// What a platform signs: the settings, the query and the headers of a request.
struct Platform(Value, &'static str, &'static str);

fn github() -> Platform {
    Platform(
        json!({
            "algorithm": "hmac_sha256", "key": KEY, "parts": ["body"],
            "signature": { "header": "X-Hub-Signature-256" }, "prefix": "sha256=",
        }),
        "",
        "x-hub-signature-256: sha256=0c4d3c4911bdd8bf0d2f174c9dbddce52eb2416a91489e6089ae28adb95e4829",
    )
}

fn wechat() -> Platform {
    Platform(
        json!({
            "algorithm": "sha1", "sort": true, "signature": { "param": "signature" },
            "parts": [{ "secret": KEY }, "timestamp", "nonce"],
            "timestamp": { "from": { "param": "timestamp" } }, "nonce": { "param": "nonce" },
        }),
        "signature=943239de32e8826162c3dc1214084c19d42acc54&timestamp=1764547200&nonce=n0nce7",
        "",
    )
}

fn dingtalk() -> Platform {
    Platform(
        json!({
            "algorithm": "hmac_sha256", "key": KEY, "coding": "base64",
            "parts": ["timestamp", { "text": "\n" }, { "secret": KEY }],
            "signature": { "header": "sign" },
            "timestamp": { "from": { "header": "timestamp" }, "unit": "ms", "window": "1h" },
        }),
        "",
        "timestamp: 1764547200000\nsign: 74rOkM2qU82LAcNI5mW/08QBehxCOI+Ez8kI7TRk8FA=",
    )
}

fn feishu() -> Platform {
    Platform(
        json!({
            "algorithm": "sha256", "parts": ["timestamp", "nonce", { "secret": KEY }, "body"],
            "signature": { "header": "X-Lark-Signature" },
            "timestamp": { "from": { "header": "X-Lark-Request-Timestamp" } },
            "nonce": { "header": "X-Lark-Request-Nonce" },
        }),
        "",
        "x-lark-request-timestamp: 1764547200\nx-lark-request-nonce: n0nce7\n\
         x-lark-signature: 333a2bfbb1b5cf6f60f310fef0589916169fb2543e50181f171e5b81ef4326b1",
    )
}

#[test]
fn the_signatures_of_platforms_are_accepted_and_those_of_others_refused() {
    let hash = |algorithm: &str, key: Value, parts: Value, coding: &str| {
        json!({
            "algorithm": algorithm, "key": key, "parts": parts, "coding": coding,
            "signature": { "header": "X-Sign" },
        })
    };
    let body = || json!(["body"]);
    let mut keyed_time =
        hash("sha256", Value::Null, json!([{ "secret": KEY }, "timestamp"]), "hex");
    keyed_time["timestamp"] = json!({ "from": { "param": "time" } });
    keyed_time["signature"] = json!({ "param": "digest" });
    let mut slack =
        hash("hmac_sha256", KEY.into(), json!([{ "text": "v0" }, "timestamp", "body"]), "hex");
    slack["join"] = ":".into();
    slack["prefix"] = "v0=".into();
    slack["timestamp"] = json!({ "from": { "header": "X-Time" } });
    let nested = json!([
        { "digest": { "algorithm": "md5", "parts": ["body"] } }, "timestamp", { "secret": KEY }
    ]);
    let mut nested = hash("md5", Value::Null, nested, "hex_upper");
    nested["timestamp"] = json!({ "from": { "header": "X-Time" } });
    let mut wecom = wechat().0;
    wecom["parts"].as_array_mut().unwrap().push(json!({ "param": "echostr" }));
    wecom["signature"] = json!({ "param": "msg_signature" });
    for Platform(settings, query, headers) in [
        github(),
        wechat(),
        dingtalk(),
        feishu(),
        Platform(
            hash("hmac_sha1", KEY.into(), body(), "hex"),
            "",
            "x-sign: cc973c3843b7bf789708ef94aa5346536f91bc52",
        ),
        Platform(
            hash("hmac_sha256", KEY.into(), body(), "base64"),
            "",
            "x-sign: DE08SRG92L8NLxdMnb3c5S6yQWqRSJ5gia4orbleSCk=",
        ),
        Platform(
            hash("sm3", Value::Null, json!([{ "secret": KEY }, "body"]), "hex"),
            "",
            "x-sign: cbc0913ace43f6d311e5a44900e0e0088d855b14b6787c5773142f24e24c4b04",
        ),
        Platform(
            hash("hmac_sha512", KEY.into(), body(), "hex"),
            "",
            "x-sign: d91605286a1a30c1481e6a864d66d92f369ddf4892b1c232dabb28eb955674e0\
             118435ad74ee8ac409525e0c226d84f01dfddc99789ad2a66ab5a1bc24963783",
        ),
        Platform(
            slack,
            "",
            "x-time: 1764547200\n\
             x-sign: v0=2e8d42d708ba57c90c63f55796f0a9c77001611d1e122bf67c3887cbecfedc32",
        ),
        Platform(
            keyed_time,
            "time=1764547200&digest=e65bf962b724ae35db29bdfb4ba9c135178f5432a20eb49033311978c4727dd9",
            "",
        ),
        Platform(nested, "", "x-time: 1764547200\nx-sign: 6989EDFA78901467E1B974785EC1B35D"),
        Platform(
            wecom,
            "msg_signature=fd835a66667f7136c11d4d004a71950b6891475d&timestamp=1764547200&\
             nonce=n0nce7&echostr=ZWNobw%3D%3D",
            "",
        ),
    ] {
        let right = guard(settings.clone(), &json!({}));
        right.check().unwrap();
        let taken = said(&right, query, headers, BODY.as_bytes(), 0);
        assert_eq!(taken.map(|it| it.is_some()), Ok(right.window().is_some()), "{settings}");
        let covers = settings["parts"].to_string().contains("\"body\"");
        let other = said(&right, query, headers, BODY.replace('7', "8").as_bytes(), 0);
        assert_eq!(other.is_err(), covers, "{settings}: another body");
        let settings = settings.to_string().replace(KEY, "kept-between-us-3");
        let wrong = guard(serde_json::from_str(&settings).unwrap(), &json!({}));
        let refused = said(&wrong, query, headers, BODY.as_bytes(), 0);
        assert_eq!(refused, Err("the signature is wrong"), "{settings}");
    }
}

#[test]
fn a_time_counts_within_its_window_and_is_a_whole_number_in_its_unit() {
    let Platform(settings, query, _) = wechat();
    let ms = json!({ "timestamp": { "from": { "param": "timestamp" }, "unit": "ms" } });
    let wide = json!({ "timestamp": { "from": { "param": "timestamp" }, "window": "1h" } });
    let (seconds, no_number) = (json!({}), "the time is no number");
    let old = "the clocks differ by more than `window` of `timestamp`, or the request is old";
    let unit = "the time is in another unit than `unit` of `timestamp` says";
    for (time, more, later, why) in [
        ("1764547200", &seconds, 0, None),
        ("1764547200", &seconds, 300_000, None),
        ("1764547200", &seconds, -300_000, None),
        ("1764547200", &seconds, 300_001, Some(old)),
        ("1764547200", &seconds, -300_001, Some(old)),
        ("1764547200", &wide, 3_600_000, None),
        ("1764547200", &wide, 3_600_001, Some(old)),
        ("1764547200", &ms, 0, Some(unit)),
        ("1764547200000", &seconds, 0, Some(unit)),
        ("17645472000", &seconds, 0, Some(old)),
        ("1764547200x", &seconds, 0, Some(no_number)),
        ("1764547200.0", &seconds, 0, Some(no_number)),
        ("%2B1764547200", &seconds, 0, Some(no_number)),
        ("-1764547200", &seconds, 0, Some(no_number)),
        ("01764547200", &seconds, 0, Some(no_number)),
        ("%EF%BC%91764547200", &seconds, 0, Some(no_number)),
        ("99999999999999999999", &seconds, 0, Some(no_number)),
        ("999999999999999", &seconds, 0, Some(old)),
        ("NaN", &seconds, 0, Some(no_number)),
        ("", &seconds, 0, Some(no_number)),
    ] {
        let query = query.replace("1764547200", time);
        let said = said(&guard(settings.clone(), more), &query, "", b"", later);
        assert_eq!(said.err(), why, "{time} {more} {later}");
    }
}

#[test]
fn what_is_missing_twice_or_of_another_form_is_refused() {
    let missing = "the signature, its time or its nonce is missing";
    let twice = "the signature, its time or its nonce occurs twice";
    let wrong = "the signature is wrong";
    let prefix = "the signature does not begin with `prefix`";
    let changed = |platform: Platform, from: &str, to: &str| {
        let Platform(settings, query, headers) = platform;
        assert!(from.is_empty() || query.contains(from) || headers.contains(from), "{from}");
        let (query, headers) = match from {
            "" if to.starts_with('&') => (format!("{query}{to}"), headers.to_owned()),
            "" => (query.to_owned(), format!("{headers}{to}")),
            _ => (query.replace(from, to), headers.replace(from, to)),
        };
        said(&guard(settings, &json!({})), &query, &headers, BODY.as_bytes(), 0).err()
    };
    for (platform, from, to, why) in [
        (github(), "x-hub-signature-256", "x-hub-signature", Some(missing)),
        (github(), "sha256=", "", Some(prefix)),
        (github(), "sha256=", "sha1=", Some(prefix)),
        (github(), "sha256=", "sha256= ", None),
        (github(), "0c4d3c49", "0C4D3C49", None),
        (github(), "0c4d3c49", "0c4d3c48", Some(wrong)),
        (github(), "b95e4829", "b95e48", Some(wrong)),
        (
            github(),
            "0c4d3c4911bdd8bf0d2f174c9dbddce52eb2416a91489e6089ae28adb95e4829",
            "",
            Some(wrong),
        ),
        (github(), "", "\nX-Hub-Signature-256: sha256=00", Some(twice)),
        (wechat(), "timestamp=1764547200", "time=1764547200", Some(missing)),
        (wechat(), "nonce=n0nce7", "", Some(missing)),
        (wechat(), "", "&nonce=n0nce8", Some(twice)),
        (wechat(), "", "&timestamp=1764547201", Some(twice)),
        (wechat(), "nonce=n0nce7", "nonce=n0nce7%00", Some(wrong)),
        // Digits that move from the nonce to the time make the same text, but not a time of today.
        (
            feishu(),
            "1764547200\nx-lark-request-nonce: n",
            "176454720\nx-lark-request-nonce: 0n",
            Some("the clocks differ by more than `window` of `timestamp`, or the request is old"),
        ),
        (dingtalk(), "74rOkM2", "74ROKm2", Some(wrong)),
        (dingtalk(), "FA=", "FA", Some(wrong)),
    ] {
        let place = format!("{} {from:?} {to:?}", platform.0);
        assert_eq!(changed(platform, from, to), why, "{place}");
    }
}

#[test]
fn a_signature_in_a_query_may_have_a_plus_that_was_not_encoded() {
    let Platform(settings, ..) = dingtalk();
    let from = json!({ "from": { "param": "timestamp" }, "unit": "ms" });
    let guard = guard(settings, &json!({ "signature": { "param": "sign" }, "timestamp": from }));
    for sign in [
        "74rOkM2qU82LAcNI5mW/08QBehxCOI+Ez8kI7TRk8FA=",
        "74rOkM2qU82LAcNI5mW%2F08QBehxCOI%2BEz8kI7TRk8FA%3D",
    ] {
        let query = format!("timestamp=1764547200000&sign={sign}");
        assert!(said(&guard, &query, "", b"", 0).is_ok(), "{sign}");
    }
}

#[test]
fn parts_are_sorted_by_their_bytes_and_equal_ones_all_count() {
    let Platform(settings, ..) = wechat();
    for (nonce, signature) in [
        ("1764547200", "97452098f2796a177fbc22616195ab94e81c877d"),
        ("Zz9", "7290699d49795c386954d0225a0d51818ffc4a9f"),
    ] {
        let query = format!("signature={signature}&timestamp=1764547200&nonce={nonce}");
        assert!(said(&guard(settings.clone(), &json!({})), &query, "", b"", 0).is_ok(), "{nonce}");
    }
}

#[test]
fn a_body_is_not_parsed_for_its_signature() {
    let parts = json!([{ "secret": KEY }, { "param": "id" }, "timestamp"]);
    let Platform(settings, query, _) = wechat();
    let guard = guard(settings, &json!({ "parts": parts, "sort": false, "nonce": null }));
    guard.check().unwrap();
    let headers = "content-type: application/json";
    let said = said(&guard, query, headers, BODY.as_bytes(), 0);
    assert_eq!(said, Err("a header or parameter that is signed is missing"));
}

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

/// The time and several signatures in one header.
fn several() -> Value {
    json!({
        "algorithm": "hmac_sha256", "key": KEY, "parts": ["timestamp", "body"], "join": ".",
        "signature": { "header": "Signed" }, "prefix": "v1=", "separator": ",",
        "timestamp": { "from": { "header": "Signed" }, "prefix": "t=" },
    })
}

/// An id, a time and signatures in headers of their own; the key is written in Base64.
fn with_id() -> Value {
    json!({
        "algorithm": "hmac_sha256", "key": "whsec_MjQgYnl0ZXMgb2YgYSBtYWRlLXVwIGtl",
        "key_coding": "base64", "coding": "base64", "parts": ["nonce", "timestamp", "body"],
        "join": ".", "signature": { "header": "webhook-signature" }, "prefix": "v1,",
        "separator": " ", "timestamp": { "from": { "header": "webhook-timestamp" } },
        "nonce": { "header": "webhook-id" },
    })
}

#[test]
fn while_a_sender_changes_its_key_one_of_its_signatures_must_be_right() {
    const NEW: &str = "v1=fbe5f9cebdd164768e9c71d09373081aa9ac29a5ae805cc4eb782213127c5ca2";
    const OLD: &str = "v1=892977172b2e57f343167f5c7f72f60f8ae226e6ba8e5942e7cd8ad16e57c8e1";
    let missing = Some("the signature, its time or its nonce is missing");
    let twice = Some("the signature, its time or its nonce occurs twice");
    let (wrong, prefix) = (Some("the signature is wrong"), "does not begin with `prefix`");
    let time = "t=1764547200";
    let right = guard(several(), &json!({}));
    right.check().unwrap();
    for (header, why) in [
        (format!("{time},{NEW}"), None),
        (format!("{time},{NEW},{OLD}"), None),
        (format!("{time},{OLD},{NEW},v0=6ffbb59b"), None),
        (format!("{NEW}, {time}"), None),
        (format!("t,v1,,={time},x,{time},v1=,{NEW}"), None),
        (format!("{time},{}{NEW}", "v1=00,".repeat(15)), None),
        (format!("{time},{}{NEW}", "v1=00,".repeat(16)), wrong),
        (format!("{time},{OLD}"), wrong),
        (format!("{time},v1="), wrong),
        (format!("{time},{}", NEW.replace("v1", "v0")), Some(prefix)),
        (format!("{time},v1"), Some(prefix)),
        (time.to_owned(), Some(prefix)),
        (NEW.to_owned(), missing),
        (format!("t,{NEW}"), missing),
        (format!("{time},t=1764547201,{NEW}"), twice),
        (format!("t=1764547201,{NEW}"), wrong),
        (format!("t=,{NEW}"), Some("the time is no number")),
    ] {
        let said = said(&right, "", &format!("signed: {header}"), BODY.as_bytes(), 0).err();
        assert_eq!(said.is_some(), why.is_some(), "{header}: {said:?}");
        assert!(said.unwrap_or_default().contains(why.unwrap_or_default()), "{header}: {said:?}");
    }
    let headers = format!("signed: {time},{OLD},{NEW}");
    let old = said(&right, "", &headers, BODY.as_bytes(), 300_001);
    assert!(old.unwrap_err().ends_with("the request is old"), "it is right, but it was kept");
    // Whichever of them is right: it is the same request.
    let one = said(&right, "", &format!("signed: {time},{NEW}"), BODY.as_bytes(), 0);
    assert_eq!(said(&right, "", &headers, BODY.as_bytes(), 0), one);
}

#[test]
fn a_key_may_be_bytes_in_base64_and_an_id_is_signed_with_the_time() {
    const RIGHT: &str = "v1,+dUkBUch9uuwipzsDN/ei5Rw0osDvNSHp4M7x0uf2KE=";
    const OTHER: &str = "v1,/O+KtGC9mkVFOFI5/xgk5LKA+0BIE4EFHY/2m5QhzD4=";
    let right = guard(with_id(), &json!({}));
    right.check().unwrap();
    let plain = guard(with_id(), &json!({ "key": "MjQgYnl0ZXMgb2YgYSBtYWRlLXVwIGtl" }));
    for (id, signatures, is_right) in [
        ("msg_7", RIGHT.to_owned(), true),
        ("msg_7", format!("{OTHER} {RIGHT}"), true),
        (
            "msg_7",
            format!("{RIGHT} v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZ"),
            true,
        ),
        ("msg_8", RIGHT.to_owned(), false),
        ("msg_7", OTHER.to_owned(), false),
        ("msg_7", RIGHT.replace("v1,", "v2,"), false),
        ("msg_7", RIGHT.replace("v1,", ""), false),
        ("msg_7", RIGHT.replace("+dUk", "+duk"), false),
    ] {
        let headers = format!(
            "webhook-id: {id}\nwebhook-timestamp: 1764547200\nwebhook-signature: {signatures}"
        );
        for guard in [&right, &plain] {
            let said = said(guard, "", &headers, BODY.as_bytes(), 0);
            assert_eq!(said.is_ok(), is_right, "{headers}: {said:?}");
        }
    }
    for key in [
        "v1,whsec_MjQgYnl0ZXMgb2YgYSBtYWRlLXVwIGtl",
        "whsec_MjQgYnl0ZXMgb2YgYSBtYWRlLXVwIGt",
        "whsec_c2hvcnQgaW4gYnl0ZXM",
        "whsec_c2hvcnQ=",
        "whsec_",
        "not base64 at all",
    ] {
        let fault = guard(with_id(), &json!({ "key": key })).check().unwrap_err();
        let text = fault.to_string();
        assert!(text.contains("not written as `key_coding` says") && !text.contains(key), "{text}");
    }
    for (more, why) in [
        (json!({ "separator": "" }), "an empty text separates nothing"),
        (json!({ "key": null, "algorithm": "sha256" }), "there is no key to decode"),
    ] {
        let fault = guard(with_id(), &more).check().unwrap_err();
        assert!(fault.to_string().contains(why), "{more}: {fault}");
    }
}

#[test]
fn a_body_is_signed_byte_for_byte_and_not_as_others_would_write_it_again() {
    let github = guard(github().0, &json!({}));
    for (body, signature, others) in [
        (
            &b"{ \"n\" : 1.0, \"t\":\"\\u5c0f/\\/\", \"a\":1e2 }\r\n"[..],
            "6dc049a93082259b76e43089b98343c9fc900d1abb4d49d5d3cc926b1d5b42d3",
            &[
                "{ \"n\" : 1.0, \"t\":\"\\u5c0f/\\/\", \"a\":1e2 }",
                r#"{"n":1.0,"t":"小//","a":100}"#,
            ][..],
        ),
        (
            b"\xef\xbb\xbf{\"id\":7}",
            "78e957b1bcd69fca05aa05d98842aaa718cc9c5c6cfbc546da97c423254c6ac9",
            &[r#"{"id":7}"#],
        ),
        (
            b"{\"t\":\"\xd0\xa1\xc7\xf8\"}",
            "63335d26ddff598d1606e5d8dd36df47450232a2db522fa1a4b0a6edf65af567",
            &[r#"{"t":"小区"}"#, "{\"t\":\"\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"}"],
        ),
        (b"", "292f62c78cc64a233418c459fa6211e9375629628fdd9a67fe8365d1d68cbef2", &["{}", "null"]),
    ] {
        let headers = format!("x-hub-signature-256: sha256={signature}");
        assert_eq!(said(&github, "", &headers, body, 0), Ok(None), "{signature}");
        for other in others {
            let said = said(&github, "", &headers, other.as_bytes(), 0);
            assert_eq!(said, Err("the signature is wrong"), "{other}");
        }
    }
}

#[test]
fn a_signature_is_used_once_if_it_covers_a_time_and_the_body_or_a_nonce() {
    for (settings, is_used_once) in [
        (github().0, false),
        (dingtalk().0, false),
        (wechat().0, true),
        (feishu().0, true),
        (several(), true),
        (with_id(), true),
    ] {
        assert_eq!(guard(settings.clone(), &json!({})).is_used_once(), is_used_once, "{settings}");
    }
    assert!(!x_bg().is_used_once());
}
