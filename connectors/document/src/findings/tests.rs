use contract::FieldFlag;
use normalizer_text::{Charset, Hints};
use serde_json::json;

use crate::{DocumentFormat, Text, decode};

fn malformed(text: &Text, tree: &serde_json::Value) -> Vec<FieldFlag> {
    text.diagnostics.findings.defects_in("", tree, &text.diagnostics.report.charset).flags
}

#[test]
fn malformed_bytes_belong_to_the_record_they_are_in() {
    let bytes =
        b"[{\"a\":\"\xc8\xba\",\"n\":{\"b\":\"x\xff\x81\"}},{\"a\":\"\xd6\xda\x84\x31\xa4\x37\"}]";
    let hints = Hints { force: Some(Charset::Gb18030), ..Hints::default() };
    let mut text = decode(bytes, &hints);
    let tree = text.parse(DocumentFormat::Json).unwrap();
    let found = malformed(&text, &tree[0]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].field, "n.b");
    assert_eq!(
        found[0].detail,
        "the 1-byte sequence at offset 22 is not valid GB18030 (first of 2)"
    );
    assert!(malformed(&text, &tree[1]).is_empty());

    let raw = text.diagnostics.findings.source_bytes(&tree[0].to_string());
    assert_eq!(raw, [r#"{"a":"群","n":{"b":"x"#.as_bytes(), b"\xff\x81\"}}"].concat());

    let mut accepted = tree[0].clone();
    text.diagnostics.findings.remove_markers(&mut accepted);
    assert_eq!(accepted, json!({ "a": "群", "n": { "b": "x\u{fffd}\u{fffd}" } }));
}

#[test]
fn malformed_bytes_in_a_name_are_found_too() {
    let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
    let mut text = decode(b"{\"a\xff\":1}", &hints);
    let mut tree = text.parse(DocumentFormat::Json).unwrap();
    assert_eq!(malformed(&text, &tree).len(), 1);
    text.diagnostics.findings.remove_markers(&mut tree);
    assert_eq!(tree, json!({ "a\u{fffd}": 1 }));
}

#[test]
fn a_page_that_contains_the_marker_character_is_read_correctly() {
    let mut text = decode("[\"\u{fdd0}7\u{fdd0}\", \"x\"]".as_bytes(), &Hints::default());
    let tree = text.parse(DocumentFormat::Json).unwrap();
    assert!(malformed(&text, &tree).is_empty());
    let mut bytes = "[\"\u{fdd0}0\u{fdd0}\", \"\\ufdd10\\ufdd1\", \"".as_bytes().to_vec();
    bytes.extend_from_slice(b"\xff\"]");
    let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
    let mut text = decode(&bytes, &hints);
    let tree = text.parse(DocumentFormat::Json).unwrap();
    assert!(malformed(&text, &tree[0]).is_empty());
    assert!(malformed(&text, &tree[1]).is_empty());
    assert_eq!(malformed(&text, &tree[2]).len(), 1);
}

#[test]
fn a_damaged_record_is_shown_as_it_was_written() {
    let source = r#"{"id":"7","v":NaN,"w":[0.1.2,"x"],a:1}"#;
    let mut text = decode(source.as_bytes(), &Hints::default());
    let tree = text.parse(DocumentFormat::Json).unwrap();
    let raw = String::from_utf8(text.diagnostics.findings.source_bytes(&tree.to_string())).unwrap();
    assert_eq!(raw, r#"{"id":"7","v":NaN,"w":[0.1.2,"x"],"":a:1}"#);
}
