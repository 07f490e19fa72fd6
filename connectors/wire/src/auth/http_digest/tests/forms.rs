//! Every form of a challenge, and the digest that answers it.

use super::*;

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
