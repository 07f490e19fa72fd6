//! The forms in which vendors sort, repeat, write and mark what they sign.

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Signs a request with these parts, and returns it and the text that was signed, as people see it.
fn sign(more: Value, mut request: Request) -> (Request, String) {
    let mut settings = json!({ "algorithm": "md5", "put": { "header": "sign" } });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let signing = auth(json!({ "sign": settings })).sign(&mut request, &context()).unwrap();
    (request, signing.steps[0].1.clone())
}

fn body() -> Request {
    json_post(
        "/orders",
        r#"{"b":"2","a":0,"sign_type":"MD5","e":"","n":null,"list":[1,{"k":"x y"}],"ok":true,"B":"3"}"#,
    )
}

#[test]
fn members_are_signed_in_sorted_order_with_zeros_and_without_empty_ones() {
    let list = r#"list=[1,{"k":"x y"}]"#;
    for (part, text) in [
        (json!("members"), format!("B=3&a=0&b=2&{list}&ok=true&sign_type=MD5")),
        (
            json!({ "sorted": { "without": ["sign_type"], "nested": "omit" } }),
            "B=3&a=0&b=2&ok=true&p=9".to_owned(),
        ),
        (
            json!({ "sorted": { "of": "members", "empty": "keep", "between": "", "join": "" } }),
            r#"B3a0b2elist[1,{"k":"x y"}]oktruesign_typeMD5"#.to_owned(),
        ),
        (
            json!({ "sorted": { "of": "members", "names": false, "join": "|", "nested": "omit" } }),
            "3|0|2|true|MD5".to_owned(),
        ),
        (
            json!({ "sorted": { "of": "members", "encoded": true, "without": ["sign_type", "ok"] } }),
            "B=3&a=0&b=2&list=%5B1%2C%7B%22k%22%3A%22x%20y%22%7D%5D".to_owned(),
        ),
        (json!({ "sorted": { "of": "params" } }), "p=9".to_owned()),
        (json!({ "upper": [{ "param": "sign_type" }, "params"] }), "MD5P=9".to_owned()),
    ] {
        let request = Request { query: pairs(&[("p", "9"), ("q", "")]), ..body() };
        assert_eq!(sign(json!({ "parts": [part.clone()] }), request).1, text, "{part}");
    }
}

/// The examples in the documents of WeChat Pay (API v2, chapter 4_3) and of Alibaba Cloud ("RPC mechanism").
#[test]
fn the_examples_in_documents_of_vendors_give_their_signatures() {
    let pay = json_post(
        "/pay/unifiedorder",
        r#"{"mch_id":"10000100","body":"test","attach":"","appid":"wxd930ea5d5a258f4f","device_info":"1000",
            "nonce_str":"ibuaiVcKdpRxkhJA"}"#,
    );
    let settings = json!({
        "parts": ["members", { "text": "&key=" }, { "secret": "192006250b4c09247ec02edce69f6a2d" }],
        "coding": "hex_upper", "put": { "field": "sign" },
    });
    let body: Value = serde_json::from_slice(&sign(settings, pay).0.body).unwrap();
    assert_eq!(body["sign"], "9A0A8659F005D6984697E2CA0A9CF3B7");

    let query = pairs(&[
        ("SignatureVersion", "1.0"),
        ("Format", "XML"),
        ("Timestamp", "2016-02-23T12:46:24Z"),
        ("AccessKeyId", "testid"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("Version", "2014-05-26"),
        ("Action", "DescribeRegions"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
    ]);
    let request =
        Request { method: "GET".to_owned(), path: "/".to_owned(), query, ..Request::default() };
    let settings = json!({
        "algorithm": "hmac_sha1", "coding": "base64",
        "key_parts": [{ "secret": "testsecret" }, { "text": "&" }],
        "parts": [
            "method", { "encoded": ["path"] }, { "encoded": [{ "sorted": { "encoded": true } }] },
        ],
        "join": "&", "put": { "param": "Signature" },
    });
    let (request, _) = sign(settings, request);
    assert_eq!(request.query.last().unwrap().1, "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
}

#[test]
fn a_digest_may_be_made_of_digests_and_hides_their_secrets() {
    let time = json!({ "put": { "param": "t" }, "format": "%Y%m%d%H%M%S" });
    let md5 = json!({ "digest": { "algorithm": "md5", "parts": [{ "secret": "s3cret" }] } });
    let settings = json!({ "parts": [md5, "timestamp"], "timestamp": time });
    let (request, shown) = sign(settings, Request::default());
    // md5(md5(secret) + time), in Beijing.
    assert_eq!(request.header("sign"), Some("c24e34a2c74940974e0cec30db34dba1"));
    assert_eq!(shown, "‹digest of ‹secret››20251009165320");
    // What has no secret in it is shown as it is.
    let md5 = json!({ "digest": { "algorithm": "md5", "coding": "hex_upper", "parts": ["body"] } });
    let (_, shown) = sign(json!({ "parts": [md5] }), json_post("/", "abc"));
    assert_eq!(shown, "900150983CD24FB0D6963F7D28E17F72");
    // What is made with a key is a key itself, for example that of a day.
    let hmac = json!({ "digest": {
        "algorithm": "hmac_md5", "key": "s3cret", "parts": [{ "text": "20251009" }],
    } });
    let (request, shown) = sign(json!({ "parts": [hmac, "body"] }), json_post("/", "abc"));
    let key = Algorithm::HmacMd5.written(DigestFormat::Hex, b"s3cret", b"20251009");
    let digest = digest::md5_hex(format!("{key}abc").as_bytes());
    assert_eq!(request.header("sign"), Some(digest.as_str()));
    assert_eq!(shown, "‹digest of 20251009›abc");
}

#[test]
fn a_time_is_sent_in_the_form_that_the_source_wants() {
    for (form, text) in [
        (json!({ "unit": "s" }), "1760000000"),
        (json!({ "unit": "ms" }), "1760000000000"),
        (json!({ "format": "%Y%m%d%H%M%S" }), "20251009165320"),
        (json!({ "format": "%Y-%m-%d %H:%M:%S", "zone": "UTC" }), "2025-10-09 08:53:20"),
        (json!({ "format": "%Y-%m-%dT%H:%M:%SZ", "zone": "UTC" }), "2025-10-09T08:53:20Z"),
        (json!({ "format": "%Y-%m-%dT%H:%M:%SZ" }), "2025-10-09T08:53:20Z"),
        (json!({ "format": "%Y-%m-%dT%H:%M:%S-0500" }), "2025-10-09T03:53:20-0500"),
        (json!({ "format": "%Y-%m-%dT%H:%M:%S%:z" }), "2025-10-09T16:53:20+08:00"),
        (json!({ "format": "%Y%m%d%H%M%S%3f" }), "20251009165320000"),
    ] {
        let mut time = json!({ "put": { "header": "time" } });
        time.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
        let settings = json!({ "parts": ["timestamp"], "timestamp": time });
        let (request, signed) = sign(settings, Request::default());
        assert_eq!((request.header("time"), signed.as_str()), (Some(text), text), "{form}");
    }
}

#[test]
fn a_random_text_has_the_form_that_the_source_wants_and_differs_each_time() {
    let (digit, hex) = (|c: char| c.is_ascii_digit(), |c: char| "0123456789abcdef".contains(c));
    let uuid = |c: char| "0123456789abcdef-".contains(c);
    type Form = (Value, usize, fn(char) -> bool);
    let forms: [Form; 7] = [
        (json!(null), 32, hex),
        (json!({ "digits": 6 }), 6, digit),
        (json!({ "digits": 1 }), 1, digit),
        (json!({ "letters": 64 }), 64, |c| c.is_ascii_alphabetic()),
        (json!({ "alphanumeric": 16 }), 16, |c| c.is_ascii_alphanumeric()),
        (json!("uuid"), 36, uuid),
        (json!("plain_uuid"), 32, hex),
    ];
    for (form, length, is_of_it) in forms {
        let nonce = |bytes: [u8; 16]| {
            let settings = json!({ "sign": {
                "algorithm": "md5", "parts": ["nonce"], "put": { "header": "sign" },
                "nonce": { "header": "nonce" }, "nonce_form": form,
            } });
            let mut request = Request::default();
            let context = SigningContext { nonce: bytes, ..context() };
            auth(settings).sign(&mut request, &context).unwrap();
            request.header("nonce").unwrap().to_owned()
        };
        let (first, second) = (nonce([1; 16]), nonce([9; 16]));
        assert!(first.len() == length && first.chars().all(is_of_it), "{form}: {first}");
        assert_ne!(first, second, "{form}");
    }
    for (byte, uuid) in [
        (0, "00000000-0000-4000-8000-000000000000"),
        (0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
    ] {
        assert_eq!(NonceForm::Uuid.text([byte; 16]), uuid);
    }
    for byte in 0..=255 {
        let digits = NonceForm::Digits(9).text([byte; 16]);
        assert!(!digits.starts_with('0'), "a number must keep its length: {digits}");
    }
}

#[test]
fn a_digest_is_written_as_the_source_wants() {
    // MD5 of "0": it has a plus and a slash in Base64.
    for (coding, written) in [
        ("hex", "cfcd208495d565ef66e7dff9f98764da"),
        ("hex_upper", "CFCD208495D565EF66E7DFF9F98764DA"),
        ("base64", "z80ghJXVZe9m59/5+Ydk2g=="),
        ("base64_url", "z80ghJXVZe9m59_5-Ydk2g=="),
        ("base64_url_unpadded", "z80ghJXVZe9m59_5-Ydk2g"),
        ("base64_percent", "z80ghJXVZe9m59%2F5%2BYdk2g%3D%3D"),
        ("hex_base64", "Y2ZjZDIwODQ5NWQ1NjVlZjY2ZTdkZmY5Zjk4NzY0ZGE="),
    ] {
        let settings = json!({ "parts": [{ "text": "0" }], "coding": coding });
        let (request, _) = sign(settings, Request::default());
        assert_eq!(request.header("sign"), Some(written), "{coding}");
    }
}

#[test]
fn a_value_may_be_put_into_a_cookie_or_into_an_object_of_the_body() {
    let put = |put: Value, request: Request| {
        sign(json!({ "parts": [{ "text": "0" }], "coding": "base64", "put": put }), request).0
    };
    let mut request = json_post("/", r#"{"head":{"app":"A1"},"d.e":1}"#);
    request.headers.extend(pairs(&[("Cookie", "a=1; s=old; b=2")]));
    let signed = put(json!({ "cookie": "s" }), request.clone());
    assert_eq!(signed.header("cookie"), Some("a=1; b=2; s=z80ghJXVZe9m59/5+Ydk2g=="));
    // Some settings have no blanks between cookies.
    let dense = pairs(&[("Cookie", "a=1;s=old;b=2;")]);
    let signed = put(json!({ "cookie": "s" }), Request { headers: dense, ..Request::default() });
    assert_eq!(signed.header("cookie"), Some("a=1; b=2; s=z80ghJXVZe9m59/5+Ydk2g=="));
    let signed = put(json!({ "field": "head.sign" }), request.clone());
    let expected = r#"{"head":{"app":"A1","sign":"z80ghJXVZe9m59/5+Ydk2g=="},"d.e":1}"#;
    assert_eq!(text(&signed.body), expected);
    // There is no such object: the name is that of a member.
    let signed = put(json!({ "field": "x.sign" }), request);
    assert!(text(&signed.body).contains(r#""x.sign":"#), "{}", text(&signed.body));
}

#[test]
fn a_fixed_token_may_be_sent_beside_the_signature_and_be_signed() {
    let settings = json!({
        "send": [{ "secret": "t0kenFixed", "put": { "header": "X-Token" } }],
        "parts": [{ "header": "X-Token" }, { "text": "|" }, { "secret": "appSecret" }, { "secret": "appKey" }],
    });
    let (request, shown) = sign(settings.clone(), Request::default());
    assert_eq!(request.header("x-token"), Some("t0kenFixed"));
    assert_eq!(shown, "‹X-Token›|‹secret›‹secret›");
    let digest = digest::md5_hex(b"t0kenFixed|appSecretappKey");
    assert_eq!(request.header("sign"), Some(digest.as_str()));
    let mut sign = settings;
    sign["algorithm"] = "md5".into();
    sign["put"] = json!({ "header": "sign" });
    let hidden = auth(json!({ "sign": sign })).hide("t0kenFixed appSecret appKey");
    assert_eq!(hidden, "… … …");
}

#[test]
fn all_query_parameters_with_secrets_are_known() {
    let sent = |put: Value| json!({ "secret": "t0kenFixed", "put": put });
    let send = [
        sent(json!({ "param": "app" })),
        sent(json!({ "header": "h" })),
        sent(json!({ "param": "user" })),
    ];
    let sign = json!({
        "algorithm": "md5", "parts": ["body"], "put": { "param": "sign" }, "send": send,
    });
    for (settings, names) in [
        (json!({ "sign": sign }), &["app", "user"][..]),
        (json!({ "api_key": { "param": "k", "key": "s3cret" } }), &["k"]),
        (json!({ "api_key": { "header": "k", "key": "s3cret" } }), &[]),
        (json!({ "bearer": "s3cret" }), &[]),
    ] {
        assert_eq!(auth(settings.clone()).secret_params(), names, "{settings}");
    }
}

#[test]
fn settings_of_these_forms_that_cannot_work_say_what_to_write() {
    let part = json!({ "digest": { "algorithm": "hmac_md5", "parts": ["body"] } });
    let mut nested = json!("body");
    for _ in 0..4 {
        nested = json!({ "digest": { "algorithm": "md5", "parts": [nested] } });
    }
    let time = |form: Value| {
        let mut time = json!({ "put": { "header": "t" } });
        time.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
        json!({ "parts": ["body"], "timestamp": time })
    };
    let nonce = json!({ "header": "n" });
    for (settings, says) in [
        (json!({ "parts": [part] }), "set `key`"),
        (json!({ "parts": [nested] }), "at most three"),
        (json!({ "parts": [{ "upper": ["timestamp"] }] }), "set `timestamp`"),
        (time(json!({})), "set `unit` or `format`"),
        (time(json!({ "unit": "s", "format": "%s" })), "not both"),
        (time(json!({ "format": "yyyyMMddHHmmss" })), "%Y%m%d%H%M%S"),
        (time(json!({ "format": "%Y%Q" })), "%Y%m%d%H%M%S"),
        (time(json!({ "format": "%Y%m%d%#z" })), "%Y%m%d%H%M%S"),
        (time(json!({ "format": "%H:%M:%SZ", "zone": "Asia/Shanghai" })), "the end of `format`"),
        (json!({ "parts": ["body"], "nonce": nonce, "nonce_form": { "digits": 0 } }), "1 to 64"),
        (json!({ "parts": ["body"], "nonce": nonce, "nonce_form": { "hex": 65 } }), "1 to 64"),
        (json!({ "parts": ["body"], "nonce_form": "uuid" }), "set `nonce`"),
        (json!({ "parts": ["body"], "key_parts": ["method"] }), "uses no `key`"),
        (
            json!({ "algorithm": "hmac_md5", "parts": ["body"], "key": "k", "key_parts": ["method"] }),
            "not both",
        ),
    ] {
        let mut sign = json!({ "algorithm": "md5", "put": { "header": "sign" } });
        sign.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let fault = Auth::build(scheme(json!({ "sign": sign }))).unwrap_err().to_string();
        assert!(fault.contains(says), "{settings}: {fault}");
    }
}
