//! The signatures of platforms, with values that Python computed.

use super::*;

/// What a platform signs: the settings, the query and the headers of a request.
pub(super) struct Platform(pub(super) Value, pub(super) &'static str, pub(super) &'static str);

pub(super) fn github() -> Platform {
    Platform(
        json!({
            "algorithm": "hmac_sha256", "key": KEY, "parts": ["body"],
            "signature": { "header": "X-Hub-Signature-256" }, "prefix": "sha256=",
        }),
        "",
        "x-hub-signature-256: sha256=0c4d3c4911bdd8bf0d2f174c9dbddce52eb2416a91489e6089ae28adb95e4829",
    )
}

pub(super) fn wechat() -> Platform {
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

pub(super) fn dingtalk() -> Platform {
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

pub(super) fn feishu() -> Platform {
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
