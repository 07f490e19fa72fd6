use super::*;

mod signed;

const DATE: &str = "Tue, 09 Nov 2021 08:49:20 GMT";

/// The published test vector.
const SIGNED: [(&str, &str); 4] = [
    ("x-bg-date-time", DATE),
    ("x-bg-hmac-access-key", "test"),
    ("x-bg-hmac-algorithm", "hmac-sha256"),
    ("x-bg-hmac-signature", "KJJG0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis="),
];

fn admit(guard: &Guard, headers: &[(&str, &str)], skew: i64) -> Result<(), &'static str> {
    let mut request =
        http::Request::post("/restapi/prod/IC33000020211105003270/post?v=123&test=123");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (request, ()) = request.body(()).unwrap().into_parts();
    let now = DateTime::parse_from_rfc2822(DATE).unwrap().to_utc();
    guard.admit(&request, now + chrono::TimeDelta::seconds(skew))
}

fn x_bg() -> Guard {
    let secret_key = Secret::new("tet");
    Guard::XBg(XBg { access_key: "test".to_owned(), secret_key })
}

#[test]
fn a_signed_request_is_accepted_while_the_clocks_agree() {
    for (skew, is_in) in [(0, true), (90, true), (-90, true), (91, false), (-91, false)] {
        assert_eq!(admit(&x_bg(), &SIGNED, skew).is_ok(), is_in, "{skew}");
    }
}

#[test]
fn a_request_with_another_signature_is_refused() {
    for (name, value) in [
        ("x-bg-hmac-signature", "AAAA0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis="),
        ("x-bg-hmac-signature", "not base64"),
        ("x-bg-hmac-access-key", "tset"),
        ("x-bg-hmac-algorithm", "hmac-md5"),
        ("x-bg-date-time", "yesterday"),
        ("x-bg-date-time", "Tue, 09 Nov 2021 08:49:21 GMT"),
    ] {
        let mut headers = SIGNED;
        headers.iter_mut().find(|(key, _)| *key == name).unwrap().1 = value;
        let refusal = admit(&x_bg(), &headers, 0);
        assert!(refusal.is_err(), "{name}: {value}");
    }
    assert!(admit(&x_bg(), &SIGNED[..3], 0).is_err());
}

#[test]
fn bearer_tokens_and_secret_headers_are_compared_whole() {
    let bearer = Guard::Bearer(Secret::new("t0ken"));
    let value = Secret::new("t0ken");
    let header = Guard::Header(SecretHeader { name: "X-Api-Key".to_owned(), value });
    assert!(admit(&bearer, &[("authorization", "Bearer t0ken")], 0).is_ok());
    assert!(admit(&bearer, &[("authorization", "bearer t0ken")], 0).is_ok());
    assert!(admit(&header, &[("x-api-key", "t0ken")], 0).is_ok());
    for wrong in ["Bearer t0ke", "Bearer t0ken2", "Basic t0ken", "Bearer", "t0ken", ""] {
        assert!(admit(&bearer, &[("authorization", wrong)], 0).is_err(), "{wrong}");
    }
    assert!(admit(&bearer, &[], 0).is_err());
    assert!(admit(&header, &[("x-api-key", "T0ken")], 0).is_err());
}
