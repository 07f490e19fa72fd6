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

#[test]
fn a_path_that_would_visit_the_same_values_again_and_again_is_refused() {
    let doubled = format!("${}", "[*,*]".repeat(7));
    for path in [
        "$..a..a..a..a..a",
        "$..a..b",
        "$.rows[?@..a]",
        "$.rows[?$..a]",
        "$.rows[?count($.rows[*]) > 1]",
        &doubled,
    ] {
        assert!(Path::parse(path).unwrap_err().contains("again and again"), "{path}");
    }
    for path in ["$..a", "$..a[*].b", "$.rows[?@.a == '..']", "$.rows[?@.no == $.no]", "$['a','b']"]
    {
        assert!(Path::parse(path).is_ok(), "{path}");
    }
}

#[test]
fn the_list_of_a_path_is_what_its_last_segment_selects_elements_of() {
    for (path, list) in [
        ("$[*]", Some("$")),
        ("$.*", Some("$")),
        ("$.data.rows[*]", Some("$.data.rows")),
        ("$['data']['rows'][*]", Some("$['data']['rows']")),
        ("$.data[?@.type == 'a:b']", Some("$.data")),
        ("$.data[1:3]", Some("$.data")),
        ("$.data[?@.a[0] == ']', 2:]", Some("$.data")),
        ("$.data[\"a:b\"]", None),
        ("$.data['a:b']", None),
        ("$.data['it\\'s', 'x:y']", None),
        ("$['*']", None),
        ("$['?']", None),
        ("$.data[0]", None),
        ("$.data", None),
        ("$..rows[*]", Some("$..rows")),
        ("$..*", None),
        ("$", None),
    ] {
        let found = Path::parse(path).unwrap().list();
        assert_eq!(found.as_ref().map(Path::as_str), list, "{path}");
    }
    for (path, parent) in [
        ("$.data['a.b'].rows", Some("$.data['a.b']")),
        ("$['a]'].rows", Some("$['a]']")),
        ("$.rows", Some("$")),
        ("$..rows.a", None),
        ("$", None),
    ] {
        let found = Path::parse(path).unwrap().parent();
        assert_eq!(found.as_ref().map(Path::as_str), parent, "{path}");
    }
}

#[test]
fn a_column_is_named_by_a_path_of_one_name() {
    for (path, name) in [
        ("$.id", Some("id")),
        ("$['诉求 编号']", Some("诉求 编号")),
        ("$[\"a.b\"]", Some("a.b")),
        ("$['it\\'s']", Some("it's")),
        ("$.a.b", None),
        ("$['a', 'b']", None),
        ("$..id", None),
        ("$[0]", None),
        ("$", None),
    ] {
        assert_eq!(column_name(&Path::parse(path).unwrap()), name, "{path}");
    }
}

#[test]
fn a_path_depends_on_the_names_in_it_and_not_on_parts_of_them() {
    let depends = |path: &str, name| Path::parse(path).unwrap().depends_on(name);
    assert!(depends("$.data['the id']", "the id") && depends("$['a', 'b']", "b"));
    assert!(depends("$.list[?@.type == 4].id", "type"));
    assert!(!depends("$.data['the id']", "id") && !depends("$.data[*]", "dat"));
}

#[test]
fn the_whole_list_is_the_path_without_its_filter() {
    for (path, whole) in [
        ("$.rows[?@.type=='a']", Some("$.rows[*]")),
        ("$[?@.id]", Some("$[*]")),
        ("$.a[?@.x].rows[?@['y'] > 1]", Some("$.a[?@.x].rows[*]")),
        ("$.rows[*]", None),
        ("$.rows[1:]", None),
        ("$..[?@.id]", None),
        ("$.rows[?@.id].demand", None),
    ] {
        let unfiltered = Path::parse(path).unwrap().unfiltered();
        assert_eq!(unfiltered.as_ref().map(Path::as_str), whole, "{path}");
    }
}
