//! How pages and times are requested.

use toml::Value;

use super::{from_command, rows, text};

#[test]
fn pages_and_times_are_found_in_the_parameters() {
    let answer = rows([r#""a":1"#, r#""a":2"#]);
    for (command, page, since) in [
        (
            "curl 'https://a.example/l?page=1&rows=50'",
            "{ kind = \"number\", param = \"page\", size = { param = \"rows\", value = 50 } }",
            "",
        ),
        (
            "curl 'https://a.example/l?pageNo=0&pageSize=20'",
            "{ kind = \"number\", param = \"pageNo\", first = 0, size = { param = \"pageSize\", value = 20 } }",
            "",
        ),
        (
            "curl 'https://a.example/l?start=0&limit=25'",
            "{ kind = \"offset\", param = \"start\", size = { param = \"limit\", value = 25 } }",
            "",
        ),
        (
            "curl https://a.example/l -H 'Content-Type: application/json' -d '{\"page\":{\"curPage\":1},\"q\":\"\"}'",
            "{ kind = \"number\", param = \"page.curPage\" }",
            "",
        ),
        (
            "curl https://a.example/l -d 'pageNum=1&kssj=2026-10-01 00:00:00&jssj=2026-10-02 00:00:00'",
            "{ kind = \"number\", param = \"pageNum\" }",
            "{ param = \"kssj\", format = \"%Y-%m-%d %H:%M:%S\", at = \"$.createTime\", start = \"2026-10-01\", until = { \
          param = \"jssj\", span = \"1d\" } }",
        ),
        ("curl 'https://a.example/l?page=1&offset=0'", "", ""),
        ("curl 'https://a.example/l?q=x'", "", ""),
    ] {
        let (request, _, settings) = from_command(command, &answer).unwrap();
        let setting =
            |name: &str| settings["http"].get(name).map(Value::to_string).unwrap_or_default();
        let same = |text: &str| text.parse::<toml::Table>().ok();
        let parsed = |name: &str, text: String| same(&format!("{name} = {text}"));
        for (name, expected) in [("page", page), ("since", since)] {
            assert_eq!(parsed(name, setting(name)), parsed(name, expected.to_owned()), "{command}");
        }
        if !page.is_empty() {
            let taken = ["page", "pageNo", "start", "pageNum", "kssj", "jssj", "page.curPage"];
            let left = request.params();
            assert!(!left.iter().any(|(name, _)| taken.contains(&name.as_str())), "{command}");
        }
    }
    let named = answer.replace("\"code\":0", "\"next\":\"https://a.example/l?after=2\"");
    let (.., settings) = from_command("curl https://a.example/l", &named).unwrap();
    assert_eq!(text(&settings, &["http", "page", "kind"]), "next");
    let token = answer.replace("\"code\":0", "\"next_cursor\":\"abc\"");
    let (.., settings) = from_command("curl 'https://a.example/l?cursor='", &token).unwrap();
    assert_eq!(text(&settings, &["http", "page", "kind"]), "token");
    // The parameter of a page stands in the query although the request has a body.
    let (.., settings) =
        from_command("curl 'https://a.example/l?page=1' -d '{\"q\":1}'", &answer).unwrap();
    assert_eq!(text(&settings, &["http", "query", "page"]), "{{ page }}");
}
