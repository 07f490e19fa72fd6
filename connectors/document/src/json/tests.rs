use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Parses strictly: damage is an error.
fn read(text: &str) -> Result<Value, String> {
    let mut findings = Findings::default();
    let mut tree = parse(text, &mut findings).map_err(|broken| broken.to_string())?;
    match findings.damage_in(&tree) {
        Some(damage) => Err(damage),
        None => {
            findings.settle(&mut tree);
            Ok(tree)
        }
    }
}

#[test]
fn damage_in_one_value_does_not_affect_the_others() {
    for wrong in [
        "NaN",
        "-Infinity",
        "0.1.2",
        "1.0e+",
        "01",
        "+1",
        ".5",
        "1.",
        "nul",
        "'a'",
        "\"\\x\"",
        "\"\\u12\"",
        "1 2",
        "{\"a\":1,}",
        "[1,]",
        "[1,,2]",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{,}",
        "<html>",
        "\"a\"b\"c\"",
        "/* x */ 1",
        "{\"a\":1;}",
        "[\"a\" \"b\"]",
        "\u{a0}1",
        "[1:2]",
    ] {
        let text = format!(r#"[{{"id":1}}, {{"id":2,"v":{wrong},"w":"x"}}, {{"id":3,"v":"}}"}}]"#);
        let mut findings = Findings::default();
        let tree = parse(&text, &mut findings).unwrap();
        assert_eq!((&tree[0], &tree[2]), (&json!({ "id": 1 }), &json!({ "id": 3, "v": "}" })));
        assert_eq!((&tree[1]["id"], &tree[1]["w"]), (&json!(2), &json!("x")), "{wrong}");
        let damage = findings.damage_in(&tree[1]).unwrap();
        assert!(damage.contains("line 1, column "), "{wrong}: {damage}");
        let raw = String::from_utf8(findings.bytes_of(&tree[1])).unwrap();
        assert!(raw.contains(wrong) || wrong.contains(['[', '{']), "{wrong}: {raw}");
    }
}

#[test]
fn of_equal_names_the_last_one_counts_and_others_are_marked() {
    let mut findings = Findings::default();
    let mut tree = parse(r#"{"a":1,"b":2,"a":[1],"b":2}"#, &mut findings).unwrap();
    let marks = findings.judge("", &tree, "").marks;
    assert_eq!(marks.iter().map(|mark| mark.field.as_str()).collect::<Vec<_>>(), ["a"]);
    findings.settle(&mut tree);
    assert_eq!(tree, json!({ "a": [1], "b": 2 }));
}

#[test]
fn an_oddity_within_a_text_is_known_once_for_a_text() {
    let mut findings = Findings::default();
    let text = "{\"a\":\"x\ty\nz\u{1}\",\"b\":\"\\ud83d\\ud83d\",\"c\":\"\\t\"}";
    let mut tree = parse(text, &mut findings).unwrap();
    let marks = findings.judge("", &tree, "").marks;
    let found: Vec<_> = marks.iter().map(|mark| (mark.field.as_str(), mark.flag)).collect();
    assert_eq!(found, [("a", QualityFlag::ControlCharacters), ("b", QualityFlag::Damaged)]);
    findings.settle(&mut tree);
    assert_eq!(tree, json!({ "a": "x\ty\nz\u{1}", "b": "\u{fffd}\u{fffd}", "c": "\t" }));
}

#[test]
fn integers_above_2_53_and_decimals_stay_text() {
    for (text, value) in [
        ("9007199254740992", json!(9_007_199_254_740_992_i64)),
        ("9007199254740993", json!("9007199254740993")),
        ("-9007199254740993", json!("-9007199254740993")),
        ("340221199001011234567890", json!("340221199001011234567890")),
        ("12.50", json!("12.50")),
        ("1e3", json!("1e3")),
        ("-0", json!("-0")),
        ("0", json!(0)),
    ] {
        assert_eq!(read(text), Ok(value), "{text}");
    }
}

#[test]
fn damage_within_a_text_stays_within_it() {
    for (text, expected) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ude00x""#, "\u{fffd}x"),
        ("\"a\u{0}b\nc\"", "a\u{0}b\nc"),
        (r#""\u0000\/""#, "\u{0}/"),
    ] {
        assert_eq!(read(text), Ok(json!(expected)), "{text:?}");
    }
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    for text in [
        "",
        " ",
        "{",
        "[1",
        "[1 2]",
        "[1,]",
        "{\"a\" 1}",
        "{\"a\":}",
        "{a:1}",
        "nul",
        "01",
        "1.",
        "-",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "[1] x",
        "<html>",
        "NaN",
        "'a'",
        "{\"a\":1,}",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    assert_eq!(read("[\n1 2]").unwrap_err(), "a comma is missing at line 2, column 1");
    for (text, place) in [
        ("{\"a\":[1}", "a comma is missing at line 1, column 8"),
        ("[1,\n {\"a\":1]", "a comma is missing at line 2, column 8"),
        ("[1] x", "something follows the JSON value at line 1, column 5"),
        ("[1,", "the JSON text ends too early at line 1, column 4"),
    ] {
        assert_eq!(parse(text, &mut Findings::default()).unwrap_err().to_string(), place);
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(read("\u{feff} [1]"), Ok(json!([1])));
}

#[test]
fn depth_and_size_are_limited_without_recursion() {
    assert!(read(&"[".repeat(1_000_000)).unwrap_err().contains("levels"));
    assert!(read(&"{\"a\":".repeat(10_000)).unwrap_err().contains("levels"));
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(read(&deep(MAX_DEPTH)).is_ok());
    assert!(read(&deep(MAX_DEPTH + 1)).is_err());
    let wide = format!("[{}1]", "1,".repeat(MAX_NODES));
    assert!(read(&wide).unwrap_err().contains("values"));
}

fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..=(1 << 53)).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_as_it_was(tree in trees()) {
        prop_assert_eq!(read(&tree.to_string()), Ok(tree.clone()));
        prop_assert_eq!(read(&serde_json::to_string_pretty(&tree).unwrap()), Ok(tree));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9a-fu\\\\ \\-.eE\u{4e00}]{0,40}") {
        let ours = read(&text);
        if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
            prop_assert!(ours.is_ok(), "refused what serde_json takes: {} {}", text, theirs);
        }
    }
}
