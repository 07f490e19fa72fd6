use serde_json::json;

use super::*;
use crate::request::Call;

/// A request with these settings and the parameters `id` and `page`.
fn call(settings: Value) -> Result<Call, Fault> {
    let mut config = json!({ "url": "https://a.example/list" });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let names = ["id".to_owned(), "page".to_owned()];
    let config = serde_json::from_value(config).unwrap();
    Call::new(&config, None, "text/xml; charset=utf-8", false, &Names::all(&names))
}

fn params(id: impl Into<Value>) -> [Param; 2] {
    [("id".to_owned(), id.into()), ("page".to_owned(), json!(2))]
}

#[test]
fn a_parameter_stands_where_its_placeholder_is_and_nowhere_else() {
    for (settings, url, body) in [
        (json!({ "url": "https://a.example/t/{{ id }}" }), "/t/7%20b%3F?page=2", ""),
        (json!({ "url": "https://a.example/t/{id}/p/{page}.json" }), "/t/7%20b%3F/p/2.json", ""),
        (json!({ "url": "https://a.example/t?no={{ id }}" }), "/t?no=7%20b%3F&page=2", ""),
        (
            json!({ "query": { "b": "{{ page }}", "a": [1, 2], "q": "id:{{id}}" } }),
            "/list?b=2&a=1&a=2&q=id%3A7%20b%3F",
            "",
        ),
        (
            json!({ "json": { "a": { "n": "{{ page }}" }, "l": ["<{{ id }}>"] } }),
            "/list",
            r#"{"a":{"n":2},"l":["<7 b?>"]}"#,
        ),
        (json!({ "form": { "x": "{{ id }}" } }), "/list", "x=7%20b%3F&page=2"),
        (
            json!({ "url": "https://a.example/{{ id }}", "json": { "k": 1 } }),
            "/7%20b%3F",
            r#"{"k":1,"page":2}"#,
        ),
    ] {
        let request = call(settings.clone()).unwrap().request(&params("7 b?"), None).unwrap();
        assert_eq!(request.url.as_str(), format!("https://a.example{url}"), "{settings}");
        assert_eq!(String::from_utf8(request.body).unwrap(), body, "{settings}");
    }
    let headers = json!({ "headers": { "X-Ticket": "no {{ id }}" } });
    let request = call(headers).unwrap().request(&params(7), None).unwrap();
    assert!(request.headers.contains(&("X-Ticket".to_owned(), "no 7".to_owned())));
    assert_eq!(request.url.query(), Some("page=2"));
}

#[test]
fn no_value_leads_to_another_host_path_or_query() {
    let ticket = call(json!({ "url": "https://a.example/t/{{ id }}/text?v=1" })).unwrap();
    for hostile in [
        "",
        ".",
        "..",
        "../admin",
        "a/b",
        "/",
        "//evil.example",
        "a\\b",
        "%2e%2e",
        "..%2f",
        "a%2Fb",
        "a%5cb",
        "a\nb",
        "\u{0}",
    ] {
        assert!(ticket.unfit(&params(hostile)).is_some(), "{hostile:?}");
        let fault = ticket.request(&params(hostile), None).unwrap_err().to_string();
        assert!(fault.contains("`id`"), "{hostile:?}: {fault}");
    }
    for odd in
        ["a?b=c", "a#b", "a&b", "a@evil.example", "a:80", "a%b", "a;b", "市民", "a..b", "{x}"]
    {
        assert_eq!(ticket.unfit(&params(odd)), None, "{odd}");
        let url = ticket.request(&params(odd), None).unwrap().url;
        assert_eq!((url.host_str(), url.fragment()), (Some("a.example"), None), "{odd}");
        assert_eq!(url.query(), Some("v=1&page=2"), "{odd}");
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        let [_, segment, "text"] = segments[..] else { panic!("{url}") };
        assert_eq!(percent_decode_str(segment).decode_utf8().unwrap(), odd);
    }
    for value in [json!(null), json!(["a"]), json!({ "a": 1 })] {
        assert!(ticket.unfit(&params(value)).is_some());
    }
    let query = call(json!({ "url": "https://a.example/t?no={{ id }}", "json": {} })).unwrap();
    assert!(!query.can_send_lists("id") && query.can_send_lists("page"));
    for (value, is_fit) in [(json!(["a"]), false), (json!(null), false), (json!("../a\n"), true)] {
        assert_eq!(query.unfit(&params(value.clone())).is_none(), is_fit, "{value}");
        assert_eq!(query.request(&params(value.clone()), None).is_ok(), is_fit, "{value}");
    }
    let header = call(json!({ "headers": { "X-T": "{{ id }}" } })).unwrap();
    for (value, is_fit) in [("a\r\nX-Admin: 1", false), ("a\u{7f}", false), ("../a", true)] {
        assert_eq!(header.unfit(&params(value)).is_none(), is_fit, "{value:?}");
    }
}

#[test]
fn a_placeholder_that_cannot_be_filled_is_refused_with_the_names_that_can() {
    for (settings, says) in [
        (json!({ "url": "https://a.example/{{ pge }}" }), "url: `{{ pge }}` is no parameter"),
        (json!({ "url": "https://a.example/{pge}" }), "this request has `{{ id }}`, `{{ page }}`"),
        (json!({ "url": "https://a.example/{{ 页 }}" }), "`{{ 页 }}` is no parameter"),
        (json!({ "headers": { "x": "{{ y }}" } }), "headers: `{{ y }}` is no parameter"),
        (json!({ "query": { "x": ["{{ y }}"] } }), "query: `{{ y }}` is no parameter"),
        (json!({ "json": { "x": { "y": "a {{ z }}" } } }), "json: `{{ z }}` is no parameter"),
        (json!({ "form": { "x": "{{ id" } }), "form: a placeholder is not closed"),
        (json!({ "url": "https://{{ id }}/x" }), "not an address"),
        (json!({ "url": "https://a.example:{{ id }}/x" }), "not an address"),
    ] {
        let fault = call(settings.clone()).unwrap_err().to_string();
        assert!(fault.contains(says), "{settings}: {fault}");
    }
}

#[test]
fn the_charset_of_parameters_is_that_of_the_query_and_the_form() {
    let gbk = |settings: Value| {
        let mut settings = settings;
        settings["query_charset"] = json!("gbk");
        call(settings).unwrap().request(&params("张"), None)
    };
    let request = gbk(json!({ "query": { "街道": "{{ id }}" } })).unwrap();
    assert_eq!(request.url.query(), Some("%BD%D6%B5%C0=%D5%C5&page=2"));
    let request = gbk(json!({ "form": { "q": "路灯" } })).unwrap();
    assert_eq!(request.body, b"q=%C2%B7%B5%C6&id=%D5%C5&page=2");
    let latin = call(json!({ "query_charset": "windows-1252" })).unwrap();
    let fault = latin.request(&params("张"), None).unwrap_err().to_string();
    assert!(fault.contains("`query_charset`"), "{fault}");
    assert!(call(json!({ "query_charset": "utf-16" })).is_err());
    // A scheme that adds a parameter leaves the others as they are written.
    let request = call(json!({ "query_charset": "gbk" })).unwrap();
    let request = request.request(&params("张"), None).unwrap();
    let mut signed = request.to_auth();
    signed.query.push(("key".to_owned(), "k".to_owned()));
    assert_eq!(request.with_auth(signed).url.query(), Some("id=%D5%C5&page=2&key=k"));
}
