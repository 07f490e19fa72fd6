//! Signatures that the settings describe.

use super::*;

fn request() -> Request {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Request {
        query: vec![pair("b", "2"), pair("empty", ""), pair("a", "1")],
        ..json_post("/api/orders", r#"{"page":3,"name":"张"}"#)
    }
}

fn sign(settings: Value) -> (Request, SigningSteps) {
    let mut request = request();
    let signing = auth(json!({ "sign": settings })).sign(&mut request, &context()).unwrap();
    (request, signing)
}

#[test]
fn every_digest_is_the_one_of_its_standard() {
    let digest = |algorithm: Algorithm, key: &str, text: &str| {
        DigestFormat::Hex.encode(&algorithm.digest(key.as_bytes(), text.as_bytes()))
    };
    assert_eq!(digest(Algorithm::Md5, "", "abc"), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(digest(Algorithm::Sha1, "", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(
        digest(Algorithm::Sha256, "", "abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        digest(Algorithm::Sm3, "", "abc"),
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
    assert!(digest(Algorithm::Sha512, "", "abc").starts_with("ddaf35a193617abacc417349ae204131"));
    // RFC 2202, RFC 4231: test case 2, and a key that is longer than a block.
    let (key, text) = ("Jefe", "what do ya want for nothing?");
    assert_eq!(digest(Algorithm::HmacMd5, key, text), "750c783e6ab0b503eaa86e310a5db738");
    assert_eq!(digest(Algorithm::HmacSha1, key, text), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(
        digest(Algorithm::HmacSha256, key, text),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let sha512 = digest(Algorithm::HmacSha512, key, text);
    assert!(sha512.starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"), "{sha512}");
    let long = Algorithm::HmacSha256
        .digest(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(
        DigestFormat::Hex.encode(&long),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn parts_are_signed_in_their_order_and_put_where_they_belong() {
    let (request, signing) = sign(json!({
        "algorithm": "md5",
        "parts": [
            "method", "path", { "text": "x" }, { "param": "a" }, { "param": "page" },
            { "header": "content-type" }, "timestamp", "nonce", "params", "body",
            { "secret": "s3cret" },
        ],
        "join": "|",
        "timestamp": { "put": { "header": "X-Time" }, "unit": "ms" },
        "nonce": { "header": "X-Nonce" },
        "put": { "param": "sign" },
    }));
    let nonce = hex::encode(context().nonce);
    let shown = format!(
        "POST|/api/orders|x|1|3|application/json|1760000000000|{nonce}|a=1&b=2|{}|‹secret›",
        r#"{"page":3,"name":"张"}"#
    );
    assert_eq!(signing.steps[0].1, shown);
    let digest = digest::md5_hex(shown.replace("‹secret›", "s3cret").as_bytes());
    assert_eq!(request.query.last().unwrap(), &("sign".to_owned(), digest));
    assert_eq!(request.header("x-time"), Some("1760000000000"));
    assert_eq!(request.header("x-nonce"), Some(nonce.as_str()));
}

#[test]
fn a_time_in_the_query_is_a_parameter_like_the_others() {
    let (request, signing) = sign(json!({
        "algorithm": "hmac_sm3", "key": "s3cret", "coding": "base64", "parts": ["params"],
        "timestamp": { "put": { "param": "t" }, "unit": "s" },
        "put": { "field": "sign" },
    }));
    assert_eq!(signing.steps[0].1, "a=1&b=2&t=1760000000");
    assert_hides(&signing, &["s3cret"]);
    let digest = Algorithm::HmacSm3.digest(b"s3cret", b"a=1&b=2&t=1760000000");
    let expected = json!({ "page": 3, "name": "张", "sign": DigestFormat::Base64.encode(&digest) })
        .to_string();
    assert_eq!(text(&request.body), expected);
}

#[test]
fn upper_case_hexadecimal_is_a_separate_format() {
    let (request, _) = sign(json!({
        "algorithm": "md5", "coding": "hex_upper", "parts": [{ "text": "abc" }],
        "put": { "header": "sign" },
    }));
    assert_eq!(request.header("sign"), Some("900150983CD24FB0D6963F7D28E17F72"));
}

#[test]
fn a_missing_signed_part_is_a_fault() {
    for part in [json!({ "param": "absent" }), json!({ "header": "absent" })] {
        let settings = json!({ "sign": {
            "algorithm": "md5", "parts": [part], "put": { "header": "sign" },
        } });
        let fault = auth(settings).sign(&mut request(), &context()).unwrap_err();
        assert!(fault.to_string().contains("`absent` is signed"), "{fault}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let put = json!({ "header": "sign" });
    for (settings, what) in [
        (
            json!({ "sign": { "algorithm": "hmac_md5", "parts": ["body"], "put": put } }),
            "needs a key",
        ),
        (
            json!({ "sign": { "algorithm": "md5", "key": "k", "parts": ["body"], "put": put } }),
            "uses no `key`",
        ),
        (json!({ "sign": { "algorithm": "md5", "parts": ["timestamp"], "put": put } }), "not sent"),
        (json!({ "sign": { "algorithm": "md5", "parts": ["nonce"], "put": put } }), "not sent"),
        (json!({ "api_key": { "key": "k" } }), "either a header"),
        (json!({ "api_key": { "key": "k", "header": "a", "param": "b" } }), "either a header"),
        (json!({ "gjgxjhpt": { "rid": "r", "sid": "s" } }), "either `secret`"),
    ] {
        let fault = Auth::build(scheme(settings)).unwrap_err();
        assert!(fault.to_string().contains(what), "{fault}");
    }
}

#[test]
fn the_schema_lists_all_schemes_in_one_table() {
    let schema = schemars::schema_for!(Scheme).to_value();
    assert_eq!(schema["anyOf"][0]["const"], "none", "{schema}");
    let table = &schema["anyOf"][1];
    assert_eq!((&table["minProperties"], &table["maxProperties"]), (&json!(1), &json!(1)));
    assert_eq!(table["properties"].as_object().unwrap().len(), 15);
    let sections = schema["$defs"].as_object().unwrap().values().chain([table]);
    for (name, property) in sections.flat_map(|own| own["properties"].as_object()).flatten() {
        assert!(property["description"].is_string(), "{name} has no help");
    }
}
