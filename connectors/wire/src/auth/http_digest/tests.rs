//! Challenges as sources write them, the digests that answer them, and how long a nonce is used.

use contract::FaultKind;
use serde_json::json;

use super::{held::Answered, offer::Offer, *};

mod forms;
mod nonces;
mod reports;

const NONCE: [u8; 16] = *b"0123456789abcdef";
const ORIGIN: &str = "https://a.example";
const TARGET: &str = "/list?page=1";

fn digest(user: &str, password: &str) -> HttpDigest {
    serde_json::from_value(json!({ "user": user, "password": password })).unwrap()
}

fn get(target: &str) -> SentRequest<'_> {
    SentRequest { method: "GET", target, body: b"" }
}

/// The answer to a challenge, with this random text of our own.
fn answer(
    settings: &HttpDigest,
    header: &str,
    cnonce: &str,
    request: SentRequest<'_>,
) -> (String, SigningSteps) {
    let offer = Offer::best(header).unwrap().unwrap();
    let held = Answered { count: 1, ..Answered::new(offer, cnonce.to_owned(), false) };
    settings.authorization(&held, request, SigningSteps::new("digest"))
}

/// RFC 7616 §3.9.1 and RFC 2617 §3.5; those with a session are the same example, computed with hashlib of Python.
#[test]
fn the_examples_of_the_standards_give_their_responses() {
    let new = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
               nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
               opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let new_cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let old = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
               nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
               opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    for (header, password, cnonce, response) in [
        (
            format!("Digest {new}, algorithm=MD5"),
            "Circle of Life",
            new_cnonce,
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
        (
            format!("Digest {new}, algorithm=SHA-256"),
            "Circle of Life",
            new_cnonce,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            format!("Digest {new}, algorithm=MD5-sess"),
            "Circle of Life",
            new_cnonce,
            "e783283f46242139c486a698fec7211d",
        ),
        (
            format!("Digest {new}, algorithm=SHA-256-sess"),
            "Circle of Life",
            new_cnonce,
            "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
        ),
        (old.to_owned(), "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1"),
    ] {
        let settings = digest("Mufasa", password);
        let (value, steps) = answer(&settings, &header, cnonce, get("/dir/index.html"));
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        let shown = format!("{steps:?}");
        assert!(!shown.contains(password) && !shown.contains(response), "{shown}");
        assert!(shown.contains("Mufasa:") && shown.contains("GET:/dir/index.html"), "{shown}");
    }
}

#[test]
fn a_user_that_no_header_can_carry_is_refused() {
    for user in ["ting\n", "a\tb", "a\r\nX-Admin: 1", "\u{7f}"] {
        let fault = digest(user, "s3cretWord").check().unwrap_err().to_string();
        assert!(fault.contains("auth.digest") && fault.contains("line breaks"), "{fault}");
    }
    assert!(digest("停车 \"a\"", "s3cret\tWord").check().is_ok());
}

#[test]
fn a_challenge_that_cannot_be_answered_is_refused_with_the_reason() {
    for (header, says) in [
        ("Digest realm=\"a\", nonce=\"n\", algorithm=SHA-512-256", "SHA-512-256"),
        ("Digest realm=\"a\", nonce=\"n\", qop=\"token\"", "`qop` is \"token\""),
        ("Digest realm=\"a\", qop=\"auth\"", "no nonce"),
        ("Digest realm=\"\u{fffd}\u{fffd}\", nonce=\"n\"", "not in UTF-8"),
    ] {
        let fault = Challenges::default().take(ORIGIN, header, NONCE).unwrap_err();
        assert!(fault.kind() == FaultKind::Stopped && fault.to_string().contains(says), "{fault}");
        assert!(fault.to_string().contains("MD5 or SHA-256"), "{fault}");
    }
    let long = format!("Digest realm=\"{}\", nonce=\"n\"", "a".repeat(16 * 1024));
    for header in ["", "Basic realm=\"a\"", "Basic realm=\"Digest nonce=1\"", ",, = \"", &long] {
        assert!(!Challenges::default().take(ORIGIN, header, NONCE).unwrap(), "{header}");
    }
}

#[test]
fn a_refusal_without_a_challenge_names_what_the_source_offers() {
    let long = format!("Digest realm=\"{}\", nonce=\"n\"", "a".repeat(16 * 1024));
    for (header, says) in [
        (long.as_str(), "longer than 16 KiB"),
        ("Basic realm=\"a\"", "write `basic` in the place of `digest`"),
        ("Bearer, Basic realm=\"a\"", "write `basic`"),
        ("Negotiate, NTLM", "\"Negotiate\" and \"NTLM\""),
        ("", "sends no challenge"),
        ("Digest realm=\"a\", nonce=\"n\"", "status 401"),
    ] {
        let fault = HttpDigest::explain(header, Fault::stopped("status 401"));
        assert!(fault.to_string().contains(says), "{header}: {fault}");
        assert!(fault.place().contains(&"http.auth".to_owned()) && fault.is_stopped());
    }
}
