//! Signatures of public interfaces, as their documents describe them, with values of our own. Each is found from one
//! request, and what is found signs another request as the document says.

use super::*;

/// WeChat Pay, API v2, "签名算法" (pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=4_3): all parameters sorted, then
/// `&key=`, in upper case; MD5, or HMAC-SHA256 with the same key.
#[test]
fn wechat_pay() {
    let settings = |algorithm: Value| {
        let mut settings = json!({
            "parts": ["params", { "text": "&key=" }, { "secret": SECRET }],
            "coding": "hex_upper", "nonce": { "param": "nonce_str" }, "put": { "param": "sign" },
        });
        let table = settings.as_object_mut().unwrap();
        table.extend(algorithm.as_object().unwrap().clone());
        json!({ "sign": settings })
    };
    let request = get("", &[("mch_id", "10000100"), ("appid", "wxsim01"), ("attach", "")]);
    let other = get("", &[("mch_id", "1"), ("appid", "wxsim02"), ("attach", "a"), ("body", "b")]);
    check(&settings(json!({ "algorithm": "md5" })), &request, &other);
    check(&settings(json!({ "algorithm": "hmac_sha256", "key": SECRET })), &request, &other);
}

/// Pinduoduo open platform, "API 签名算法" (open.pinduoduo.com): the secret, names and values sorted by name, the
/// secret; MD5 in upper case. Taobao's TOP has the same text with another form of the time.
#[test]
fn pinduoduo() {
    let settings = json!({ "sign": {
        "algorithm": "md5", "coding": "hex_upper",
        "parts": [
            { "secret": SECRET },
            { "text": "client_id" }, { "param": "client_id" },
            { "text": "data_type" }, { "param": "data_type" },
            { "text": "timestamp" }, "timestamp",
            { "text": "type" }, { "param": "type" },
            { "secret": SECRET },
        ],
        "timestamp": { "put": { "param": "timestamp" }, "unit": "s" }, "put": { "param": "sign" },
    } });
    let request = |id: &str, page: &str| {
        get("/api/router", &[("type", page), ("client_id", id), ("data_type", "JSON")])
    };
    check(&settings, &request("sim42", "pdd.order.list.get"), &request("sim43", "pdd.time.get"));
}

/// Baidu translation, "接入文档" (api.fanyi.baidu.com/doc/21): MD5 of appid, q, salt and the secret.
#[test]
fn baidu_translation() {
    let settings = json!({ "sign": {
        "algorithm": "md5",
        "parts": [{ "param": "appid" }, { "param": "q" }, { "param": "salt" }, { "secret": SECRET }],
        "put": { "param": "sign" },
    } });
    let request = |text: &str, salt: &str| {
        let query =
            [("q", text), ("from", "zh"), ("to", "en"), ("appid", "2026001"), ("salt", salt)];
        get("/api/trans/vip/translate", &query)
    };
    check(&settings, &request("苹果", "65478"), &request("路灯", "1435660288"));
}

/// Youdao translation, version 3 (ai.youdao.com, "文本翻译服务"): SHA-256 of appKey, a short q, salt, the time in seconds
/// and the secret.
#[test]
fn youdao_translation() {
    let settings = json!({ "sign": {
        "algorithm": "sha256",
        "parts": [
            { "param": "appKey" }, { "param": "q" }, { "param": "salt" }, "timestamp",
            { "secret": SECRET },
        ],
        "timestamp": { "put": { "param": "curtime" }, "unit": "s" }, "put": { "param": "sign" },
    } });
    let request = |text: &str, salt: &str| {
        get("", &[("q", text), ("appKey", "sim7a"), ("salt", salt), ("signType", "v3")])
    };
    check(&settings, &request("井盖", "c3d2"), &request("路灯", "91ab"));
}

/// DingTalk, custom robots (open.dingtalk.com, "自定义机器人安全设置"): HMAC-SHA256 of the time in milliseconds, a line break
/// and the secret, with the secret as its key too; Base64.
#[test]
fn dingtalk_robots() {
    let settings = json!({ "sign": {
        "algorithm": "hmac_sha256", "key": SECRET, "coding": "base64",
        "parts": ["timestamp", { "secret": SECRET }], "join": "\n",
        "timestamp": { "put": { "param": "timestamp" }, "unit": "ms" }, "put": { "param": "sign" },
    } });
    let request = get("/robot/send", &[("access_token", "sim")]);
    check(&settings, &request, &request);
}

/// Kuaidi100, "实时快递查询接口" (api.kuaidi100.com/document): MD5 of param, the key and customer, in upper case; a form.
#[test]
fn kuaidi100() {
    let settings = json!({ "sign": {
        "algorithm": "md5", "coding": "hex_upper",
        "parts": [{ "param": "param" }, { "secret": SECRET }, { "param": "customer" }],
        "put": { "field": "sign" },
    } });
    let request = |number: u32| {
        let body =
            format!("customer=SIM90&param=%7B%22com%22%3A%22yt%22%2C%22num%22%3A{number}%7D");
        post("/poll/query.do", "application/x-www-form-urlencoded", &body)
    };
    let solution = check(&settings, &request(77), &request(78));
    assert_eq!(solution.recipes[0].settings["put"], json!({ "field": "sign" }));
}

/// Binance spot (developers.binance.com, "Signed request example for POST /api/v3/order"): HMAC-SHA256 of the query in
/// its own order.
#[test]
fn binance() {
    let names = ["symbol", "side", "quantity", "recvWindow"];
    let mut parts = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let next = if index > 0 { "&" } else { "" };
        parts.push(json!({ "text": format!("{next}{name}=") }));
        parts.push(json!({ "param": name }));
    }
    parts.extend([json!({ "text": "&timestamp=" }), json!("timestamp")]);
    let settings = json!({ "sign": {
        "algorithm": "hmac_sha256", "key": SECRET, "parts": parts,
        "timestamp": { "put": { "param": "timestamp" }, "unit": "ms" },
        "put": { "param": "signature" },
    } });
    let request = |values: [&str; 4]| {
        let query: Vec<_> = names.into_iter().zip(values).collect();
        get("/api/v3/order", &query)
    };
    check(
        &settings,
        &request(["LTCBTC", "BUY", "1", "5000"]),
        &request(["BTCUSDT", "SELL", "2", "9"]),
    );
}

/// Shopify webhooks (shopify.dev, "Verify webhook deliveries"): HMAC-SHA256 of the body, Base64, in a header.
#[test]
fn shopify_webhooks() {
    let settings = json!({ "sign": {
        "algorithm": "hmac_sha256", "key": SECRET, "coding": "base64", "parts": ["body"],
        "put": { "header": "X-Shopify-Hmac-Sha256" },
    } });
    let request = |body: &str| post("/hooks", "application/json", body);
    check(&settings, &request(r#"{"id":1, "note":"a"}"#), &request(r#"{"id":2,"list":[]}"#));
}

/// A signature of no public interface: the form of X-BG, a line for each part, with the national algorithm.
#[test]
fn lines_with_hmac_sm3() {
    let settings = json!({ "sign": {
        "algorithm": "hmac_sm3", "key": SECRET, "parts": ["method", "path", "params", "timestamp"],
        "join": "\n", "timestamp": { "put": { "header": "X-Time" }, "unit": "s" },
        "put": { "header": "X-Sign" },
    } });
    let mut sample =
        signed_sample(&settings, &get("/v1/demands", &[("page", "1"), ("city", "芜湖")]));
    // Nothing says that this header is the time.
    assert_eq!(solve(&sample).unwrap().recipes[0].settings.get("timestamp"), None);
    sample.timestamp = Some(FIRST.0.to_string());
    let solution = solve(&sample).unwrap();
    assert_signs_the_same(&solution, &settings, &get("/v1/demands", &[("page", "2"), ("a", "b")]));
}

/// Members of a JSON body, sorted, with the secret among them under a name of its own; SM3.
#[test]
fn sorted_members_with_the_secret_among_them() {
    let settings = json!({ "sign": {
        "algorithm": "sm3",
        "parts": [
            { "text": "appid=" }, { "param": "appid" }, { "text": "&appsecret=" },
            { "secret": SECRET }, { "text": "&page=" }, { "param": "page" },
        ],
        "put": { "field": "sign" },
    } });
    let request = |page: u32| {
        post("/list", "application/json", &json!({ "page": page, "appid": "sim8" }).to_string())
    };
    check(&settings, &request(1), &request(2));
}

/// The commonest scheme of city platforms: all members of the JSON body, sorted, with nested ones as JSON, then the key;
/// the time is written as a date. The members are found as such, so that further ones are signed too.
#[test]
fn members_of_any_number_with_the_key_behind_them() {
    let settings = json!({ "sign": {
        "algorithm": "md5", "coding": "hex_upper",
        "parts": ["members", { "text": "&key=" }, { "secret": SECRET }],
        "timestamp": { "put": { "field": "timestamp" }, "format": "%Y%m%d%H%M%S" },
        "put": { "field": "sign" },
    } });
    let request = |body: Value| post("/list", "application/json", &body.to_string());
    let solution = check(
        &settings,
        &request(
            json!({ "page": 1, "appId": "A1", "empty": "", "filter": { "area": ["340200"] } }),
        ),
        &request(json!({ "appId": "A2", "more": true, "page": 0, "filter": [] })),
    );
    let found = &solution.recipes[0].settings;
    assert_eq!(found["timestamp"]["format"], "%Y%m%d%H%M%S", "{solution:?}");
    assert!(solution.notes.iter().any(|note| note.contains("zone")), "{solution:?}");
}

/// SHA-512 and HMAC-SHA512, in Base64 for addresses, of all parameters.
#[test]
fn long_digests_for_addresses() {
    for (algorithm, coding) in
        [("sha512", "base64_url_unpadded"), ("hmac_sha512", "hex"), ("hmac_sha512", "hex_base64")]
    {
        let mut settings = json!({
            "algorithm": algorithm, "coding": coding, "parts": ["params"], "put": { "header": "X-Sign" },
        });
        match algorithm {
            "sha512" => settings["parts"] = json!(["params", { "secret": SECRET }]),
            _ => settings["key"] = SECRET.into(),
        }
        let request = |page: &str| get("/list", &[("page", page), ("app", "sim9")]);
        check(&json!({ "sign": settings }), &request("1"), &request("2"));
    }
}

/// The digest of the secret instead of the secret, and the digest of a digest.
#[test]
fn digests_of_digests() {
    let md5 = |parts: Value| json!({ "digest": { "algorithm": "md5", "parts": parts } });
    let time = json!({ "put": { "param": "ts" }, "unit": "s" });
    for parts in [
        json!(["timestamp", md5(json!([{ "secret": SECRET }]))]),
        json!([md5(json!(["params"])), { "secret": SECRET }]),
        json!([md5(json!(["params", { "text": "&key=" }, { "secret": SECRET }]))]),
    ] {
        let settings = json!({ "sign": {
            "algorithm": "md5", "parts": parts, "timestamp": time, "put": { "header": "X-Sign" },
        } });
        let request = |page: &str| get("/list", &[("page", page), ("app", "sim9")]);
        check(&settings, &request("1"), &request("2"));
    }
}
