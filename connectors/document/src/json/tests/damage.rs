//! Damaged texts: which values are marked, and which texts are refused.

use super::*;

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
        let raw = String::from_utf8(findings.source_bytes(&tree[1].to_string())).unwrap();
        assert!(raw.contains(wrong) || wrong.contains(['[', '{']), "{wrong}: {raw}");
    }
}

#[test]
fn damage_within_a_string_affects_only_this_string() {
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
