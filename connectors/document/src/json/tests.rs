//! Values, flags and limits.

mod damage;

use contract::demand::QualityFlag;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Parses strictly: damage is an error.
fn read(text: &str) -> Result<Value, String> {
    let mut findings = Findings::default();
    let mut tree = parse(text, &mut findings).map_err(|error| error.to_string())?;
    match findings.damage_in(&tree) {
        Some(damage) => Err(damage),
        None => {
            findings.remove_markers(&mut tree);
            Ok(tree)
        }
    }
}

#[test]
fn the_last_value_of_a_repeated_name_is_used_and_a_different_one_is_flagged() {
    let mut findings = Findings::default();
    let mut tree = parse(r#"{"a":1,"b":2,"a":[1],"b":2}"#, &mut findings).unwrap();
    let flags = findings.defects_in("", &tree, "").flags;
    assert_eq!(flags.iter().map(|flag| flag.field.as_str()).collect::<Vec<_>>(), ["a"]);
    findings.remove_markers(&mut tree);
    assert_eq!(tree, json!({ "a": [1], "b": 2 }));
}

#[test]
fn an_irregularity_is_flagged_once_in_each_string() {
    let mut findings = Findings::default();
    let text = "{\"a\":\"x\ty\nz\u{1}\",\"b\":\"\\ud83d\\ud83d\",\"c\":\"\\t\"}";
    let mut tree = parse(text, &mut findings).unwrap();
    let flags = findings.defects_in("", &tree, "").flags;
    let found: Vec<_> = flags.iter().map(|flag| (flag.field.as_str(), flag.flag)).collect();
    assert_eq!(found, [("a", QualityFlag::ControlCharacters), ("b", QualityFlag::Damaged)]);
    findings.remove_markers(&mut tree);
    assert_eq!(tree, json!({ "a": "x\ty\nz\u{1}", "b": "\u{fffd}\u{fffd}", "c": "\t" }));
}

#[test]
fn integers_above_2_53_and_decimals_become_strings() {
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
    fn a_tree_that_serde_json_wrote_is_read_back(tree in trees()) {
        prop_assert_eq!(read(&tree.to_string()), Ok(tree.clone()));
        prop_assert_eq!(read(&serde_json::to_string_pretty(&tree).unwrap()), Ok(tree));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9a-fu\\\\ \\-.eE\u{4e00}]{0,40}") {
        let ours = read(&text);
        if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
            prop_assert!(ours.is_ok(), "refused a text that serde_json accepts: {} {}", text, theirs);
        }
    }
}
