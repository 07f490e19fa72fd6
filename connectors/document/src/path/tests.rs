use serde_json::json;

use super::*;

#[test]
fn the_text_of_an_xml_element_is_selected() {
    let tree = json!({ "a": [{ "$text": "7", "@n": "x" }], "b": 7, "c": [], "d": [{}], "e": "" });
    let text = |path: &str| Path::parse(path).unwrap().text(&tree);
    assert_eq!(text("$.a"), Some("7".into()));
    assert_eq!(text("$.a[0]['$text']"), Some("7".into()));
    assert_eq!(text("$.b"), Some("7".into()));
    for nothing in ["$.c", "$.d", "$.e", "$.f", "$"] {
        assert_eq!(text(nothing), None, "{nothing}");
    }
}

#[test]
fn an_invalid_path_is_refused_with_a_message_that_shows_it() {
    assert!(Path::parse("data.rows").unwrap_err().contains("`data.rows`"));
    assert!(serde_json::from_str::<Path>("\"$.a b\"").is_err());
}
