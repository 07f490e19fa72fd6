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
    (defects.flags.into_iter().map(|flag| flag.field).collect(), tree)
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
fn a_name_that_the_document_declares_for_a_short_text_is_replaced_with_it() {
    let declared = "<!DOCTYPE x [<!-- <!ENTITY co 'no'> --><?p don't?>
        <!ELEMENT x (#PCDATA)><!ENTITY co \"宏图 > &amp; 伴&#x4F34;\"><!ENTITY co 'later'>
        <!ENTITY nbsp '&#160;'> <!ENTITY % p 'q'> <!ENTITY a.very-long_name 'z'>]>";
    let text = format!("{declared}<x y='&co;&a.very-long_name;'>&co;&nbsp;&amp;<b>&co;</b></x>");
    let (fields, tree) = parse_irregular(&text.replace("<b>&co;</b>", ""));
    let expected = "宏图 > & 伴伴";
    let own = format!("{expected}\u{a0}&");
    assert_eq!(tree, json!({ "x": [{ "@y": format!("{expected}z"), "$text": own }] }));
    assert!(fields.is_empty());
    let (fields, tree) = parse_irregular(&text);
    assert_eq!(tree["x"][0]["b"], json!([{ "$text": expected }]));
    assert_eq!(fields, ["x.$text"], "the text of `b` is not in it");
}

#[test]
fn a_name_whose_text_is_not_known_is_damage_or_marked() {
    let declared = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\"><!ENTITY c '&#38;a;'>
        <!ENTITY d '<i>x</i>'><!ENTITY e '&#xFDD0;'><!ENTITY f SYSTEM \"file:///etc/passwd\">
        <!ENTITY g PUBLIC 'p' 'u'><!ENTITY h '%p;'>]>";
    for name in ["b", "c", "d", "e", "f", "g", "h"] {
        for body in [format!("<x>text &{name};</x>"), format!("<x y='text &{name};'/>")] {
            let found = parse(&format!("{declared}{body}"));
            assert!(found.is_err_and(|why| why.contains("declares")), "{body}");
        }
    }
    let long = format!("<!DOCTYPE x [<!ENTITY a '{}'>]><x>&a;</x>", "a".repeat(2_000));
    assert!(parse(&long).unwrap_err().contains("short text"));
    // A short document may not become a long one.
    let many = format!("<!DOCTYPE x [<!ENTITY a '{}'>]>", "a".repeat(1_000));
    assert!(parse(&format!("{many}<x>{}</x>", "&a;".repeat(1_000))).is_ok());
    assert!(parse(&format!("{many}<x>{}</x>", "&a;".repeat(2_000))).is_err());
    let elsewhere = "<!DOCTYPE x SYSTEM 'x.dtd'>";
    for (declared, body, is_marked) in [
        ("", "&nbsp;&copy;", false),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", "&nbsp;&copy;", false),
        (elsewhere, "&nbsp;&copy;", true),
        ("<!DOCTYPE x [<!ENTITY % a SYSTEM 'b'>%a;]>", "&nbsp;", true),
        ("", "&R&nbsp;", true),
        ("", "&no name;", true),
        ("", "&;", true),
    ] {
        let (fields, tree) = parse_irregular(&format!("{declared}<x y='{body}'>{body}</x>"));
        assert_eq!(tree, json!({ "x": [{ "@y": body, "$text": body }] }));
        let marked = if is_marked { &["x.@y", "x.$text"][..] } else { &[] };
        assert_eq!(fields, marked, "{declared} {body}");
    }
}

#[test]
fn a_text_that_lacks_the_text_of_its_children_is_marked() {
    for (text, marked) in [
        ("<a>请<b>尽快</b>处理</a>", &["a.$text"][..]),
        ("<a>请<p><b>尽快</b></p></a>", &["a.$text"]),
        ("<a><n>1<b>2</b></n><n>3</n></a>", &["a.n.$text"]),
        ("<a>请<br/>看<img src='x'/></a>", &[]),
        ("<a>\n <b>1</b>\n <b>2</b>\n</a>", &[]),
    ] {
        assert_eq!(parse_irregular(text).0, marked, "{text}");
    }
}

#[test]
fn many_ampersands_are_read_in_one_pass() {
    let many = "&".repeat(300_000);
    let (fields, tree) = parse_irregular(&format!("<a b='{many}'/>"));
    assert_eq!((fields.len(), tree["a"][0]["@b"].as_str()), (1, Some(&*many)));
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
