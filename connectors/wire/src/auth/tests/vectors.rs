//! Test vectors of the platforms' own clients, with made-up credentials.

use super::*;

const SID: &str = "s_340200000000_0001";
const RID: &str = "11111111-2222-3333-4444-555555555555@340200";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const APPKEY: &str = "SIMAPPKEY340200";
const WRAPPED: &str = "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi";

fn national(platform: &str, more: Value) -> Auth {
    let mut own = json!({ "rid": RID, "sid": SID });
    own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    auth(json!({ platform: own }))
}

#[test]
fn the_national_platforms_sign_sid_rid_rtime() {
    for platform in ["gjgxjhpt", "gjzwfwpt"] {
        let mut request = Request::default();
        let auth = national(platform, json!({ "secret": SECRET }));
        let signing = auth.sign(&mut request, &context()).unwrap();
        let header = |name: &str| request.header(&format!("{platform}_{name}")).unwrap();
        assert_eq!(header("rid"), RID);
        assert_eq!(header("sid"), SID);
        assert_eq!(header("rtime"), "1760000000000");
        assert_eq!(header("sign"), "ui1iS734YxqxSUOThvN7PB7KHJvgPlz2UNKIzOrchL4=");
        assert_eq!(signing.steps[0].1, format!("{SID}{RID}1760000000000"));
        assert_hides(&signing, &[SECRET]);
    }
}

#[test]
fn another_order_of_the_parts_gives_another_signature() {
    let wrong = Algorithm::HmacSha256
        .digest(SECRET.as_bytes(), format!("{RID}{SID}1760000000000").as_bytes());
    assert_eq!(DigestFormat::Base64.encode(&wrong), "Z7Gi48zUHcWja/LgYQj5XzHT7RpJWEi/y1QLBJwWK64=");
}

#[test]
fn the_secret_of_a_national_platform_is_fetched_with_the_appkey() {
    let refresh = json!({ "url": "https://platform.example/sysapi/getsecret", "appkey": APPKEY });
    let mut auth = national("gjzwfwpt", json!({ "refresh": refresh }));
    let token_request = auth.token_request(&context()).unwrap();
    assert_eq!(token_request.url, "https://platform.example/sysapi/getsecret");
    assert_eq!(token_request.request.method, "POST");
    let sign = token_request.request.header("gjzwfwpt_sign").unwrap();
    assert_eq!(sign, "bbu2b/z4c5nAlg6OB1p+gtjxpwSaK7sKxggCQnUfUX8=");
    assert_hides(&token_request.steps, &[APPKEY]);

    let answer = json!({ "code": 200, "data": { "secret": WRAPPED } }).to_string();
    auth.read_token(200, answer.as_bytes(), context().now).unwrap();
    assert!(auth.token_request(&context()).is_none());
    let mut request = Request::default();
    auth.sign(&mut request, &context()).unwrap();
    let sign = request.header("gjzwfwpt_sign").unwrap();
    assert_eq!(sign, "ui1iS734YxqxSUOThvN7PB7KHJvgPlz2UNKIzOrchL4=");
}

#[test]
fn the_key_is_the_one_that_java_derives_from_the_appkey() {
    assert_eq!(hex::encode(national::java_key(APPKEY)), "01ce73a9b390132dd17f90faf0d5ae23");
    assert_eq!(hex::encode(national::java_key("123456")), "6bb4837eb74329105ee4568dda7dc67e");
}

#[test]
fn x_tif() {
    let scheme = scheme(json!({ "x_tif": { "paasid": "sim", "token": "L0CALTESTTOKEN" } }));
    let Scheme::XTif(own) = scheme else { panic!("{scheme:?}") };
    let mut request = Request::default();
    let signing = own.sign_with_nonce("1999b2f3c00-a1b2c3", &mut request, &context());
    assert_eq!(request.header("x-tif-paasid"), Some("sim"));
    assert_eq!(request.header("x-tif-timestamp"), Some("1760000000"));
    assert_eq!(request.header("x-tif-nonce"), Some("1999b2f3c00-a1b2c3"));
    assert_eq!(
        request.header("x-tif-signature"),
        Some("ea980915964ca8c23a486e2053232a565e76e37683c2f019aef257ab140f1f7e")
    );
    assert_eq!(signing.steps[0].1, "1760000000‹token›1999b2f3c00-a1b2c31760000000");
    assert_hides(&signing, &["L0CALTESTTOKEN"]);
    own.sign(&mut request, &context());
    assert_eq!(request.header("x-tif-nonce"), Some("199c82cc000-a1b2c3"));
}

#[test]
fn x_bg_signs_the_query_sorted_by_name() {
    let auth = auth(json!({ "x_bg": { "access_key": "test", "secret_key": "tet" } }));
    let now = "2021-11-09T08:49:20Z".parse().unwrap();
    let param = |name: &str| (name.to_owned(), "123".to_owned());
    let mut request = Request {
        method: "POST".to_owned(),
        path: "/restapi/prod/IC33000020211105003270/post".to_owned(),
        query: vec![param("v"), param("test")],
        ..Request::default()
    };
    let signing = auth.sign(&mut request, &SigningContext { now, ..context() }).unwrap();
    assert_eq!(request.header("X-BG-HMAC-ACCESS-KEY"), Some("test"));
    assert_eq!(request.header("X-BG-HMAC-ALGORITHM"), Some("hmac-sha256"));
    assert_eq!(request.header("X-BG-DATE-TIME"), Some("Tue, 09 Nov 2021 08:49:20 GMT"));
    let signature = request.header("X-BG-HMAC-SIGNATURE");
    assert_eq!(signature, Some("KJJG0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis="));
    assert!(signing.steps[0].1.contains("\ntest=123&v=123\n"), "{signing:?}");
    assert_hides(&signing, &["tet\""]);
}

#[track_caller]
fn check_message_board(app_code: &str, path: &str, param: &str, signature: &str) {
    let auth = auth(json!({ "message_board": { "app_code": app_code } }));
    let mut request = json_post(path, param);
    let signing = auth.sign(&mut request, &context()).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected =
        json!({ "appCode": app_code, "token": "", "signature": signature, "param": param });
    assert_eq!(body, expected);
    assert_hides(&signing, &[app_code, "9a20b5e19d2cb342", "a2eb17f65d6f4b3f"]);
}

#[test]
fn the_message_board_signs_its_parameters_byte_for_byte() {
    let list = r#"{"fid":5050,"showUnAnswer":1,"typeId":5,"lastItem":"","position":1,"rows":10,"orderType":2}"#;
    let public = "PC42ce3bfa4980a9";
    check_message_board(public, "/v1/threads/list/bw", list, "22e8ff231248d4e2774c9d1b523afdf9");
    check_message_board(
        public,
        "/v1/forum/getTopBwForums",
        "{}",
        "3be29e33cb708b79a3802f663cf8f16e",
    );

    let ours = "SIM0a1b2c3d4e5f60";
    assert_eq!(&digest::md5_hex(ours.as_bytes())[..16], "9a20b5e19d2cb342");
    let content = r#"{"tid":20000137}"#;
    check_message_board(ours, "/v1/threads/content", content, "f674f9a222f28a4b652e4338a1d48b36");
    let list = list.replace("5050", "3402");
    check_message_board(ours, "/v1/threads/list/bw", &list, "3cef6733652c82454e322bbacc7e2031");
}

#[test]
fn a_shared_text_is_sent_as_its_md5() {
    let auth = auth(
        json!({ "shared_md5": { "field": "httpRequestVerify", "text": "sim-shared-340200" } }),
    );
    let digest = "7e0e61e03b00f18f60421a402c28ba43";
    let mut soap = post(
        "/XfjkWebService/Service.asmx",
        "text/xml; charset=gb2312",
        "<GetXfjList><httpRequestVerify>{auth}</httpRequestVerify></GetXfjList>",
    );
    let signing = auth.sign(&mut soap, &context()).unwrap();
    let expected =
        format!("<GetXfjList><httpRequestVerify>{digest}</httpRequestVerify></GetXfjList>");
    assert_eq!(text(&soap.body), expected);
    assert_hides(&signing, &[digest, "sim-shared"]);
    let mut json = json_post("/", r#"{"a":1}"#);
    auth.sign(&mut json, &context()).unwrap();
    assert_eq!(text(&json.body), format!(r#"{{"a":1,"httpRequestVerify":"{digest}"}}"#));
}

#[test]
fn a_fixed_token_is_put_beside_the_parameters() {
    let auth = auth(json!({ "body_token": { "field": "token", "token": "a&b<\"" } }));
    let sign = |mut request: Request| {
        auth.sign(&mut request, &context()).map(|signing| (text(&request.body).to_owned(), signing))
    };
    let (json, signing) = sign(json_post("/", r#"{"params":{"rqstType":"10"}}"#)).unwrap();
    assert_eq!(json, r#"{"params":{"rqstType":"10"},"token":"a&b<\""}"#);
    assert_hides(&signing, &["a&b"]);
    let form = post("/", "application/x-www-form-urlencoded", "n=1&token=old&m=%E5%BC%A0");
    assert_eq!(sign(form).unwrap().0, "n=1&m=%E5%BC%A0&token=a%26b%3C%22");
    let xml = post("/", "text/xml", "\n<t>{auth}</t>");
    assert_eq!(sign(xml).unwrap().0, "\n<t>a&amp;b&lt;&quot;</t>");
    for broken in [json_post("/", "[1]"), json_post("/", "{"), post("/", "text/xml", "<t/>")] {
        assert_eq!(sign(broken).unwrap_err().kind(), FaultKind::Stopped);
    }
}

#[test]
fn the_plain_schemes_are_those_of_the_standards() {
    let signed = |settings: Value| {
        let mut request = Request::default();
        let signing = auth(settings).sign(&mut request, &context()).unwrap();
        assert_hides(&signing, &["open sesame", "c2VzYW1l", "s3cret"]);
        request
    };
    // RFC 7617 §2.
    let basic = signed(json!({ "basic": { "user": "Aladdin", "password": "open sesame" } }));
    assert_eq!(basic.header("Authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    let bearer = signed(json!({ "bearer": "s3cret" }));
    assert_eq!(bearer.header("Authorization"), Some("Bearer s3cret"));
    let header = signed(json!({ "api_key": { "header": "X-Api-Key", "key": "s3cret" } }));
    assert_eq!(header.header("x-api-key"), Some("s3cret"));
    let param = signed(json!({ "api_key": { "param": "key", "key": "s3cret" } }));
    assert_eq!(param.query, [("key".to_owned(), "s3cret".to_owned())]);
    assert_eq!(signed(json!("none")), Request::default());
}

#[test]
fn a_certificate_changes_the_connection_and_no_request() {
    let auth = auth(json!({ "mtls": { "certificate": "CERT", "key": "KEY" } }));
    let mut request = Request::default();
    auth.sign(&mut request, &context()).unwrap();
    assert_eq!(request, Request::default());
    assert_eq!(auth.mtls().unwrap().pem(), "KEY\nCERT\n");
}
