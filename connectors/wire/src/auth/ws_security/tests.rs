//! Envelopes as vendors write them, and the header that is put into them.

use serde_json::{Value, json};

use super::*;

mod places;
mod refusals;

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
