//! Bodies and settings that are refused, and what sources refused other clients for.

use super::*;

#[test]
fn a_body_without_a_place_for_the_header_is_refused() {
    let wide: String = format!("<Envelope xmlns='{OLD}'><Body/></Envelope>")
        .chars()
        .flat_map(|c| [c, '\0'])
        .collect();
    for (body, says) in [
        ("", "begin with an element"),
        ("{\"a\":1}", "begin with an element"),
        ("<!-- <Envelope> ", "begin with an element"),
        ("<list><item/></list>", "first element is not `Envelope`"),
        ("<Envelope><Body/></Envelope>", "namespace of SOAP"),
        ("<s:Envelope xmlns:s='urn:other'><s:Body/></s:Envelope>", "namespace of SOAP"),
        (&format!("<s:Envelope xmlns:s='{OLD}'/>"), "is empty"),
        (&wide, "first element is not `Envelope`"),
    ] {
        let fault = sign(json!({}), body.as_bytes()).unwrap_err();
        assert!(fault.is_stopped() && fault.to_string().contains(says), "{body}: {fault}");
        assert!(WsSecurity::check_body(Some(body)).is_err(), "{body}");
    }
    let fault = WsSecurity::check_body(None).unwrap_err().to_string();
    assert!(fault.contains("there is none"), "{fault}");
    let template =
        format!("<s:Envelope xmlns:s='{OLD}'><s:Body>{{{{ page }}}}</s:Body></s:Envelope>");
    assert!(WsSecurity::check_body(Some(&template)).is_ok());
}

/// pysimplesoap/pysimplesoap#140: two headers are a fault to the source.
#[test]
fn a_body_has_one_header_for_security() {
    let name = format!("{OASIS}-wssecurity-secext-1.0.xsd");
    let template = format!(
        "<s:Envelope xmlns:s='{OLD}'><s:Header><w:Security xmlns:w='{name}'/></s:Header><s:Body/></s:Envelope>"
    );
    let fault = WsSecurity::check_body(Some(&template)).unwrap_err();
    let text = fault.to_string();
    assert!(fault.is_stopped() && text.contains("has a header `Security` already"), "{text}");
    // A record that has this name, and is asked for, stops nothing.
    let body = format!("<s:Envelope xmlns:s='{OLD}'><s:Body><id>{name}</id></s:Body></s:Envelope>");
    assert!(sign(json!({}), body.as_bytes()).is_ok());
}

/// What other clients have got wrong. The digest was computed with hashlib of Python.
#[test]
fn sources_that_refused_other_clients_get_what_they_want() {
    for (report, more, has, lacks) in [
        (
            "vpulim/node-soap#1019: the password is text in XML",
            json!({ "password": "Ihaveamper&and", "kind": "text" }),
            vec![">Ihaveamper&#38;and</wsse:Password>"],
            vec!["amper&and"],
        ),
        (
            "vpulim/node-soap#1019: but the digest covers the password itself",
            json!({ "password": "Ihaveamper&and" }),
            vec!["#PasswordDigest\">myk7xbtWrN5XJrapHJ632EaNDA4=<"],
            vec!["amper"],
        ),
        (
            "vpulim/node-soap#123: beside a password, a nonce may be refused",
            json!({ "kind": "text", "timestamp": true }),
            vec!["#PasswordText\">s3cretWord</wsse:Password></wsse:UsernameToken>"],
            vec!["wsse:Nonce"],
        ),
        (
            "vpulim/node-soap#532 and mvantellingen/python-zeep#940: or it may be wanted",
            json!({ "kind": "text", "nonce": true }),
            vec![
                "#PasswordText\">s3cretWord</wsse:Password><wsse:Nonce EncodingType=",
                "#Base64Binary\">obLDBDU2Nzg5MDEyMzQ1Ng==</wsse:Nonce><wsu:Created>",
            ],
            vec!["Timestamp"],
        ),
        (
            "mvantellingen/python-zeep#1248: the header must be understood, and both names are declared",
            json!({}),
            vec!["e:mustUnderstand=\"1\"", " xmlns:wsse=", " xmlns:wsu="],
            vec![],
        ),
        (
            "savonrb/savon#454: times are in UTC, to the second",
            json!({ "timestamp": true }),
            vec!["<wsu:Created>2025-10-09T08:53:20Z</wsu:Created><wsu:Expires>"],
            vec!["+08:00", "20.0"],
        ),
    ] {
        let body = signed(more);
        assert!(has.iter().all(|part| body.contains(part)), "{report}: {body}");
        assert!(!lacks.iter().any(|part| body.contains(part)), "{report}: {body}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (more, says) in [
        (json!({ "lifetime": "5m" }), "timestamp = true"),
        (json!({ "timestamp": true, "lifetime": "0s" }), "1s to 1d"),
        (json!({ "timestamp": true, "lifetime": "2d" }), "1s to 1d"),
        (json!({ "nonce": false }), "a digest needs a nonce"),
        (json!({ "password": "s3cret\nWord" }), "line breaks"),
        (json!({ "user": "a\u{1}" }), "line breaks"),
    ] {
        let fault = settings(more.clone()).check().unwrap_err().to_string();
        assert!(fault.contains(says) && !fault.contains("s3cret"), "{more}: {fault}");
    }
    let unknown = json!({ "user": "u", "password": "p", "digest": true });
    assert!(serde_json::from_value::<WsSecurity>(unknown).is_err());
}
