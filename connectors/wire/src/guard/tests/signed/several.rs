//! Several signatures in one header, and keys that are bytes.

use super::*;

/// The time and several signatures in one header.
pub(super) fn several() -> Value {
    json!({
        "algorithm": "hmac_sha256", "key": KEY, "parts": ["timestamp", "body"], "join": ".",
        "signature": { "header": "Signed" }, "prefix": "v1=", "separator": ",",
        "timestamp": { "from": { "header": "Signed" }, "prefix": "t=" },
    })
}

/// An id, a time and signatures in headers of their own; the key is written in Base64.
pub(super) fn with_id() -> Value {
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
