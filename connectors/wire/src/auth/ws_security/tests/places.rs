//! Where the header is put into an envelope.

use super::*;

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
