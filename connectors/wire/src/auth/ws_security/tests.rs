//! Envelopes as vendors write them, and the header that is put into them.

use serde_json::{Value, json};

use super::*;

const OLD: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const NEW: &str = "http://www.w3.org/2003/05/soap-envelope";

fn context() -> SigningContext {
    let now = Timestamp::from_timestamp(1_760_000_000, 0).unwrap();
    let zone = chrono_tz::Asia::Shanghai;
    SigningContext { now, nonce: *b"\xa1\xb2\xc3\x04567890123456", zone }
}

fn settings(more: Value) -> WsSecurity {
    let mut settings = json!({ "user": "tinguser", "password": "s3cretWord" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

fn sign(more: Value, body: &[u8]) -> Result<(Vec<u8>, SigningSteps), Fault> {
    let mut request = Request { body: body.to_vec(), ..Request::default() };
    let steps = settings(more).sign(&mut request, &context())?;
    Ok((request.body, steps))
}

fn signed(more: Value) -> String {
    let body = format!("<e:Envelope xmlns:e=\"{OLD}\"><e:Body/></e:Envelope>");
    String::from_utf8(sign(more, body.as_bytes()).unwrap().0).unwrap()
}

/// The example of the ONVIF application programmer's guide, and one of our own.
#[test]
fn the_digest_is_made_of_the_bytes_of_the_nonce() {
    let context = SigningContext {
        now: "2010-09-16T07:50:45Z".parse().unwrap(),
        nonce: STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap().try_into().unwrap(),
        ..context()
    };
    let body = format!("<e:Envelope xmlns:e=\"{NEW}\"><e:Body/></e:Envelope>");
    let mut request = Request { body: body.into_bytes(), ..Request::default() };
    settings(json!({ "password": "userpassword" })).sign(&mut request, &context).unwrap();
    let body = String::from_utf8(request.body).unwrap();
    for part in [
        "#PasswordDigest\">tuOSpGlFlIXsozq4HFNeeGeFLEI=</wsse:Password>",
        "#Base64Binary\">LKqI6G/AikKCQrN0zqZFlg==</wsse:Nonce>",
        "<wsu:Created>2010-09-16T07:50:45Z</wsu:Created>",
    ] {
        assert!(body.contains(part), "{body}");
    }
    assert!(signed(json!({})).contains(">ZTD36o0v0HIOgzsMS2VUbM6bhFc=<"));
    // The digest covers the password itself, and not what it looks like in XML.
    let special = signed(json!({ "password": "p<&密" }));
    assert!(special.contains(">mznxojXQfi+FOxCT8B9V562CQB4=<"), "{special}");
}

#[test]
fn the_header_has_what_the_settings_say_and_nothing_else() {
    let digest =
        ["PasswordDigest", "<wsse:Nonce ", "<wsu:Created>2025-10-09T08:53:20Z</wsu:Created>"];
    for (more, has, lacks) in [
        (json!({}), digest.to_vec(), vec!["Timestamp", "s3cretWord"]),
        (
            json!({ "kind": "text" }),
            vec!["#PasswordText\">s3cretWord</wsse:Password></wsse:UsernameToken>"],
            vec!["Nonce", "Created"],
        ),
        (
            json!({ "kind": "text", "nonce": true }),
            vec!["#PasswordText\">s3cretWord<", "<wsse:Nonce ", "<wsu:Created>"],
            vec!["Timestamp"],
        ),
        (
            json!({ "timestamp": true }),
            vec![
                "1\"><wsu:Timestamp><wsu:Created>2025-10-09T08:53:20Z</wsu:Created>\
                 <wsu:Expires>2025-10-09T08:58:20Z</wsu:Expires></wsu:Timestamp><wsse:UsernameToken>",
            ],
            vec![],
        ),
        (
            json!({ "timestamp": true, "lifetime": "1h", "kind": "text" }),
            vec!["<wsu:Expires>2025-10-09T09:53:20Z</wsu:Expires>"],
            vec!["Nonce"],
        ),
        (
            json!({ "user": "停车 & \"co\"", "password": "a<b>&'密", "kind": "text" }),
            vec![
                "<wsse:Username>&#20572;&#36710; &#38; &#34;co&#34;</wsse:Username>",
                ">a&#60;b&#62;&#38;&#39;&#23494;</wsse:Password>",
            ],
            vec![],
        ),
    ] {
        let body = signed(more.clone());
        assert!(has.iter().all(|part| body.contains(part)), "{more}: {body}");
        assert!(!lacks.iter().any(|part| body.contains(part)), "{more}: {body}");
    }
}

#[test]
fn the_header_is_put_into_every_form_of_an_envelope() {
    let security = |attribute: &str| format!("<wsse:Security{attribute} xmlns:wsse=");
    let old = format!("xmlns:s=\"{OLD}\"");
    let new = format!("xmlns:env='{NEW}'");
    let plain = security("");
    for (body, begins, must) in [
        // Without a header, with an empty one, with a closed one, and with one that has something.
        (
            format!("<s:Envelope {old}><s:Body>1</s:Body></s:Envelope>"),
            format!("<s:Envelope {old}><s:Header>{plain}"),
            "s:mustUnderstand=\"1\"",
        ),
        (
            format!("<s:Envelope {old}><s:Header></s:Header><s:Body>1</s:Body></s:Envelope>"),
            format!("<s:Envelope {old}><s:Header>{plain}"),
            "s:mustUnderstand=\"1\"",
        ),
        (
            format!("<s:Envelope {old}>\n <s:Header a='/>' />\n<s:Body>1</s:Body></s:Envelope>"),
            format!("<s:Envelope {old}>\n <s:Header a='/>'>{plain}"),
            "s:mustUnderstand=\"1\"",
        ),
        (
            format!("<s:Envelope {old}><s:Header/><s:Body>1</s:Body></s:Envelope>"),
            format!("<s:Envelope {old}><s:Header>{plain}"),
            "s:mustUnderstand=\"1\"",
        ),
        (
            format!(
                "<s:Envelope {old}><s:Header><a:To xmlns:a='u'>x</a:To></s:Header><s:Body>1</s:Body></s:Envelope>"
            ),
            format!("<s:Envelope {old}><s:Header>{plain}"),
            "s:mustUnderstand=\"1\"",
        ),
        // Another prefix, another version, further namespaces, and what may stand before.
        (
            format!(
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- <s:Envelope> -->\n<env:Envelope xmlns:x=\"a>b\"\n\t{new} >\
                 <!-- <env:Header/> --><env:Body>1</env:Body></env:Envelope>"
            ),
            format!(
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- <s:Envelope> -->\n<env:Envelope xmlns:x=\"a>b\"\n\t{new} >\
                 <!-- <env:Header/> --><env:Header>{plain}"
            ),
            "env:mustUnderstand=\"1\"",
        ),
        // Without a prefix, the attribute needs one.
        (
            format!("<Envelope xmlns=\"{OLD}\"><Body>1</Body></Envelope>"),
            format!(
                "<Envelope xmlns=\"{OLD}\"><Header>{}",
                security(&format!(" xmlns:soap=\"{OLD}\""))
            ),
            "soap:mustUnderstand=\"1\"",
        ),
        (
            format!("<Envelope xmlns=\"{NEW}\"><Header /><Body>1</Body></Envelope>"),
            format!(
                "<Envelope xmlns=\"{NEW}\"><Header>{}",
                security(&format!(" xmlns:soap=\"{NEW}\""))
            ),
            "soap:mustUnderstand=\"1\"",
        ),
    ] {
        let made = String::from_utf8(sign(json!({}), body.as_bytes()).unwrap().0).unwrap();
        assert!(made.starts_with(&begins), "{made}");
        assert!(made.contains(must), "{made}");
        // Nothing else has changed, and each element is closed once.
        let start = made.find("<wsse:Security").unwrap();
        let end = made.find("</wsse:Security>").unwrap() + "</wsse:Security>".len();
        let rest = format!("{}{}", &made[..start], &made[end..]);
        let elements = rest.replace("<!-- <env:Header/> -->", "");
        assert_eq!(elements.matches("Header").count(), 2, "{rest}");
        assert!(rest.ends_with(&body[body.find("Body>1").unwrap()..]), "{rest}");
    }
}

/// Bytes of other charsets stay as they are: the header is written in ASCII.
#[test]
fn a_body_in_another_charset_keeps_its_bytes() {
    let mut body = format!("<s:Envelope xmlns:s='{OLD}'><s:Body>").into_bytes();
    let end = b"\xb9\xab\xd4\xb0\x81\x5c</s:Body></s:Envelope>";
    body.extend_from_slice(end);
    let (made, _) = sign(json!({ "user": "停车" }), &body).unwrap();
    assert!(made.ends_with(end));
    let start = made.len() - end.len();
    assert!(made[..start].is_ascii());
}

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

#[test]
fn what_is_shown_has_neither_the_user_nor_the_password_nor_the_digest() {
    let body = format!("<e:Envelope xmlns:e=\"{OLD}\"><e:Body/></e:Envelope>");
    for more in [json!({}), json!({ "kind": "text", "nonce": true, "timestamp": true })] {
        let (_, steps) = sign(more, body.as_bytes()).unwrap();
        let shown = format!("{steps:?}");
        for secret in ["tinguser", "s3cretWord", "ZTD36o0v"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("‹user›") && shown.contains("2025-10-09T08:53:20Z"), "{shown}");
    }
}
