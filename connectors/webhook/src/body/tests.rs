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
        (r#"[{"id":1},{"id":2}]"#, "no_object", "not a JSON object"),
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
