//! The schemes of platforms, by the test vectors of their own clients, with made-up credentials.

use super::*;

const RID: &str = "11111111-2222-3333-4444-555555555555@340200";
const SID: &str = "s_340200000000_0001";
const NATIONAL_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What is found from one request and the secret; its signature is among the values of the request.
fn found(request: Request, signature: &str, secret: &str) -> Solution {
    solve(&Sample { secret: Secret::new(secret), ..sample(request, signature) }).unwrap()
}

#[track_caller]
fn assert_is_only(solution: &Solution, scheme: &str, settings: Value) {
    assert_eq!(solution.recipes.len(), 1, "{solution:?}");
    let recipe = &solution.recipes[0];
    assert_eq!((recipe.scheme, &Value::Object(recipe.settings.clone())), (scheme, &settings));
}

fn secret() -> Value {
    json!({ "env": "VENDOR_SECRET" })
}

fn national(platform: &str, signature: &str) -> Request {
    let header = |name: &str, value: &str| (format!("{platform}_{name}"), value.to_owned());
    Request {
        headers: vec![
            header("rid", RID),
            header("sid", SID),
            header("rtime", "1760000000000"),
            header("sign", signature),
        ],
        ..Request::default()
    }
}

#[test]
fn the_national_platforms_are_found() {
    let signature = "ui1iS734YxqxSUOThvN7PB7KHJvgPlz2UNKIzOrchL4=";
    for platform in ["gjgxjhpt", "gjzwfwpt"] {
        let solution = found(national(platform, signature), signature, NATIONAL_SECRET);
        let settings = json!({ "rid": RID, "sid": SID, "secret": secret() });
        assert_is_only(&solution, platform, settings);
    }
}

#[test]
fn the_request_for_the_secret_of_a_national_platform_is_found_with_the_appkey() {
    let signature = "bbu2b/z4c5nAlg6OB1p+gtjxpwSaK7sKxggCQnUfUX8=";
    let solution = found(national("gjzwfwpt", signature), signature, "SIMAPPKEY340200");
    let settings = json!({ "rid": RID, "sid": SID, "secret": secret() });
    assert_is_only(&solution, "gjzwfwpt", settings);
}

#[test]
fn another_order_of_the_parts_is_found_as_that_order() {
    let signature = "Z7Gi48zUHcWja/LgYQj5XzHT7RpJWEi/y1QLBJwWK64=";
    let solution = found(national("gjgxjhpt", signature), signature, NATIONAL_SECRET);
    let settings = json!({
        "algorithm": "hmac_sha256",
        "key": secret(),
        "parts": [{ "header": "gjgxjhpt_rid" }, { "header": "gjgxjhpt_sid" }, "timestamp"],
        "coding": "base64",
        "put": { "header": "gjgxjhpt_sign" },
        "timestamp": { "put": { "header": "gjgxjhpt_rtime" }, "unit": "ms" },
    });
    assert_is_only(&solution, "sign", settings);
}

#[test]
fn x_tif_is_found() {
    let signature = "ea980915964ca8c23a486e2053232a565e76e37683c2f019aef257ab140f1f7e";
    let request = Request {
        headers: pairs(&[
            ("x-tif-paasid", "sim"),
            ("x-tif-timestamp", "1760000000"),
            ("x-tif-nonce", "1999b2f3c00-a1b2c3"),
            ("x-tif-signature", signature),
        ]),
        ..Request::default()
    };
    let solution = found(request, signature, "L0CALTESTTOKEN");
    assert_is_only(&solution, "x_tif", json!({ "paasid": "sim", "token": secret() }));
}

#[test]
fn x_bg_is_found() {
    let signature = "KJJG0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis=";
    let request = Request {
        method: "POST".to_owned(),
        path: "/restapi/prod/IC33000020211105003270/post".to_owned(),
        query: pairs(&[("test", "123"), ("v", "123")]),
        headers: pairs(&[
            ("X-BG-HMAC-ACCESS-KEY", "test"),
            ("X-BG-HMAC-ALGORITHM", "hmac-sha256"),
            ("X-BG-DATE-TIME", "Tue, 09 Nov 2021 08:49:20 GMT"),
            ("X-BG-HMAC-SIGNATURE", signature),
        ]),
        ..Request::default()
    };
    let solution = found(request, signature, "tet");
    assert_is_only(&solution, "x_bg", json!({ "access_key": "test", "secret_key": secret() }));
}

#[test]
fn the_message_board_is_found_from_the_body_as_sent_and_from_its_param() {
    let (app_code, path) = ("SIM0a1b2c3d4e5f60", "/v1/threads/content");
    let (param, signature) = (r#"{"tid":20000137}"#, "f674f9a222f28a4b652e4338a1d48b36");
    let body = json!({
        "appCode": app_code, "token": "", "signature": signature, "param": param,
    });
    for body in [body.to_string().as_str(), param] {
        let solution = found(post(path, "application/json", body), signature, app_code);
        assert_is_only(&solution, "message_board", json!({ "app_code": secret() }));
    }
}

#[test]
fn a_shared_text_is_found() {
    let digest = "7e0e61e03b00f18f60421a402c28ba43";
    let json = json!({ "page": 1, "httpRequestVerify": digest }).to_string();
    let solution = found(post("", "application/json", &json), digest, "sim-shared-340200");
    let settings = json!({ "field": "httpRequestVerify", "text": secret() });
    assert_is_only(&solution, "shared_md5", settings);

    let soap = format!("<Get><httpRequestVerify>{digest}</httpRequestVerify></Get>");
    let solution = found(post("", "text/xml", &soap), digest, "sim-shared-340200");
    assert_eq!(solution.recipes[0].scheme, "shared_md5");
}
