//! Commands as browsers and documents give them.

use serde_json::{Value, json};

use super::super::{
    curl,
    request::{Body, Request},
};

pub(super) fn request(command: &str) -> anyhow::Result<Request> {
    Request::new(curl::parse(command)?, &"new".parse()?)
}

/// The address, the query and the body of a request, and its headers.
fn shape(command: &str) -> Value {
    let request = request(command).unwrap_or_else(|error| panic!("{command}: {error:#}"));
    let body = match request.body {
        Body::None => Value::Null,
        Body::Form(fields) => json!({ "form": fields }),
        Body::Json(fields) => json!({ "json": fields }),
        Body::Text(text, kind) => json!({ "text": text, "kind": kind }),
    };
    json!([request.url, request.query, body, request.headers])
}

#[test]
fn commands_are_read_however_they_are_quoted() {
    let url = "https://a.example/l";
    for (command, query, body, headers) in [
        ("curl https://a.example/l", json!({}), Value::Null, json!({})),
        (
            "$ curl -sSL -X GET \"https://a.example/l?a=1&b=%E7%81%AF+x&a=2\" | jq .",
            json!({ "a": ["1", "2"], "b": "灯 x" }),
            Value::Null,
            json!({}),
        ),
        (
            "curl --location --request POST 'https://a.example/l' \\\n--header 'X-A: b' \\\n--data-raw '{\"n\": 1}'",
            json!({}),
            json!({ "json": { "n": 1 } }),
            json!({ "X-A": "b" }),
        ),
        (
            "curl -XPOST -HX-A:b -d'n=1' https://a.example/l --compressed",
            json!({}),
            json!({ "form": { "n": "1" } }),
            json!({ "X-A": "b" }),
        ),
        (
            "curl 'https://a.example/l' --data-raw $'{\"t\":\"it\\'s \\u706f\\\\n\"}'",
            json!({}),
            json!({ "json": { "t": "it's 灯\n" } }),
            json!({}),
        ),
        (
            "curl $'https://a.example/l' -d $'{\"t\":\"\\\\ud83d\\\\ude00\"}'",
            json!({}),
            json!({ "json": { "t": "😀" } }),
            json!({}),
        ),
        (
            "curl ^\"https://a.example/l^\" ^\r\n  -H ^\"X-A: b^\" ^\r\n  --data-raw ^\"^{^\\^\"n^\\^\":1^}^\"",
            json!({}),
            json!({ "json": { "n": 1 } }),
            json!({ "X-A": "b" }),
        ),
        (
            "curl \"https://a.example/l\" -d \"{\\\"n\\\": \\\"a b\\\"}\"",
            json!({}),
            json!({ "json": { "n": "a b" } }),
            json!({}),
        ),
        (
            "curl -G https://a.example/l -d page=1 --data-urlencode 'q=a b&c' --url-query z=2",
            json!({ "z": "2", "page": "1", "q": "a b&c" }),
            Value::Null,
            json!({}),
        ),
        (
            "curl --url https://a.example/l -A agent -e https://b.example --data-binary '<a/>' -H 'Content-Type: application/xml'",
            json!({}),
            json!({ "text": "<a/>", "kind": "application/xml" }),
            json!({ "User-Agent": "agent", "Referer": "https://b.example" }),
        ),
        (
            "curl –X POST “https://a.example/l” —data ‘n=1’",
            json!({}),
            json!({ "form": { "n": "1" } }),
            json!({}),
        ),
        (
            "curl https://a.example/l\n-H \"X-A: b\"\n-d n=1",
            json!({}),
            json!({ "form": { "n": "1" } }),
            json!({ "X-A": "b" }),
        ),
        (
            "curl -d a=1 -d b=2 https://a.example/l#part",
            json!({}),
            json!({ "form": { "a": "1", "b": "2" } }),
            json!({}),
        ),
        (
            "curl https://a.example/l?$top=5&$skip=0",
            json!({ "$top": "5", "$skip": "0" }),
            Value::Null,
            json!({}),
        ),
        (
            "curl --json '{\"n\":1}' https://a.example/l",
            json!({}),
            json!({ "json": { "n": 1 } }),
            json!({ "Accept": "application/json" }),
        ),
        (
            "curl 'https://a.example/l' -H 'sec-ch-ua: x' -H 'Accept-Encoding: gzip' -H 'Host: a.example' -H 'X-Empty;'",
            json!({}),
            Value::Null,
            json!({}),
        ),
        (
            "curl -o out.json --max-time 5 -k -x p.example:1 https://a.example/l",
            json!({}),
            Value::Null,
            json!({}),
        ),
        (
            "curl -d '[1]' https://a.example/l",
            json!({}),
            json!({ "text": "[1]", "kind": "application/json; charset=utf-8" }),
            json!({}),
        ),
        ("curl 'https://a.example/l?q=%B5%C6'", json!({ "q": "灯" }), Value::Null, json!({})),
        (
            "curl 'https://a.example/l?q=' -d ''",
            json!({ "q": "" }),
            json!({ "form": {} }),
            json!({}),
        ),
    ] {
        assert_eq!(shape(command), json!([url, query, body, headers]), "{command}");
    }
    let ignored = request("curl -o f -k --compressed --foo https://a.example/l").unwrap().ignored;
    assert_eq!(ignored.len(), 3, "{ignored:?}");
    assert_eq!(shape("curl a.example/l")[0], "http://a.example/l", "as curl does");
}

/// What importers of commands got wrong.
#[test]
fn what_others_read_wrongly_is_read_as_the_shell_does() {
    let url = "https://a.example/l";
    for (command, query, body) in [
        // The command prompt of Windows: `^` within quotes, before `&`, and before quotes with a backslash.
        (
            "curl \"https://a.example/l\" --data \"a=1^&b=2^%20x\"",
            json!({}),
            json!({ "form": { "a": "1", "b": "2 x" } }),
        ),
        (
            "curl \"https://a.example/l\" --data-binary \"^{^\\^\"n^\\^\":^[^\\^\"x y^\\^\"^]^}\" --compressed",
            json!({}),
            json!({ "json": { "n": ["x y"] } }),
        ),
        // Quotes that are doubled.
        (
            "curl \"https://a.example/l\" --data \"{\"\"days\"\":1,\"\"all\"\":true}\"",
            json!({}),
            json!({ "json": { "days": 1, "all": true } }),
        ),
        // Escapes of $'…', of which unknown ones keep their backslash, and no variables within.
        (
            "curl https://a.example/l --data-raw $'a=\\x41\\t\\101\\q'",
            json!({}),
            json!({ "form": { "a": "A\tA\\q" } }),
        ),
        (
            "curl https://a.example/l --data-raw $'{\"a\":\"${field} $5\"}'",
            json!({}),
            json!({ "json": { "a": "${field} $5" } }),
        ),
        // A curved quote within straight ones, and curved ones that do not match.
        (
            "curl https://a.example/l -d 'a=isn’t it “so”'",
            json!({}),
            json!({ "form": { "a": "isn’t it “so”" } }),
        ),
        (
            "curl https://a.example/l -d “a=1\" -d b=2",
            json!({}),
            json!({ "form": { "a": "1", "b": "2" } }),
        ),
        // -G moves the data into the address, wherever it stands, and -X decides the method.
        (
            "curl -d 'q=x' 'https://a.example/l?' -d 'n=1' -G -X POST",
            json!({ "q": "x", "n": "1" }),
            Value::Null,
        ),
        // JSON in a field of a form.
        (
            "curl https://a.example/l -H 'Content-Type: application/x-www-form-urlencoded' --data-urlencode 'd={\"t\":\"a&b\"}'",
            json!({}),
            json!({ "form": { "d": "{\"t\":\"a&b\"}" } }),
        ),
        // Several fields of one name.
        (
            "curl https://a.example/l -d tag=1 -d n=2 -d tag=3",
            json!({}),
            json!({ "form": { "tag": ["1", "3"], "n": "2" } }),
        ),
    ] {
        assert_eq!(shape(command), json!([url, query, body, {}]), "{command}");
    }
    // Cookies that one browser writes as an option, and another as a header.
    for command in
        ["curl https://a.example/l -b 'a=b; c=d'", "curl https://a.example/l -H 'cookie:a=b; c=d'"]
    {
        assert_eq!(
            request(command).unwrap().secrets,
            [("cookie".to_owned(), "a=b; c=d\n".to_owned())]
        );
    }
}

#[test]
fn commands_that_a_channel_cannot_send_are_refused() {
    for (command, why) in [
        ("curl", "no address"),
        ("curl -F file=@a.csv https://a.example/l", "multipart"),
        ("curl -d @body.json https://a.example/l", "names a file"),
        ("curl --data-urlencode q@file https://a.example/l", "names a file"),
        ("curl -T a.csv https://a.example/l", "sends a file"),
        ("curl -b cookies.txt https://a.example/l", "names a file"),
        ("curl -X GET -d a=1 https://a.example/l", "GET"),
        ("curl -X DELETE https://a.example/l", "DELETE"),
        ("curl -I https://a.example/l", "no records"),
        ("curl https://a.example/l https://b.example/l", "several addresses"),
        ("curl https://a.example/l --next https://b.example/l", "several requests"),
        ("curl -H \"Authorization: Bearer $TOKEN\" https://a.example/l", "$TOKEN"),
        ("curl https://a.example/l -d \"$(cat s)\"", "shell"),
        ("curl 'https://a.example/l", "not closed"),
        ("curl -H", "no value"),
        ("curl --ntlm -u a:b https://a.example/l", "Windows"),
        ("curl 'https://a.example/l?a={{ b }}'", "{{"),
        ("curl ftp://a.example/l", "https://"),
        ("curl -d '<a>{{ endraw }}</a>' https://a.example/l", "endraw"),
    ] {
        let error = request(command).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains(why), "{command}: {error}");
    }
    let many = format!("curl https://a.example/l {}", "-s ".repeat(2_000));
    assert!(request(&many).err().unwrap().to_string().contains("more than 2000 words"));
    let body = request("curl -d '<a>{{ b }}</a>' https://a.example/l").unwrap().body;
    assert!(matches!(body, Body::Text(text, _) if text == "{% raw %}<a>{{ b }}</a>{% endraw %}"));
    let null = request("curl -d '{\"a\":null}' https://a.example/l").unwrap();
    assert!(null.ignored.iter().any(|what| what.contains("null")), "{:?}", null.ignored);
}
