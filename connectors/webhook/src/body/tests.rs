use std::io::Write as _;

use serde_json::json;

use super::*;

fn reader(more: Value) -> Reader {
    let mut config = json!({ "auth": "none", "key": "$.id" });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Reader::new(&serde_json::from_value(config).unwrap(), chrono_tz::Tz::UTC)
}

fn split(
    bytes: &[u8],
    content_type: Option<&str>,
    encoding: Option<&str>,
    more: Value,
) -> Result<Vec<String>, String> {
    let headers = Headers { content_type, encoding };
    let records = split_records(&reader(more), bytes, headers, 1_000)?;
    Ok(records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect())
}

fn read(bytes: &[u8], encoding: Option<&str>) -> Result<Vec<String>, String> {
    split(bytes, None, encoding, json!({}))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn one_record_or_an_array_of_them() {
    for (body, n_records) in [
        (r#" {"id":1} "#, Some(1)),
        (r#"[{"id":1},{"id":2}, 3]"#, Some(3)),
        ("[{\"id\":1},{\"id\":NaN},{\"a\":\"\t\"}]", Some(3)),
        ("[]", Some(0)),
        (r#""text""#, None),
        ("", None),
        (r#"{"id":1"#, None),
        ("id=1", None),
    ] {
        let records = read(body.as_bytes(), None);
        assert_eq!(records.ok().map(|records| records.len()), n_records, "{body:?}");
    }
}

#[test]
fn a_body_is_read_in_any_charset_with_or_without_a_mark() {
    let gbk = b"[{\"id\":1,\"nr\":\"\xd0\xa1\xc7\xf8\xb5\xe7\xcc\xdd\xbb\xb5\xc1\xcb\"}]";
    let utf16: Vec<u8> = "\u{feff}[{\"id\":1,\"nr\":\"小区电梯坏了\"}]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf8 = "\u{feff}[{\"id\":1,\"nr\":\"小区电梯坏了\"}]".as_bytes();
    for body in [&gbk[..], &utf16, utf8] {
        assert_eq!(read(body, None).unwrap(), ["{\"id\":1,\"nr\":\"小区电梯坏了\"}"]);
    }
}

#[test]
fn a_packed_body_is_unpacked_within_the_limit() {
    let text = br#"[{"id":1},{"id":2}]"#;
    assert_eq!(read(&gzip(text), Some("gzip")).unwrap().len(), 2);
    let bomb = gzip(&vec![b' '; 10 << 20]);
    assert!(read(&bomb, Some("GZIP")).unwrap_err().contains("larger"));
    assert_eq!(read(&gzip(text), None).unwrap().len(), 2, "without a header");
    for (body, encoding) in [(&text[..], "gzip"), (&text[..], "br"), (&gzip(text)[..20], "gzip")] {
        assert!(read(body, Some(encoding)).unwrap_err().contains("the body is "));
    }
}

#[test]
fn what_http_reads_is_read_here_too() {
    let (data, rows) = (json!({ "records": "$.data" }), json!({ "records": "$.data[*]" }));
    let record = r#"{"id":"路"}"#;
    let gbk = b"{\"id\":\"\xc2\xb7\"}\n{\"id\":\"\xb5\xc6\"}\n";
    let form = Some("application/x-www-form-urlencoded");
    for (body, kind, settings, expected) in [
        (
            &gbk[..],
            Some("application/json; charset=GBK"),
            json!({}),
            &[record, r#"{"id":"灯"}"#][..],
        ),
        (
            br#"{"sign":"x","data":[{"id":1},{"id":2}]}"#,
            None,
            rows.clone(),
            &[r#"{"id":1}"#, r#"{"id":2}"#],
        ),
        (br#"{"sign":"x","data":[]}"#, None, rows.clone(), &[]),
        (
            br#"{"sign":"x","data":"[{\"id\":1},{\"id\":2}]"}"#,
            None,
            rows.clone(),
            &[r#"{"id":1}"#, r#"{"id":2}"#],
        ),
        (b"sign=x&data=%5B%7B%22id%22%3A%22%E8%B7%AF%22%7D%5D", form, rows.clone(), &[record]),
        (b"sign=x&data=%7B%22id%22%3A%22%E8%B7%AF%22%7D", form, data.clone(), &[record]),
        (
            b"data=%7B%22id%22:%22%B5%C6%22%7D",
            Some("application/x-www-form-urlencoded; charset=GBK"),
            data,
            &[r#"{"id":"灯"}"#],
        ),
        (b"id=%E8%B7%AF", form, json!({}), &[record]),
        (b"id=%E8%B7%AF", Some("Application/X-WWW-Form-URLEncoded"), json!({}), &[record]),
        (
            "<?xml version=\"1.0\"?><r><id>路</id></r>".as_bytes(),
            Some("text/xml"),
            json!({}),
            &[r#"{"id":[{"$text":"路"}]}"#],
        ),
    ] {
        assert_eq!(
            split(body, kind, None, settings),
            Ok(expected.iter().map(ToString::to_string).collect())
        );
    }
    for body in [r#"{"data":null}"#, r#"{"rows":[{"id":1}]}"#] {
        let error = split(body.as_bytes(), None, None, rows.clone()).unwrap_err();
        assert_eq!(error, "there is no list at $.data");
    }
    let error = split(br#"{"data":{"id":1,"t":"x"}}"#, None, None, rows.clone()).unwrap_err();
    assert_eq!(error, "the values at $.data[*] are no records");
    let twice = br#"{"data":[{"id":1}],"data":[]}"#;
    assert!(split(twice, None, None, rows).unwrap_err().contains("occurs twice"));
    assert!(split(b"<html>busy</html>", None, None, json!({})).unwrap_err().contains("HTML page"));
}

#[test]
fn a_document_that_is_called_a_form_is_read_as_what_it_is() {
    let form = Some("application/x-www-form-urlencoded");
    for (body, settings, expected) in [
        (
            r#" [{"id":1,"t":"a=b&c"},{"id":2}]"#,
            json!({}),
            &[r#"{"id":1,"t":"a=b&c"}"#, r#"{"id":2}"#][..],
        ),
        (r#"{"id":1}"#, json!({}), &[r#"{"id":1}"#]),
        ("{\"id\":1}\n{\"id\":2}\n", json!({}), &[r#"{"id":1}"#, r#"{"id":2}"#]),
        (r#"{"data":[{"id":"a=b"}]}"#, json!({ "records": "$.data" }), &[r#"{"id":"a=b"}"#]),
        (r#""{\"id\":1}""#, json!({}), &[r#"{"id":1}"#]),
        ("<r><id>1</id></r>", json!({}), &[r#"{"id":[{"$text":"1"}]}"#]),
    ] {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(split(body.as_bytes(), form, None, settings), Ok(expected), "{body}");
    }
    assert!(split(br#"[{"id":1},"#, form, None, json!({})).is_err(), "a broken list is no form");
}

#[test]
fn a_form_with_a_field_twice_is_refused_unless_its_values_are_equal() {
    let form = Some("application/x-www-form-urlencoded");
    let expected = vec![r#"{"id":"1","t":"a"}"#.to_owned()];
    assert_eq!(split(b"id=1&t=a&id=1", form, None, json!({})), Ok(expected));
    let refused = split(b"id=1&t=a&t=b", form, None, json!({})).unwrap_err();
    assert_eq!(refused, "the field `t` of the form occurs twice, with different values");
}

#[test]
fn many_records_without_a_key_are_one_row_of_quarantine() {
    let numbers: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let body = format!("[{},{{\"id\":1}},{{\"id\":1}},{{\"n\":7}}]", numbers.join(","));
    let read = |settings| {
        let records =
            split_records(&reader(settings), body.as_bytes(), Headers::default(), body.len());
        let records = records.unwrap();
        let Some((list, others)) = records.split_last() else { panic!("{body}") };
        let list = list.clone();
        let contract::Entry::Unreadable { reason, bytes, .. } =
            reader(json!({})).entry(&list, String::new())
        else {
            panic!("{list:?}")
        };
        assert_eq!(reason.code, "no_object");
        assert!(reason.detail.contains("5001 values"), "{reason:?}");
        assert_eq!(bytes, format!("[{},{{\"n\":7}}]", numbers.join(",")));
        others.len()
    };
    assert_eq!(read(json!({})), 1, "two equal records are one");
    assert_eq!(read(json!({ "revision": "$.v" })), 2);
    // A few stay apart.
    assert_eq!(split(b"[1,2,3]", None, None, json!({})).unwrap(), ["1", "2", "3"]);
}

#[test]
fn a_record_of_very_many_values_is_not_parsed() {
    let values = |n: usize| format!("{{\"id\":1,\"a\":[{}1]}}", "1,".repeat(n));
    for (n, code) in [(1_000, None), (200_000, Some("too_large"))] {
        let bytes = Bytes::from(values(n));
        let found = match reader(json!({})).entry(&bytes, String::new()) {
            contract::Entry::Record(_) => None,
            contract::Entry::Unreadable { reason, .. } => Some(reason.code),
        };
        assert_eq!(found.as_deref(), code, "{n}");
    }
}

#[test]
fn a_body_of_too_many_records_is_refused_before_they_are_taken_apart() {
    let list = |n: usize| format!("[{}1]", "1,".repeat(n));
    let member = |list: String| format!("{{\"data\":{list}}}");
    let field = |list: String| format!("data={list}");
    let form = Some("application/x-www-form-urlencoded");
    let data = json!({ "records": "$.data" });
    for (n, what) in [(60_000, "50000 records"), (1_100_000, "1000000 values")] {
        for (body, content_type, settings) in [
            (list(n), None, json!({})),
            (member(list(n)), None, data.clone()),
            (field(list(n)), form, data.clone()),
        ] {
            let headers = Headers { content_type, encoding: None };
            let found = split_records(&reader(settings), body.as_bytes(), headers, body.len());
            assert!(found.unwrap_err().contains(what), "{what} {content_type:?}");
        }
    }
}

#[test]
fn damaged_xml_is_never_read_without_its_damage() {
    let declared = "<!DOCTYPE r [<!ENTITY a SYSTEM 'x'><!ENTITY b '路'>]>";
    let rows = |row: &str| format!("{declared}<r><w><id>0</id></w>{row}</r>");
    for row in ["<w><id>1</w>", "<w><id>1</id><t>x &a;</t></w>", "<w><id>1</id><t n=2>x</t></w>"] {
        let records = split(rows(row).as_bytes(), None, None, json!({ "records": "$.r[*].w[*]" }));
        let records = records.unwrap();
        assert_eq!((records.len(), &*records[0]), (2, r#"{"id":[{"$text":"0"}]}"#), "{row}");
        let entry = reader(json!({})).entry(&Bytes::from(records[1].clone()), String::new());
        assert!(matches!(entry, contract::Entry::Unreadable { .. }), "{row}: {entry:?}");
    }
    // A text that is not whole is a flag of its field.
    let row = rows("<w><id>1</id><t>请<b>尽快</b>处理</t></w>");
    let records = split(row.as_bytes(), None, None, json!({ "records": "$.r[*].w[*]" })).unwrap();
    let flags = records.iter().map(|record| {
        let key = json!({ "key": "$.id[0]['$text']" });
        match reader(key).entry(&Bytes::from(record.clone()), String::new()) {
            Entry::Record(record) => record.text.flags.clone(),
            entry @ Entry::Unreadable { .. } => panic!("{entry:?}"),
        }
    });
    let flags: Vec<Vec<contract::FieldFlag>> = flags.collect();
    assert!(flags[0].is_empty() && flags[1].len() == 1, "{flags:?}");
    assert_eq!(flags[1][0].field, "t.$text");
    let body = format!("{declared}<r><id>1</id><t>x &b;</t></r>");
    let records = split(body.as_bytes(), None, None, json!({})).unwrap();
    assert_eq!(records, [r#"{"id":[{"$text":"1"}],"t":[{"$text":"x 路"}]}"#]);
}

#[test]
fn a_key_with_two_contents_in_one_request_is_refused_or_ends_as_the_settings_say() {
    let body = br#"[{"id":1,"v":1},{"id":2},{"id":1,"v":2},{"id":2}]"#;
    let read = |more| split(body, None, None, more);
    assert!(read(json!({})).unwrap_err().contains("the key `1`"));
    assert_eq!(
        read(json!({ "duplicates": "last" })).unwrap(),
        [r#"{"id":1,"v":2}"#, r#"{"id":2}"#]
    );
    let rejected = read(json!({ "duplicates": "quarantine" })).unwrap();
    assert_eq!(rejected, [r#"{"id":2}"#, r#"[{"id":1,"v":1},{"id":1,"v":2}]"#]);
    let two = br#"[{"id":1,"v":1},{"id":2,"v":1},{"id":1,"v":2},{"id":2,"v":2}]"#;
    let rejected = split(two, None, None, json!({ "duplicates": "quarantine" })).unwrap();
    assert_eq!(
        rejected,
        [r#"[{"id":1,"v":1},{"id":1,"v":2}]"#, r#"[{"id":2,"v":1},{"id":2,"v":2}]"#]
    );
    for (list, code, detail) in [
        (rejected[1].as_str(), "duplicate_key", "`2`"),
        (r#"[{"id":1},{"id":2}]"#, "no_object", "2 values"),
        (r#"[{"id":1}]"#, "no_object", "not a JSON object"),
    ] {
        let entry =
            reader(json!({})).entry(&Bytes::copy_from_slice(list.as_bytes()), String::new());
        let contract::Entry::Unreadable { reason, .. } = entry else { panic!("{entry:?}") };
        assert_eq!(reason.code, code, "{list}");
        assert!(reason.detail.contains(detail), "{reason:?}");
    }
    assert_eq!(read(json!({ "revision": "$.v" })).unwrap().len(), 4, "the revisions order them");
    assert_eq!(read(json!({ "key": ["$.id", "$.v"], "duplicates": "last" })).unwrap().len(), 4);
}
