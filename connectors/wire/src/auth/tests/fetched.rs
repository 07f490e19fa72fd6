//! Tokens and secrets that must be fetched: when they are fetched, how often, and the faults.

use super::*;

fn client() -> Auth {
    auth(json!({ "oauth2": {
        "token_url": "https://login.example/token",
        "client_id": "tong hui",
        "client_secret": "s3cret",
        "scope": "read",
    } }))
}

fn later(seconds: i64) -> SigningContext {
    SigningContext { now: context().now + TimeDelta::seconds(seconds), ..context() }
}

fn token(expires_in: Value) -> Vec<u8> {
    json!({ "access_token": "t0ken", "token_type": "Bearer", "expires_in": expires_in })
        .to_string()
        .into_bytes()
}

#[test]
fn a_token_is_requested_with_the_credentials_of_the_client() {
    let token_request = client().token_request(&context()).unwrap();
    assert_eq!(token_request.url, "https://login.example/token");
    assert_eq!(text(&token_request.request.body), "grant_type=client_credentials&scope=read");
    // tong+hui:s3cret
    assert_eq!(token_request.request.header("authorization"), Some("Basic dG9uZytodWk6czNjcmV0"));
    assert_hides(&token_request.steps, &["s3cret", "czNjcmV0"]);
    let Scheme::Oauth2(mut own) = client().scheme else { panic!("another scheme") };
    own.credentials = Credentials::Body;
    let body = text(&own.token_request().request.body).to_owned();
    assert!(body.ends_with("client_id=tong+hui&client_secret=s3cret"), "{body}");
}

#[test]
fn a_token_may_be_requested_for_a_user_or_with_a_refresh_token_and_with_further_fields() {
    for (more, body) in [
        (
            json!({ "username": "张", "password": "hunter2", "fields": { "audience": "api" } }),
            "grant_type=password&username=%E5%BC%A0&password=hunter2&audience=api&client_id=c",
        ),
        (
            json!({ "refresh_token": "hunter2", "scope": "read" }),
            "grant_type=refresh_token&refresh_token=hunter2&scope=read&client_id=c",
        ),
        (
            json!({ "client_secret": "hunter2", "credentials": "body" }),
            "grant_type=client_credentials&client_id=c&client_secret=hunter2",
        ),
    ] {
        let mut settings = json!({ "token_url": "https://a.example/t", "client_id": "c" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let auth = auth(json!({ "oauth2": settings }));
        let token_request = auth.token_request(&context()).unwrap();
        assert_eq!(text(&token_request.request.body), body, "{more}");
        assert_eq!(token_request.request.header("authorization"), None, "{more}");
        assert_hides(&token_request.steps, &["hunter2"]);
        assert!(!auth.hide("denied: hunter2").contains("hunter2"));
    }
    for (more, says) in [
        (json!({ "username": "u" }), "set both"),
        (json!({ "username": "u", "password": "p", "refresh_token": "r" }), "not both"),
        (json!({ "fields": { "audience": "api", "api_secret": "hunter2" } }), "`client_secret`"),
    ] {
        let mut settings = json!({ "token_url": "https://a.example/t", "client_id": "c" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let fault = Auth::build(scheme(json!({ "oauth2": settings }))).unwrap_err().to_string();
        assert!(fault.contains(says) && !fault.contains("hunter2"), "{more}: {fault}");
    }
}

#[test]
fn a_token_is_used_until_shortly_before_it_ends() {
    let mut auth = client();
    auth.read_token(200, &token(json!(3_600)), context().now).unwrap();
    let mut request = Request::default();
    let signing = auth.sign(&mut request, &later(3_539)).unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
    assert_hides(&signing, &["t0ken"]);
    assert!(auth.token_request(&later(3_539)).is_none());
    assert!(auth.token_request(&later(3_540)).is_some());
    let fault = auth.sign(&mut request, &later(3_540)).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "a token that has ended was used");
}

#[test]
fn a_short_lived_token_is_used_for_half_its_lifetime_and_one_without_end_until_refused() {
    let mut auth = client();
    auth.read_token(200, &token(json!("60")), context().now).unwrap();
    assert!(auth.token_request(&later(29)).is_none() && auth.token_request(&later(30)).is_some());
    for no_end in [json!(null), json!(0), json!("soon"), json!(i64::MAX)] {
        auth.read_token(200, &token(no_end), context().now).unwrap();
        assert!(auth.token_request(&later(i64::from(i32::MAX))).is_none());
    }
}

#[test]
fn an_answer_without_a_token_says_why() {
    for (status, answer, kind, text) in [
        (200, r#"{"errcode":-1,"errmsg":"busy"}"#, FaultKind::Transient, "\"busy\" (errcode -1)"),
        (200, r#"{"error":"invalid_client"}"#, FaultKind::Stopped, "\"invalid_client\""),
        (200, r#"{"accessToken":"t0ken"}"#, FaultKind::Stopped, "no token; check"),
        (400, r#"{"error":"invalid_scope"}"#, FaultKind::Stopped, "400: \"invalid_scope\""),
        (503, r#"{"message":"later"}"#, FaultKind::Transient, "503: \"later\""),
        (200, "<html>", FaultKind::Transient, "not JSON"),
    ] {
        let fault = client().read_token(status, answer.as_bytes(), context().now).unwrap_err();
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(
            fault.to_string().contains(text) && !fault.to_string().contains("t0ken"),
            "{fault}"
        );
    }
}

#[test]
fn an_accepted_token_is_fetched_again_but_a_refused_new_one_is_not() {
    let mut auth = client();
    auth.read_token(200, &token(json!(3_600)), context().now).unwrap();
    auth.confirm_token();
    assert!(auth.discard_token(), "it was good before: it may have been withdrawn");
    assert!(auth.token_request(&context()).is_some());
    auth.read_token(200, &token(json!(3_600)), context().now).unwrap();
    assert!(!auth.discard_token(), "asked without end");
    assert_eq!(auth.hide("t0ken is unknown"), "… is unknown", "a refused token is repeated");
    assert!(
        auth.token_request(&context()).is_some(),
        "the next attempt begins with the refused token"
    );
}

#[test]
fn a_fixed_secret_that_is_refused_is_not_retried() {
    let mut auth = auth(json!({ "bearer": "s3cret" }));
    assert!(auth.token_request(&context()).is_none());
    auth.confirm_token();
    assert!(!auth.discard_token());
}

#[test]
fn the_secret_of_a_platform_is_renewed_before_it_expires() {
    let mut auth = auth(json!({ "gjgxjhpt": { "rid": "r", "sid": "s", "refresh": {
        "url": "https://platform.example/secret", "appkey": "SIMAPPKEY340200", "valid": "24h",
    } } }));
    let wrapped = "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi";
    let answer = format!("\u{feff}{}", json!({ "data": { "secret": wrapped } }));
    auth.read_token(200, answer.as_bytes(), context().now).unwrap();
    let end = 24 * 3_600 - 300;
    assert!(
        auth.token_request(&later(end - 1)).is_none() && auth.token_request(&later(end)).is_some()
    );
}

#[test]
fn an_answer_without_a_secret_says_what_to_do_and_quotes_only_the_reason() {
    let platform = json!({ "gjzwfwpt": { "rid": "r", "sid": "s", "refresh": {
        "url": "https://platform.example/secret", "appkey": "k3y",
    } } });
    let (transient, stopped) = (FaultKind::Transient, FaultKind::Stopped);
    for (settings, status, answer, kind) in [
        (None, 401, r#"{"error":"invalid_client"}"#, stopped),
        (None, 400, r#"{"token":"hunter2"}"#, stopped),
        (None, 404, "hunter2", stopped),
        (None, 503, "hunter2", transient),
        (None, 429, "", transient),
        (None, 200, "<html>hunter2</html>", transient),
        (None, 200, r#"{"access_token":""}"#, stopped),
        (None, 200, r#"["hunter2"]"#, stopped),
        (Some(&platform), 200, r#"{"code":300,"secret":"hunter2"}"#, stopped),
        (Some(&platform), 200, r#"{"data":{"secret":"hunter2"}}"#, stopped),
        (Some(&platform), 200, r#"{"data":{"secret":"aHVudGVyMmh1bnRlcg=="}}"#, stopped),
        (Some(&platform), 502, "<html>hunter2</html>", transient),
    ] {
        let mut auth = settings.map_or_else(client, |settings| auth(settings.clone()));
        let fault = auth.read_token(status, answer.as_bytes(), context().now).unwrap_err();
        assert_eq!(fault.kind(), kind, "{status} {answer}: {fault}");
        let quoted = format!("{fault} {fault:?} {auth:?}");
        assert!(!quoted.contains("hunter2") && !quoted.contains("k3y"), "{quoted}");
        assert!(auth.token_request(&context()).is_some());
    }
}
