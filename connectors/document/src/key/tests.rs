use normalizer_text::Hints;
use serde_json::json;

use super::*;
use crate::{DocumentFormat, decode};

fn path(paths: Value) -> KeyPath {
    serde_json::from_value(paths).unwrap()
}

/// The key of a record in JSON at `$.k`.
fn key(text: &str) -> Result<String, String> {
    let mut text = decode(text.as_bytes(), &Hints::default());
    let tree = text.parse(DocumentFormat::Json).unwrap();
    let key = path(json!("$.k")).key(&tree, &text.diagnostics.findings);
    key.map(|key| key.as_str().to_owned())
}

#[test]
fn a_key_is_exactly_what_the_source_has() {
    for (value, expected) in [
        ("7", "7"),
        ("\"7\"", "7"),
        ("\"007\"", "007"),
        ("\" 7 \"", " 7 "),
        ("12345678901234567890", "12345678901234567890"),
        ("\"340200-2026.12\"", "340200-2026.12"),
        ("\"2026.12\"", "2026.12"),
        ("\"12e45678\"", "12e45678"),
        ("\"无1\"", "无1"),
        ("\"合计1号\"", "合计1号"),
        ("\"A-0\"", "A-0"),
        ("\"who?\"", "who?"),
    ] {
        assert_eq!(key(&format!("{{\"k\":{value}}}")).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn a_value_that_may_stand_for_several_records_is_no_key() {
    for (value, reason) in [
        ("null", "is null"),
        ("\"\"", "is empty"),
        ("\" \\t\"", "is empty"),
        ("true", "is true or false"),
        ("1.0", "fraction"),
        ("1.5", "fraction"),
        ("2E5", "fraction"),
        ("\"1.0\"", "fraction"),
        ("\"1.23457E+17\"", "fraction"),
        ("\"1E+17\"", "fraction"),
        ("\"#N/A\"", "spreadsheet"),
        ("\"NULL\"", "missing value"),
        ("\"\\\\N\"", "missing value"),
        ("\"[object Object]\"", "missing value"),
        ("\"???\"", "question marks"),
        ("\"？?\"", "question marks"),
        ("\"T\u{fffd}1\"", "U+FFFD"),
        ("\"T\\u00001\"", "control character"),
        ("[\"T1\"]", "is a list"),
        ("{\"v\":1}", "an object"),
        ("NaN", "is damaged"),
    ] {
        let error = key(&format!("{{\"k\":{value}}}")).expect_err(value);
        assert!(
            error.starts_with("the value at $.k") && error.contains(reason),
            "{value}: {error}"
        );
    }
    assert_eq!(key("{}").unwrap_err(), "the value at $.k is missing");
    assert!(key("{\"k\":1,\"k\":2}").unwrap_err().contains("occurs twice"));
}

#[test]
fn what_people_write_where_there_is_no_key_is_none() {
    let words = [
        "-",
        "——",
        "/",
        "、",
        "×",
        "\u{2060}",
        "\u{200B}-",
        "无",
        "（无）",
        "暂 无",
        "待定",
        "同上",
        "空",
        "N/A",
        "n/a",
    ];
    let sums = ["合计", "合 计", "合\u{3000}计：", "小 计", "总计"];
    for word in words.into_iter().chain(sums) {
        assert!(key(&json!({ "k": word }).to_string()).is_err(), "{word}");
    }
    assert_eq!(key("{\"k\":0}").as_deref(), Ok("0"));
}

#[test]
fn a_null_key_is_not_replaced_by_another_value_that_the_path_selects() {
    let tree = json!({ "id": null, "person": { "id": 5 } });
    assert!(path(json!("$..id")).key(&tree, &Findings::default()).is_err());
}

#[test]
fn parts_of_a_key_stay_apart() {
    let paths = path(json!(["$.a", "$.b"]));
    let key = |a: &str, b: &str| {
        let key = paths.key(&json!({ "a": a, "b": b }), &Findings::default());
        key.unwrap().to_string()
    };
    assert_eq!(key("a", "bc"), r#"["a","bc"]"#);
    assert_eq!(key("ab", "c"), r#"["ab","c"]"#);
    assert_ne!(key("a\",\"b", "c"), key("a", "b\",\"c"));
    let missing = paths.key(&json!({ "a": 1 }), &Findings::default());
    assert_eq!(missing.unwrap_err(), "the value at $.b is missing");
    assert_eq!(
        path(json!(["$.a"])).key(&json!({ "a": 1 }), &Findings::default()).unwrap().as_str(),
        "1"
    );
    assert!(serde_json::from_value::<KeyPath>(json!([])).is_err());
    let error = serde_json::from_value::<KeyPath>(json!(["id"])).unwrap_err();
    assert!(error.to_string().contains("`id` is not a JSONPath"), "{error}");
}

#[test]
fn a_key_with_two_contents_is_never_two_states() {
    let records = [
        json!({ "k": 1, "v": "a" }),
        json!({ "k": 2 }),
        json!({ "k": 1, "v": "b" }),
        json!({ "k": "2" }),
    ];
    let keys: Vec<_> = ["1", "2", "1", "2"].iter().map(|key| Some(RecordKey::new(*key))).collect();
    let conflict = Duplicates::Stop.outcomes(&keys, &records).unwrap_err();
    assert_eq!(conflict, "records 1 and 3 have the key `1` and different contents");
    use DuplicateOutcome::{Quarantine, Read, Repeated};
    let last = Duplicates::Last.outcomes(&keys, &records).unwrap();
    assert_eq!(last, [Repeated, Repeated, Read, Read]);
    let rejected = Duplicates::Quarantine.outcomes(&keys, &records).unwrap();
    assert_eq!(rejected, [Quarantine, Repeated, Quarantine, Read]);
    let (same, none) = ([json!(1), json!(1)], vec![None, None]);
    assert_eq!(Duplicates::Stop.outcomes(&none, &same).unwrap(), [Read, Read]);
}

#[test]
fn layout_around_the_content_of_an_element_does_not_belong_to_a_key() {
    for (content, expected) in [("\n   1\n  ", "1"), (" A 1\t", "A 1"), ("007", "007")] {
        let mut text = decode(format!("<r><k>{content}</k></r>").as_bytes(), &Hints::default());
        let tree = text.parse(DocumentFormat::Xml).unwrap();
        let key = path(json!("$.r[0].k[0]")).key(&tree, &text.diagnostics.findings).unwrap();
        assert_eq!(key.as_str(), expected);
    }
}
