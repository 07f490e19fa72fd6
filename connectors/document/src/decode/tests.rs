use super::*;
use crate::path::Path;

#[test]
fn malformed_bytes_are_marked_and_the_other_text_is_unchanged() {
    for (bytes, force, before, after) in [
        (&b"\xef\xbb\xbfa\xffb"[..], Charset::Utf8, "a", "b"),
        (b"\xc8\xba\xff\xd6\xda", Charset::Gb18030, "群", "众"),
    ] {
        let hints = Hints { force: Some(force), ..Hints::default() };
        let Text { text, diagnostics } = decode(bytes, &hints);
        assert!(text.starts_with(before) && text.ends_with(after));
        assert!(!text.contains('\u{fffd}') && !diagnostics.findings.is_empty());
        let mut cleaned = Value::from(text);
        diagnostics.findings.remove_markers(&mut cleaned);
        assert_eq!(cleaned, format!("{before}\u{fffd}{after}"));
    }
}

#[test]
fn a_replaced_private_use_character_is_flagged_in_its_fields() {
    let source = "{\"xm\":\"李\u{e863}\",\"b\":\"李\"}";
    let mut text = decode(source.as_bytes(), &Hints::default());
    let tree = text.parse(DocumentFormat::Json).unwrap();
    assert_eq!(tree["xm"], "李䶮");
    let flags = text.diagnostics.defects_in("", &tree).flags;
    assert_eq!(flags.iter().map(|flag| flag.field.as_str()).collect::<Vec<_>>(), ["xm"]);
}

#[test]
fn a_doubtful_key_is_none() {
    for (path, source, expected) in [
        ("$.id", r#"{"id":"7","b":"\ud83d"}"#, Some("7")),
        ("$.id", r#"{"id":7,"b":NaN}"#, Some("7")),
        ("$.id", r#"{"id":"7\ud83d"}"#, None),
        ("$.id", r#"{"id":"7","id":"8"}"#, None),
        ("$.id", r#"{"id":"7","id":"7"}"#, Some("7")),
        ("$.id", r#"{"id":NaN}"#, None),
        ("$.guid", r#"{"guid":"7","id":"8","id":"9"}"#, Some("7")),
        ("$.a.guid", r#"{"a":{"guid":"7"},"a":{"guid":"8"}}"#, None),
        ("$.a[0].guid", r#"{"a":[{"guid":"7"}],"id":"8","id":"9"}"#, Some("7")),
        ("$.a[0].id", r#"{"a":[{"id":"7","id":"8"}]}"#, None),
        ("$['a.b']", r#"{"a.b":"7","a.b":"8"}"#, None),
    ] {
        let key = Path::parse(path).unwrap();
        let mut text = decode(source.as_bytes(), &Hints::default());
        let tree = text.parse(DocumentFormat::Json).unwrap();
        assert_eq!(text.diagnostics.findings.key(&key, &tree).as_deref(), expected, "{source}");
    }
}

#[test]
fn a_text_is_encoded_only_if_the_charset_has_all_its_characters() {
    let gbk = b"\xc8\xba\xd6\xda\xcb\xdf\xc7\xf3";
    assert_eq!(encode("群众诉求", Charset::Gb18030).as_deref(), Some(&gbk[..]));
    assert_eq!(encode("𠮷", Charset::Gb18030).as_deref(), Some(&b"\x95\x34\xb2\x35"[..]));
    assert_eq!(encode("䶮", Charset::Windows1252), None);
}
