//! The text to sign as the document of a vendor shows it.

use super::*;

/// Tencent Cloud, signature v1 (cloud.tencent.com, "签名方法"): HMAC-SHA1 of method, host, path, `?` and the parameters,
/// Base64. The host is not a part that the settings have, but the document shows it.
fn tencent_cloud() -> (Value, Sample) {
    let settings = json!({ "sign": {
        "algorithm": "hmac_sha1", "key": SECRET, "coding": "base64",
        "parts": ["method", { "text": "cvm.vendor.example" }, "path", { "text": "?" }, "params"],
        "timestamp": { "put": { "param": "Timestamp" }, "unit": "s" },
        "nonce": { "param": "Nonce" }, "put": { "param": "Signature" },
    } });
    let request = get("/v2/index", &[("Action", "DescribeZones"), ("SecretId", "SIM15")]);
    let sample = signed_sample(&settings, &request);
    (settings, sample)
}

#[test]
fn a_text_is_read_as_the_parts_of_the_request() {
    let (settings, sample) = tencent_cloud();
    assert_eq!(solve(&sample).unwrap().recipes, [], "found without its text");
    let nonce = "21b2c304353637383930313233343536";
    let text = format!(
        "GETcvm.vendor.example/v2/index?Action=DescribeZones&Nonce={nonce}&SecretId=SIM15&Timestamp=1760000000"
    );
    let solution = solve(&Sample { text: Some(text), ..sample }).unwrap();
    let other = get("/v2/other", &[("Action", "Other"), ("Limit", "10"), ("SecretId", "SIM16")]);
    assert_signs_the_same(&solution, &settings, &other);
    assert!(solution.notes.iter().any(|note| note.contains("the same in every request")));
}

#[test]
fn a_text_may_have_a_placeholder_for_the_secret_or_the_secret_itself() {
    let settings = json!({ "sign": {
        "algorithm": "md5",
        "parts": [{ "text": "v2;" }, { "param": "page" }, { "text": ";<" }, { "secret": SECRET }, { "text": ">" }],
        "put": { "header": "X-Sign" },
    } });
    let request = get("", &[("page", "7")]);
    for secret in ["{secret}", SECRET] {
        let text = Some(format!("v2;7;<{secret}>"));
        let solution = solve(&Sample { text, ..signed_sample(&settings, &request) }).unwrap();
        assert_signs_the_same(&solution, &settings, &get("", &[("page", "8")]));
        assert!(!format!("{solution:?}").contains(SECRET), "{solution:?}");
    }
}

#[test]
fn a_text_with_another_form_of_the_secret_is_refused() {
    // This would fit, and the settings would have the digest of the secret in plain text.
    let (_, sample) = tencent_cloud();
    let secret = "s3cret/Word+1";
    for form in ["s3cret%2FWord%2B1", "s3cret%2fWord%2b1", "czNjcmV0L1dvcmQrMQ==", "S3CRET/WORD+1"]
    {
        let text = Some(format!("page=7&{form}"));
        let request = sample.request.clone();
        let sample = Sample { request, secret: Secret::new(secret), text, ..tencent_cloud().1 };
        let fault = solve(&sample).unwrap_err().to_string();
        assert!(fault.contains("in another form") && !fault.contains(form), "{fault}");
    }
    let md5 = "900150983CD24FB0D6963F7D28E17F72";
    let text = Some(format!("7{md5}"));
    let fault = solve(&Sample { secret: Secret::new("abc"), text, ..sample }).unwrap_err();
    assert!(fault.to_string().contains("in another form"), "{fault}");
}

#[test]
fn a_text_that_does_not_give_the_signature_finds_nothing_by_itself() {
    let (_, sample) = tencent_cloud();
    let text = Some("GETcvm.vendor.example/v2/index?Action=DescribeZones".to_owned());
    let solution = solve(&Sample { text, ..sample }).unwrap();
    assert_eq!(solution.recipes, []);
    assert!(solution.groups[1].tried > 0, "{solution:?}");
}
