//! Where the secrets of commands go.

use super::{
    super::{
        draft::{self, quoted},
        request::Body,
    },
    commands::request,
};

const FILE: &str = "{ file = \"channels/new/";

#[test]
fn secrets_are_put_into_files_and_nowhere_else() {
    for (command, auth) in [
        (
            "curl -H 'Authorization: Bearer s3cret-one' https://a.example/l",
            format!("{{ bearer = {FILE}token\" }} }}"),
        ),
        (
            "curl -H 'authorization: s3cret-one' https://a.example/l",
            format!("{{ api_key = {{ header = \"authorization\", key = {FILE}key\" }} }} }}"),
        ),
        (
            "curl -u user:s3cret-one https://a.example/l",
            format!("{{ basic = {{ user = \"user\", password = {FILE}password\" }} }} }}"),
        ),
        (
            "curl https://user:s3cret-one@a.example/l",
            format!("{{ basic = {{ user = \"user\", password = {FILE}password\" }} }} }}"),
        ),
        (
            "curl --digest -u user:s3cret-one https://a.example/l",
            format!("{{ digest = {{ user = \"user\", password = {FILE}password\" }} }} }}"),
        ),
        (
            "curl -b 'SESSION=s3cret-one' https://a.example/l",
            format!("{{ api_key = {{ header = \"Cookie\", key = {FILE}cookie\" }} }} }}"),
        ),
        (
            "curl -H 'X-Api-Key: s3cret-one' https://a.example/l",
            format!("{{ api_key = {{ header = \"X-Api-Key\", key = {FILE}key\" }} }} }}"),
        ),
        (
            "curl 'https://a.example/l?access_token=s3cret-one'",
            format!("{{ api_key = {{ param = \"access_token\", key = {FILE}key\" }} }} }}"),
        ),
        (
            "curl 'https://a.example/l?appkey=s3cret-one'",
            format!("{{ api_key = {{ param = \"appkey\", key = {FILE}key\" }} }} }}"),
        ),
        (
            "curl -d 'token=s3cret-one' https://a.example/l",
            format!("{{ body_token = {{ field = \"token\", token = {FILE}key\" }} }} }}"),
        ),
        (
            "curl -d '{\"secret\":\"s3cret-one\"}' https://a.example/l",
            format!("{{ body_token = {{ field = \"secret\", token = {FILE}key\" }} }} }}"),
        ),
        (
            "curl -d '<a><token>s3cret-one</token></a>' https://a.example/l",
            format!("{{ body_token = {{ field = \"token\", token = {FILE}key\" }} }} }}"),
        ),
    ] {
        let request = request(command).unwrap_or_else(|error| panic!("{command}: {error:#}"));
        assert_eq!(request.auth.as_deref(), Some(auth.as_str()), "{command}");
        let [(_, secret)] = request.secrets.as_slice() else { panic!("{command}: not one secret") };
        assert!(secret.ends_with("s3cret-one\n"), "{command}");
        let body =
            if let Body::Text(text, _) = &request.body { text.clone() } else { String::new() };
        let text = draft::to_ask(&"new".parse().unwrap(), &request) + &body;
        assert!(!text.contains("s3cret"), "{command}: {text}");
        assert!(request.has_all_secrets(), "{command}");
    }
}

#[test]
fn several_secrets_and_signatures_need_a_person() {
    for (command, n, auth) in [
        ("curl 'https://a.example/l?appkey=s3cret-one&sign=s3cret-two'", 2, "param = \"appkey\""),
        (
            "curl -H 'Authorization: Bearer s3cret-one' -b 'S=s3cret-two' https://a.example/l",
            2,
            "bearer",
        ),
        ("curl -d '{\"sign\":\"s3cret-one\",\"n\":1}' https://a.example/l", 1, ""),
        ("curl -d '{\"head\":{\"token\":\"s3cret-one\"}}' https://a.example/l", 1, ""),
        (
            "curl -d '<a><token>s3cret-one</token><password>s3cret-two</password></a>' https://a.example/l",
            2,
            "token",
        ),
    ] {
        let request = request(command).unwrap();
        assert_eq!(request.secrets.len(), n, "{command}");
        assert!(request.auth.clone().unwrap_or_default().contains(auth), "{command}");
        assert!(!request.has_all_secrets() && !request.todo.is_empty(), "{command}");
        let body =
            if let Body::Text(text, _) = &request.body { text.clone() } else { String::new() };
        let text = draft::to_ask(&"new".parse().unwrap(), &request) + &body;
        assert!(!text.contains("s3cret"), "{command}: {text}");
    }
    // The token of a page, an account and a text to look for are no secrets.
    let kept =
        request("curl 'https://a.example/l?pageToken=abcdefghij&key=lamp&user=someone'").unwrap();
    assert!(kept.secrets.is_empty());
    assert_eq!(quoted("a\"b\n"), toml::Value::from("a\"b\n").to_string());
}
