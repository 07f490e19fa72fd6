use serde_json::json;

use super::*;
use crate::tree::{MAX_DEPTH, MAX_NODES};

/// Parses strictly: damage is an error.
fn parse(text: &str) -> Result<Value, String> {
    let mut findings = Findings::default();
    let mut tree = super::parse(text, &mut findings).map_err(|error| error.to_string())?;
    match findings.damage_in(&tree) {
        Some(damage) => Err(damage),
        None => {
            findings.remove_markers(&mut tree);
            Ok(tree)
        }
    }
}

/// The fields with irregularities, and the tree.
fn parse_irregular(text: &str) -> (Vec<String>, Value) {
    let mut findings = Findings::default();
    let mut tree = super::parse(text, &mut findings).unwrap();
    let defects = findings.defects_in("", &tree, "");
    assert!(defects.damage.is_none(), "{text}");
    findings.remove_markers(&mut tree);
    (defects.marks.into_iter().map(|mark| mark.field).collect(), tree)
}

#[test]
fn children_are_arrays_and_text_and_attributes_have_their_own_names() {
    let tree = parse(
        "\u{feff}<?xml version=\"1.0\"?><!-- x -->\n<s:a xmlns:s=\"urn:x\" n=\"1 &lt; 2\" s:m='&amp;'>\n \
         <b>x</b> <s:c/> <b> y </b>\n</s:a>",
    );
    let expected = json!({ "a": [{
        "@n": "1 < 2", "@m": "&", "b": [{ "$text": "x" }, { "$text": " y " }], "c": [{}],
    }] });
    assert_eq!(tree, Ok(expected));
}

#[test]
fn the_parts_of_a_text_are_joined() {
    let tree = parse("<a>张三 &amp; <![CDATA[<b>]]]]><![CDATA[>]]> R&D &nbsp;&#x674E;</a>");
    assert_eq!(tree, Ok(json!({ "a": [{ "$text": "张三 & <b>]]> R&D &nbsp;李" }] })));
}

#[test]
fn a_forbidden_character_is_removed_and_a_surrogate_is_replaced() {
    let (fields, tree) =
        parse_irregular("<a><b>x&#x0;y&#xB;\u{1}z</b><c d='&#xD800;&#0;'>&#99999999;</c></a>");
    let expected = json!({ "a": [{ "b": [{ "$text": "xyz" }],
        "c": [{ "@d": "\u{fffd}", "$text": "\u{fffd}" }] }] });
    assert_eq!(tree, expected);
    let text = "a.b.$text";
    assert_eq!(fields, [text, text, text, "a.c.@d", "a.c.@d", "a.c.$text"]);
}

#[test]
fn a_lone_ampersand_is_kept_and_marked() {
    let (fields, tree) = parse_irregular("<a b='x&y'><c>R&D & B&amp;Q</c></a>");
    assert_eq!(tree, json!({ "a": [{ "@b": "x&y", "c": [{ "$text": "R&D & B&Q" }] }] }));
    assert_eq!(fields, ["a.@b", "a.c.$text"]);
}

#[test]
fn unclosed_html_is_closed_in_place() {
    let (fields, tree) = parse_irregular("<a><nr>一<br>二<br>三<img src='x'></nr><n>1</n></a>");
    let nr = json!({ "br": [{}, {}], "img": [{ "@src": "x" }], "$text": "一二三" });
    assert_eq!(tree, json!({ "a": [{ "nr": [nr], "n": [{ "$text": "1" }] }] }));
    assert!(fields.iter().all(|field| field == "a.nr.$text") && fields.len() == 3);
    let closed = parse("<a><br>x</br><link>y</link></a>").unwrap();
    assert_eq!(closed, json!({ "a": [{ "br": [{ "$text": "x" }], "link": [{ "$text": "y" }] }] }));
}

#[test]
fn an_element_that_is_not_closed_is_damaged_and_the_elements_after_it_are_not() {
    let mut findings = Findings::default();
    for (text, damaged) in [
        ("<a><r><n>1</n></r><r><n>2</r><r><n>3</n></r></a>", [false, true, false]),
        ("<a><r><n>1</n></r><r><n>2</n><r><n>3</n></r></a>", [false, true, false]),
        ("<a><r><n>1</n></r><r><n>2</n></x></r><r><n>3</n></r></a>", [false, true, false]),
        ("<a><r/><r n=2/><r n='3'/></a>", [false, true, false]),
    ] {
        let tree = super::parse(text, &mut findings).unwrap();
        let rows = tree["a"][0]["r"].as_array().unwrap();
        let found: Vec<bool> = rows.iter().map(|row| findings.damage_in(row).is_some()).collect();
        assert_eq!(found, damaged, "{text}");
        assert!(findings.damage_in(&json!(tree["a"][0]["$text"])).is_none());
    }
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\"><!ENTITY f SYSTEM \
                \"file:///etc/passwd\">]><x y=\"&b;\">&b;&f;</x>";
    assert_eq!(parse(bomb), Ok(json!({ "x": [{ "@y": "&b;", "$text": "&b;&f;" }] })));
}

#[test]
fn text_that_is_not_xml_is_refused() {
    for text in ["", "x", "<a>", "<a><b></a>", "<a/><b/>", "{\"a\":1}", "<a", "<a></b>", "<?xml?>"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn depth_and_size_are_limited_without_recursion() {
    let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(parse(&deep(MAX_DEPTH)).is_ok());
    assert!(parse(&deep(10_000)).unwrap_err().contains("levels"));
    let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_NODES));
    assert!(parse(&wide).unwrap_err().contains("nodes"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[<>/a-c!?\\[\\]&;#x0-9=\"' \\-\u{4e00}]{0,60}") {
        let _ = parse(&text);
    }
}
