//! Challenges as sources write them, the digests that answer them, and how long a nonce is used.

use contract::FaultKind;
use serde_json::json;

use super::*;

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

/// What devices and servers send, and what others have got wrong in the answer.
#[test]
fn each_form_of_a_challenge_is_answered_with_its_digest() {
    let auth = "response=\"a41862e8928cd7a5dcef7dd2f332c4c0\"";
    let counted = "qop=auth, nc=00000001, cnonce=\"c0ffee\"";
    for (header, has) in [
        // Words without quotes, in any case and order, and with blanks around `=`.
        ("DIGEST nonce = \"n1==\",QOP=auth ,Realm=parks", vec![auth, counted]),
        // A list of qualities: one of them counts, in the digest and in the header.
        ("Digest realm=\"parks\", qop=\"auth-int,auth\", nonce=\"n1==\"", vec![auth, counted]),
        // The same list without quotes.
        ("Digest qop=auth,auth-int, realm=\"parks\", nonce=\"n1==\"", vec![auth, counted]),
        // What stands without quotes may end with the padding of Base64.
        ("Digest realm=parks, qop=\"auth\", nonce=n1==, stale=FALSE", vec![auth, "nonce=\"n1==\""]),
        // An algorithm in quotes comes back without, as do `qop` and `nc`.
        (
            "Digest realm=\"parks\", qop=\"auth\", nonce=\"n1==\", algorithm=\"MD5\"",
            vec![auth, "algorithm=MD5,", counted],
        ),
        // Other schemes before and behind, one of them with a token.
        (
            "Negotiate YIIa==, Basic realm=\"x, Digest y\", Digest realm=\"parks\", nonce=\"n1==\", \
             qop=\"auth\", Bearer realm=\"z\"",
            vec![auth],
        ),
        ("NTLM, Digest realm=\"parks\" nonce=\"n1==\" qop=\"auth\"", vec![auth]),
        // An algorithm that is not known is left for one that is.
        (
            "Digest realm=\"parks\", nonce=\"x\", algorithm=SHA-512-256, qop=\"auth\", \
             Digest realm=\"parks\", nonce=\"n1==\", qop=\"auth\", opaque=\"\"",
            vec![auth, "opaque=\"\""],
        ),
        (
            "Digest realm=\"parks\", nonce=\"n1==\", algorithm=MD5-sess, qop=\"auth\"",
            vec!["response=\"7896f6412c36408b004f863581bd7a68\"", "algorithm=MD5-sess", counted],
        ),
        (
            "Digest realm=\"parks\", nonce=\"n1==\", algorithm=sha-256, qop=\"auth\"",
            vec![
                "response=\"a04caa460a14b8e3d5642ecd95a804639fadefa80749c2042094af2158df7c71\"",
                "algorithm=sha-256",
            ],
        ),
        (
            "Digest realm=\"parks\", nonce=\"n1==\", algorithm=SHA-256-sess, qop=\"auth\"",
            vec!["response=\"cacc4958b0978ad79c81c5fe1c789c151f06cb2c39a98acb3c11695e8cefe771\""],
        ),
        // Without a session, only `qop` needs our own random text; an empty `qop` is none.
        (
            "Digest realm=\"公园\", nonce=\"n1==\", qop=\"\"",
            vec!["response=\"6296129a13e6576e447539e0baa71f19\"", "realm=\"公园\""],
        ),
        (
            "Digest realm=\"parks\", nonce=\"n1==\", algorithm=MD5-sess",
            vec!["response=\"a8ca8c09527bdc9b2baffbda580a5b04\"", "cnonce=\"c0ffee\""],
        ),
        (
            r#"Digest realm="a \"b\", Basic c\\d", nonce="n1==", qop="auth""#,
            vec!["response=\"e8f3e434decaa3bf6ff93f02cb5b7903\"", r#"realm="a \"b\", Basic c\\d""#],
        ),
        (
            "Digest realm=\"\", nonce=\"n1==\", qop=\"auth\"",
            vec!["response=\"36a4c9f9993b4a7c40a3087b364553ee\"", "realm=\"\""],
        ),
        (
            "Digest realm=\"parks\", nonce=\"n1==\", qop=auth, algorithm=SHA-256, userhash=true",
            vec![
                "username=\"c4ec3a604c5dcbfcb19d4a00d24e167c5a208d5012e4aa1746ea64a2300cd770\"",
                "userhash=true",
            ],
        ),
    ] {
        let (value, steps) = answer(&digest("ting", "s3cretWord"), header, "c0ffee", get(TARGET));
        for part in has {
            assert!(value.contains(part), "{header}: {part} is not in {value}");
        }
        assert!(value.contains("uri=\"/list?page=1\""), "{value}");
        let has_quality = value.contains("qop=");
        assert_eq!(value.contains("nc="), has_quality, "{value}");
        assert!(!value.contains("s3cretWord") && !format!("{steps:?}").contains("s3cretWord"));
    }
}

#[test]
fn a_body_is_covered_only_if_the_source_wants_nothing_else() {
    let header = "Digest realm=\"parks\", qop=\"auth-int\", nonce=\"n1==\"";
    let request = SentRequest { method: "POST", target: TARGET, body: b"{\"page\":1}" };
    let (value, _) = answer(&digest("ting", "s3cretWord"), header, "c0ffee", request);
    assert!(value.contains("response=\"76360519f940c77181073db7a96e8506\""), "{value}");
    assert!(value.contains("qop=auth-int, nc=00000001"), "{value}");
}

#[test]
fn a_user_that_is_not_ascii_is_sent_as_the_source_wants_it() {
    let response = "response=\"87a8a5ebf96f8b85063cf35d651af24f7d7668d329a68c132f9edb3bb7c3895e\"";
    for (user, charset, name) in [
        ("停车", ", charset=UTF-8", "username*=UTF-8''%E5%81%9C%E8%BD%A6,"),
        ("停车", "", "username=\"停车\","),
        ("ting", ", charset=\"utf-8\"", "username=\"ting\","),
        ("a\"b\\c", "", r#"username="a\"b\\c","#),
    ] {
        let header =
            format!("Digest realm=parks, nonce=n1==, qop=auth, algorithm=SHA-256{charset}");
        let (value, _) = answer(&digest(user, "s3cretWord"), &header, "c0ffee", get(TARGET));
        assert!(value.contains(name), "{value}");
        assert_eq!(value.contains(response), user == "停车", "{value}");
    }
}

/// RFC 7616 §3.9.2, with SHA-256 in the place of SHA-512-256: computed with hashlib of Python.
#[test]
fn the_digest_of_a_user_covers_its_name_in_utf_8() {
    let header = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-256, \
                  nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
                  opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true";
    let settings = digest("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm";
    let (value, _) = answer(&settings, header, cnonce, get("/doe.json"));
    for part in [
        "username=\"5a1a8a47df5c298551b9b42ba9b05835174a5bd7d511ff7fe9191d8e946fc4e7\"",
        "response=\"06d0c14162099f487a92ebceaf71097534ee5f90d858386449c337ab69f7f6b8\"",
        "userhash=true",
    ] {
        assert!(value.contains(part), "{part} is not in {value}");
    }
    assert!(!value.contains("username*"), "{value}");
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

/// What happens to a channel in its order, and what it does then.
enum Event {
    /// A request is sent; this is the nonce that it answers, and its number.
    Sent(Option<(&'static str, &'static str)>),
    /// A challenge comes; this is whether the request is repeated.
    Challenge(&'static str, bool),
    /// The challenge is a fault of this kind.
    Fault(&'static str, FaultKind),
    /// The answer is a success, with this header `Authentication-Info`.
    Accepted(Option<&'static str>),
}

#[test]
fn a_nonce_is_used_until_it_ends_and_a_refused_answer_is_not_repeated() {
    use Event::{Accepted, Challenge, Fault, Sent};
    let a = "Digest realm=\"r\", nonce=\"a\", qop=\"auth\"";
    let b = "Digest realm=\"r\", nonce=\"b\", qop=\"auth\"";
    let other_realm = "Digest realm=\"s\", nonce=\"a\", qop=\"auth\"";
    let stale = "Digest realm=\"r\", nonce=\"b\", qop=\"auth\", stale=TRUE";
    let stale_again = "Digest realm=\"r\", nonce=\"c\", qop=\"auth\", stale=\"true\"";
    let sent = |nonce, count| Sent(Some((nonce, count)));
    for (name, events) in [
        (
            "the count rises",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Accepted(None),
                sent("a", "00000003"),
            ],
        ),
        (
            "refused",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Challenge(b, false)],
        ),
        (
            "the same nonce again",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Challenge(a, false)],
        ),
        (
            "after a refusal, it begins again",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(b, false),
                Sent(None),
                Challenge(b, true),
                sent("b", "00000001"),
                Accepted(None),
            ],
        ),
        (
            "a stale nonce is no refusal",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(stale, true),
                sent("b", "00000001"),
                Accepted(None),
                sent("b", "00000002"),
                Challenge(stale_again, true),
                sent("c", "00000001"),
            ],
        ),
        (
            "each nonce is stale",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(stale, true),
                sent("b", "00000001"),
                Fault(stale_again, FaultKind::Transient),
                Sent(None),
            ],
        ),
        (
            "a nonce that was accepted may end without a word",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Challenge(b, true),
                sent("b", "00000001"),
                Challenge(a, false),
            ],
        ),
        (
            "the next nonce",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(Some("rspauth=\"x\", nextnonce=\"d=\"")),
                sent("d=", "00000001"),
            ],
        ),
        (
            "a next nonce that is lost",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(Some("nextnonce=\"\u{fffd}\"")),
                sent("a", "00000002"),
            ],
        ),
        // transithq/tropel#328: another realm is another password, even with the same nonce.
        (
            "another realm with the same nonce",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Challenge(other_realm, true),
                sent("a", "00000001"),
                Challenge(a, false),
            ],
        ),
        (
            "nothing came back",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Sent(None)],
        ),
    ] {
        let (settings, mut held) = (digest("ting", "s3cretWord"), Challenges::default());
        for event in events {
            match event {
                Sent(expected) => {
                    held.begin();
                    let (value, _) = settings.answer(&mut held, ORIGIN, get(TARGET));
                    assert_eq!(value.is_some(), expected.is_some(), "{name}: {value:?}");
                    if let (Some(value), Some((nonce, count))) = (value, expected) {
                        let is_it = value.contains(&format!("nonce=\"{nonce}\""))
                            && value.contains(&format!("nc={count}"));
                        assert!(is_it, "{name}: {value} has not {nonce} {count}");
                    }
                }
                Challenge(header, repeats) => {
                    assert_eq!(held.take(ORIGIN, header, NONCE).unwrap(), repeats, "{name}");
                }
                Fault(header, kind) => {
                    assert_eq!(
                        held.take(ORIGIN, header, NONCE).unwrap_err().kind(),
                        kind,
                        "{name}"
                    );
                }
                Accepted(info) => held.accept(ORIGIN, info),
            }
        }
    }
}

#[test]
fn a_challenge_is_answered_only_to_the_origin_that_has_sent_it() {
    let (settings, mut held) = (digest("ting", "s3cretWord"), Challenges::default());
    assert!(held.take(ORIGIN, "Digest realm=\"r\", nonce=\"a\"", NONCE).unwrap());
    for other in ["https://b.example", "http://a.example", "https://a.example:8443"] {
        assert!(settings.answer(&mut held, other, get(TARGET)).0.is_none(), "{other}");
    }
    assert!(settings.answer(&mut held, ORIGIN, get(TARGET)).0.is_some());
}
