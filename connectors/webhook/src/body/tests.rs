use std::io::Write as _;

use super::*;

fn read(bytes: &[u8], encoding: Option<&str>) -> Result<Vec<String>, String> {
    let records = split_records(bytes, None, encoding, 1_000)?;
    Ok(records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect())
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
        (r#""text""#, Some(1)),
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
    assert_eq!(read(&bomb, Some("GZIP")), Err(TOO_LARGE.to_owned()));
    for (body, encoding) in [(&text[..], "gzip"), (&text[..], "br"), (&gzip(text)[..20], "gzip")] {
        assert!(read(body, Some(encoding)).unwrap_err().contains("the body is "));
    }
}
