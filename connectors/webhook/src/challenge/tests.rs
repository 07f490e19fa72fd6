use serde_json::json;

use super::*;
use crate::answer::AnswerForm;

const TOKEN: &str = "known-to-us-and-the-platform";
const WRONG: Challenge = Challenge::Unproven("the token of the challenge is wrong");

fn form(settings: Value) -> ChallengeForm {
    serde_json::from_value(settings).unwrap()
}

fn head(method: &str, query: &str) -> Parts {
    let request = http::Request::builder().method(method).uri(format!("/intake/app?{query}"));
    request.body(()).unwrap().into_parts().0
}

fn text(body: &str) -> Challenge {
    let (content_type, body) = ("text/plain; charset=utf-8", body.to_owned().into());
    Challenge::Answered(Answer { content_type, body })
}

fn document(body: &str) -> Challenge {
    let (content_type, body) = ("application/json", body.to_owned().into());
    Challenge::Answered(Answer { content_type, body })
}

#[test]
fn a_parameter_comes_back_as_text_if_it_is_harmless() {
    let echo = || form(json!({ "param": "echostr" }));
    let long = |n: usize| format!("echostr={}", "7".repeat(n));
    let unfit = || Challenge::Unfit(MALFORMED);
    for (method, query, expected) in [
        ("GET", "echostr=5838479218127813673&nonce=1", text("5838479218127813673")),
        ("GET", "echostr=YWJj%2BZGVm%3D%3D", text("YWJj+ZGVm==")),
        ("GET", &long(256), text(&"7".repeat(256))),
        ("GET", &long(257), unfit()),
        ("GET", "echostr=", unfit()),
        ("GET", "echostr=%3Cscript%3Ealert(1)%3C%2Fscript%3E", unfit()),
        ("GET", "echostr=a%0D%0ASet-Cookie:%20b", unfit()),
        ("GET", "echostr=a%00", unfit()),
        ("GET", "echostr=%22a%22", unfit()),
        ("GET", "echostr=calc.bat%7C%7Ccalc", unfit()),
        ("GET", "echostr=%E4%B8%AD", unfit()),
        ("GET", "echostr=1&echostr=2", unfit()),
        ("GET", "echostr[]=1", Challenge::None),
        ("GET", "", Challenge::None),
        ("HEAD", "echostr=1", Challenge::None),
        ("POST", "echostr=1", Challenge::None),
    ] {
        assert_eq!(echo().challenge(&head(method, query), b"", Ok(())), expected, "{query}");
    }
    let refused = echo().challenge(&head("GET", "echostr=1"), b"", Err("the signature is wrong"));
    assert_eq!(refused, Challenge::Unproven("the signature is wrong"));
}

#[test]
fn a_challenge_with_a_token_proves_itself_and_no_signature_replaces_it() {
    let form = form(json!({
        "param": "hub.challenge", "when": { "hub.mode": "subscribe" },
        "token": { "name": "hub.verify_token", "value": TOKEN },
    }));
    for (query, expected) in [
        (format!("hub.mode=subscribe&hub.challenge=11&hub.verify_token={TOKEN}"), text("11")),
        (
            format!("hub.mode=unsubscribe&hub.challenge=11&hub.verify_token={TOKEN}"),
            Challenge::None,
        ),
        ("hub.mode=subscribe&hub.challenge=11&hub.verify_token=guess".to_owned(), WRONG),
        ("hub.mode=subscribe&hub.challenge=11&hub.verify_token=".to_owned(), WRONG),
        ("hub.mode=subscribe&hub.challenge=11".to_owned(), WRONG),
    ] {
        for admitted in [Ok(()), Err("the signature is missing")] {
            assert_eq!(form.challenge(&head("GET", &query), b"", admitted), expected, "{query}");
        }
    }
    assert!(!format!("{form:?}").contains(TOKEN));
}

#[test]
fn a_member_comes_back_as_json_and_what_is_another_body_is_a_record() {
    let when = || json!({ "type": "url_verification" });
    let plain = form(json!({ "member": "challenge", "when": when() }));
    let own = form(json!({
        "member": "challenge", "when": when(), "token": { "name": "token", "value": TOKEN },
    }));
    assert_eq!((plain.asks(), own.asks()), (Asks::Never, Asks::WithToken));
    let large =
        format!(r#"{{"type":"url_verification","challenge":"a","x":"{}"}}"#, "x".repeat(4096));
    let answered = || document(r#"{"challenge":"ajls384-kd.j_x98XX"}"#);
    for (body, expected) in [
        (r#"{"challenge":"ajls384-kd.j_x98XX","token":"t","type":"url_verification"}"#, answered()),
        (
            "\u{feff} {\"type\":\"url_verification\",\"challenge\":\"ajls384-kd.j_x98XX\"}\n",
            answered(),
        ),
        (r#"{"type":"url_verification","challenge":"<b>"}"#, Challenge::Unfit(MALFORMED)),
        (r#"{"type":"url_verification","challenge":7}"#, Challenge::Unfit(MALFORMED)),
        (r#"{"type":"url_verification","challenge":null}"#, Challenge::Unfit(MALFORMED)),
        (r#"{"type":"url_verification"}"#, Challenge::None),
        (r#"{"type":"event_callback","challenge":"a"}"#, Challenge::None),
        (r#"{"type":["url_verification"],"challenge":"a"}"#, Challenge::None),
        (r#"[{"type":"url_verification","challenge":"a"}]"#, Challenge::None),
        (r#"{"encrypt":"bm90IHJlYWQ="}"#, Challenge::None),
        (&large, Challenge::None),
        ("", Challenge::None),
        ("{", Challenge::None),
    ] {
        let said = plain.challenge(&head("POST", ""), body.as_bytes(), Ok(()));
        assert_eq!(said, expected, "{body}");
    }
    let refused = Err("the signature, its time or its nonce is missing");
    for (token, expected) in [(TOKEN, document(r#"{"challenge":"a"}"#)), ("guess", WRONG)] {
        let body = json!({ "type": "url_verification", "challenge": "a", "token": token });
        let said = own.challenge(&head("POST", ""), body.to_string().as_bytes(), refused);
        assert_eq!(said, expected, "{token}");
    }
    let body = br#"{"type":"url_verification","challenge":"a","token":["known"]}"#;
    assert_eq!(own.challenge(&head("POST", ""), body, refused), WRONG);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (settings, why) in [
        (json!({}), "it is not said where a challenge is"),
        (json!({ "param": "a", "member": "b", "when": { "c": "d" } }), "set one of them, not both"),
        (json!({ "member": "challenge" }), "a record could be taken for a challenge"),
    ] {
        let fault = form(settings.clone()).check().unwrap_err();
        assert!(fault.to_string().contains(why), "{settings}: {fault}");
    }
    assert!(form(json!({ "param": "echostr" })).check().is_ok());
    for unknown in [json!({ "params": "a" }), json!({ "param": "a", "token": { "value": "b" } })] {
        assert!(serde_json::from_value::<ChallengeForm>(unknown.clone()).is_err(), "{unknown}");
    }
}

#[test]
fn the_answer_has_the_form_of_the_settings_and_a_limit() {
    let form = |settings: Value| serde_json::from_value::<AnswerForm>(settings);
    for (settings, content_type, body) in [
        (
            json!({ "json": { "code": 0, "msg": "成功" } }),
            "application/json",
            r#"{"code":0,"msg":"成功"}"#,
        ),
        (json!({ "text": "success" }), "text/plain; charset=utf-8", "success"),
        (json!({ "text": "" }), "text/plain; charset=utf-8", ""),
        (
            json!({ "xml": "<xml><code>0</code></xml>" }),
            "text/xml; charset=utf-8",
            "<xml><code>0</code></xml>",
        ),
    ] {
        let form = form(settings).unwrap();
        form.check().unwrap();
        let answer = form.answer();
        assert_eq!((answer.content_type, &*answer.body), (content_type, body.as_bytes()));
    }
    for (settings, why) in [
        (json!({ "text": "x".repeat(4097) }), "longer than 4 KiB"),
        (json!({ "json": { "a": "x".repeat(4090) } }), "longer than 4 KiB"),
        (json!({ "xml": "success" }), "is not XML"),
    ] {
        let fault = form(settings).unwrap().check().unwrap_err();
        assert!(fault.to_string().contains(why), "{fault}");
    }
    for wrong in [json!({ "html": "<b>" }), json!("success"), json!({ "json": [0] })] {
        assert!(form(wrong.clone()).is_err(), "{wrong}");
    }
}
