use document::Path;
use serde_json::json;

use super::*;

#[test]
fn a_field_that_means_no_value_to_a_database_is_flagged() {
    let flags = null_flags(&json!({ "a": "\\N", "b": "\\\\N", "c": "N", "d": null }));
    assert_eq!(flags.iter().map(|flag| flag.field.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_key_is_found_in_a_row_and_in_a_tree() {
    let tree = json!({ "诉求编号": " W1\t", "n": 7, "no": "", "a": [{ "$text": "x" }] });
    for (path, expected) in [
        ("$.诉求编号", Some("W1")),
        ("$.n", Some("7")),
        ("$.no", None),
        ("$.absent", None),
        ("$.a[0]['$text']", Some("x")),
        ("$['n']", Some("7")),
    ] {
        let found = Path::parse(path).unwrap().text(&tree).and_then(|text| trimmed(&text));
        assert_eq!(found.as_deref(), expected, "{path}");
    }
    assert!(Path::parse("诉求编号").is_err());
}
