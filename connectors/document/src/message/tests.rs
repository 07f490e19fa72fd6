use std::io::Write as _;

use serde_json::json;

use super::*;

const MAX: usize = 10_000;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn read(bytes: &[u8], kind: Option<&str>) -> Result<Value, String> {
    let message = Message::open(bytes, kind, None, MAX).map_err(|error| error.to_string())?;
    let mut text = message.decode(&Hints::default());
    message.parse(&mut text, None)
}

#[test]
fn gzip_is_recognised_by_its_bytes_and_limited() {
    let body = br#"{"id":1}"#;
    let members = [gzip(b"{\"id\""), gzip(b""), gzip(b":1}")].concat();
    for packed in [gzip(body), gzip(&gzip(body)), members, [gzip(body), vec![0; 20]].concat()] {
        assert_eq!(read(&packed, Some("application/gzip")), Ok(json!({ "id": 1 })));
    }
    let bomb = gzip(&vec![b' '; MAX + 1]);
    assert!(read(&bomb, None).unwrap_err().contains("larger"));
    assert!(read(&gzip(body)[..15], None).unwrap_err().contains("unpacked with gzip"));
}

#[test]
fn deflate_is_unpacked_and_another_encoding_is_named() {
    let body = br#"{"id":1}"#;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(body).unwrap();
    let zlib = zlib.finish().unwrap();
    for (bytes, encoding, expected) in [
        (&zlib[..], "deflate", Ok(&body[..])),
        (&zlib[2..zlib.len() - 4], "Deflate", Ok(&body[..])),
        (&gzip(body), "gzip, gzip", Ok(&body[..])),
        (body, "identity", Ok(&body[..])),
        (body, "gzip", Err("not gzip")),
        (b"\x0b\x02", "br", Err("packed with br")),
        (b"\x0b\x02", "deflate", Err("unpacked with deflate")),
    ] {
        let opened = Message::open(bytes, None, Some(encoding), MAX);
        match (opened, expected) {
            (Ok(message), Ok(expected)) => assert_eq!(&*message.bytes, expected, "{encoding}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (opened, _) => panic!("{encoding}: {opened:?}"),
        }
    }
}

#[test]
fn a_body_that_unpacks_to_too_much_is_not_called_damaged() {
    let zeros = vec![b' '; 2_000 * MAX];
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&zeros).unwrap();
    let zlib = zlib.finish().unwrap();
    for (bomb, encoding) in [
        (&zlib[..], Some("deflate")),
        (&zlib[2..], Some("deflate")),
        (&gzip(&zeros), None),
        (&gzip(&gzip(&zeros)), None),
        // The limit is reached before the damage.
        (&gzip(&zeros)[..1_000], Some("gzip")),
    ] {
        let error = Message::open(bomb, None, encoding, MAX).unwrap_err();
        assert_eq!(error, MessageError::TooLarge(MAX), "{encoding:?}");
    }
}

#[test]
fn lines_of_json_are_a_list_by_their_type_or_their_bytes() {
    let two = "{\"id\":1}\r\n\r\n{\"id\":2}\n";
    let list = json!([{ "id": 1 }, { "id": 2 }]);
    assert_eq!(read(two.as_bytes(), None).as_ref(), Ok(&list));
    assert_eq!(read(b"\x1e{\"id\":1}\n\x1e{\"id\":2}\n", None).as_ref(), Ok(&list));
    let lines = Some("application/x-ndjson; charset=utf-8");
    assert_eq!(read(b"{\"id\":1}\n", lines), Ok(json!([{ "id": 1 }])));
    assert_eq!(read(b"", lines), Ok(json!([])));
    assert_eq!(
        read(b"{\n\"id\":1\n}", None),
        Ok(json!({ "id": 1 })),
        "one object on several lines"
    );
}

#[test]
fn a_line_that_is_not_json_is_damage_of_that_line_only() {
    let body = b"{\"id\":1}\n{\"id\":2,\n{\"id\":3}\n";
    let message = Message::open(body, Some("application/jsonl"), None, MAX).unwrap();
    let mut text = message.decode(&Hints::default());
    let tree = message.parse(&mut text, None).unwrap();
    let findings = &text.diagnostics.findings;
    let damaged: Vec<bool> =
        tree.as_array().unwrap().iter().map(|line| findings.damage_in(line).is_some()).collect();
    assert_eq!(damaged, [false, true, false]);
    assert_eq!(findings.source_bytes(&tree[1].to_string()), b"{\"id\":2,");
    assert!(findings.damage_in(&tree[1]).unwrap().contains("line 2"));
}

#[test]
fn a_text_that_is_a_document_is_parsed() {
    for body in [r#""{\"id\":\"路灯\"}""#, r#" " [ {\"id\":\"路灯\"} ] " "#] {
        let tree = read(body.as_bytes(), None).unwrap();
        assert_eq!(tree.get(0).unwrap_or(&tree)["id"], "路灯", "{body}");
    }
    assert_eq!(read(b"\"plain\"", None), Ok(json!("plain")));
}

#[test]
fn the_main_part_of_several_is_read() {
    let kind = "Multipart/Related; boundary=\"b1\"; type=\"application/xop+xml\"; start=\"<r>\"";
    let file = "--b1\r\nContent-ID: <f>\r\n\r\n\x1f\u{0}--b1 in a file\r\n";
    let root = "--b1\r\ncontent-type: text/xml;\r\n charset=GBK\r\nContent-Id: <r>\r\n\r\n";
    let mut body =
        [file.as_bytes(), root.as_bytes(), b"<a>\xc2\xb7\xb5\xc6</a>\r\n--b1--\r\n"].concat();
    assert_eq!(read(&body, Some(kind)), Ok(json!({ "a": [{ "$text": "路灯" }] })));
    let base64 = "--b1\n\n--b1\nContent-Transfer-Encoding: BASE64\nContent-Id: <r>\n\neyJp\nZCI6MX0=\n--b1--";
    assert_eq!(read(base64.as_bytes(), Some(kind)), Ok(json!({ "id": 1 })));
    body.truncate(body.len() - 6);
    assert!(read(&body, Some(kind)).unwrap_err().contains("ends before its last part"));
    for kind in ["multipart/related", "multipart/form-data; boundary=b1"] {
        assert!(read(&body, Some(kind)).unwrap_err().contains("multipart/"), "{kind}");
    }
}

#[test]
fn files_stand_in_base64_where_the_main_part_refers_to_them() {
    let kind = "multipart/related; boundary=b; type=\"application/xop+xml\"; start=\"<root>\"";
    let include = |href: &str| format!("<f><x:Include xmlns:x='urn:x' href='{href}'/></f>");
    let refs = ["cid:a@x", "CID:%E7%85%A7%20%E7%89%87", "cid:a@x", "http://a.example/"];
    let xml = format!("<r>{}</r>", refs.map(include).concat());
    let body = format!(
        "--b\r\nContent-ID: <root>\r\nContent-Type: application/xop+xml\r\n\r\n{xml}\r\n\
         --b\r\nContent-ID: <a@x>\r\n\r\nabc\r\n\
         --b\r\nContent-ID: <照 片>\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--"
    );
    let tree = read(body.as_bytes(), Some(kind)).unwrap();
    let texts: Vec<Option<&str>> =
        tree["r"][0]["f"].as_array().unwrap().iter().map(|file| file["$text"].as_str()).collect();
    // A file that stands in many places cannot fill the memory; the references to it stay.
    assert_eq!(texts, [Some("YWJj"), Some("eA=="), None, None]);
    assert_eq!(tree["r"][0]["f"][2]["Include"][0]["@href"], "cid:a@x");
    let opened = Message::open(body.as_bytes(), Some(kind), None, MAX).unwrap();
    // 3 and 1 bytes twice, and 4 characters of Base64 for each.
    assert_eq!(opened.file_bytes(), 16, "they are counted before they are in the tree");
}

#[test]
fn a_file_that_is_missing_or_not_the_only_one_of_its_name_is_an_error() {
    let kind = "multipart/related; boundary=b";
    let root = "--b\r\n\r\n<r><f><Include href='cid:f%401'/></f></r>\r\n";
    let part = |head: &str| format!("--b\r\nContent-ID: <f@1>\r\n{head}\r\nx\r\n");
    let (file, damaged) = (part(""), part("Content-Transfer-Encoding: base64\r\n"));
    let other = "--b\r\nContent-ID: <f2>\r\n\r\nx\r\n";
    for (parts, says) in [
        (String::new(), "refers to a file `cid:f%401`"),
        (other.to_owned(), "refers to a file `cid:f%401`"),
        (damaged.clone(), "refers to a file `cid:f%401`"),
        (format!("{file}{file}"), "two of its parts have the Content-ID `f@1`"),
        (format!("{damaged}{file}"), "two of its parts have the Content-ID `f@1`"),
    ] {
        let body = format!("{root}{parts}--b--");
        let error = read(body.as_bytes(), Some(kind)).unwrap_err();
        assert!(error.contains(says), "{parts}: {error}");
    }
    let whole = format!("{root}{file}{other}--b--");
    assert!(read(whole.as_bytes(), Some(kind)).is_ok());
    // A proxy may have left out all parts but the first.
    let xml = b"<r><f><Include href='cid:f'/></f></r>";
    assert!(read(xml, Some("application/xop+xml")).unwrap_err().contains("cid:f"));
    assert!(read(xml, Some("text/xml")).is_ok());
}

#[test]
fn a_line_that_only_begins_like_the_delimiter_belongs_to_its_part() {
    let kind = "multipart/related; boundary=b";
    for line in ["--bx", "--b-", "--b1--", "--bb"] {
        let body = format!(
            "--b\r\n\r\n<r><Include href='cid:f'/></r>\r\n\
             --b \t\r\nContent-ID: <f>\r\n\r\na\r\n{line}\r\nc\r\n--b--\r\n{line}\r\n"
        );
        let tree = read(body.as_bytes(), Some(kind)).unwrap();
        let file = format!("a\r\n{line}\r\nc");
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, file);
        assert_eq!(tree["r"][0]["$text"], text, "{line}");
        let cut = format!("--b\r\n\r\n<r/>\r\n{line}");
        assert!(read(cut.as_bytes(), Some(kind)).unwrap_err().contains("ends before"), "{line}");
    }
}

#[test]
fn a_body_has_a_limited_number_of_parts() {
    let kind = Some("multipart/mixed; boundary=b");
    for (n_parts, is_read) in [(10_000, true), (10_001, false)] {
        let body = format!("{}--b--", "--b\n\n{}\n".repeat(n_parts));
        match read(body.as_bytes(), kind) {
            Ok(tree) => assert!(is_read && tree == json!({}), "{n_parts}"),
            Err(error) => assert!(!is_read && error.contains("over 10000 parts"), "{error}"),
        }
    }
}

#[test]
fn the_argument_of_a_call_is_read() {
    for call in [
        "cb({\"id\":1})",
        "\u{feff} jQuery18_1.cb ( {\"id\":1} ) ;\r\n",
        "/**/ typeof cb === 'function' && cb({\"id\":1});",
        "/* callback */ obj[\"on-data\"]({\"id\":1});",
    ] {
        assert_eq!(read(call.as_bytes(), None), Ok(json!({ "id": 1 })), "{call}");
    }
    assert_eq!(read(b"cb([1, 2]);", Some("text/javascript")), Ok(json!([1, 2])));
    for other in
        ["cb({\"id\":1}", "cb(alert(1))", "a b({\"id\":1})", "evil() || cb({\"id\":1})", "({})"]
    {
        assert!(read(other.as_bytes(), None).is_err(), "{other}");
    }
    assert_eq!(read(b"\"cb({})\"", None), Ok(json!("cb({})")));
}

#[test]
fn a_document_that_is_no_text_is_named() {
    for (bytes, what) in [
        (&b"PK\x03\x04..."[..], "xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"%PDF-1.7", "PDF"),
        (&gzip(b"PK\x03\x04..."), "zip archive"),
    ] {
        let error = read(bytes, None).unwrap_err();
        assert!(error.contains(what) && error.contains("`files`"), "{error}");
    }
}

#[test]
fn an_answer_in_another_format_than_csv_is_read_as_what_it_is() {
    let parse = |body: &str| {
        let message = Message::open(body.as_bytes(), Some("Text/CSV; header=present"), None, MAX);
        let message = message.unwrap();
        assert!(message.is_csv());
        let mut text = message.decode(&Hints::default());
        message.parse_csv(&mut text, &Layout::default())
    };
    assert_eq!(parse("id,t\n1,a\n"), Ok(json!([{ "id": "1", "t": "a" }])));
    assert_eq!(parse("{\"code\":7}"), Ok(json!({ "code": 7 })));
    assert_eq!(parse("<a/>").unwrap()["a"], json!([{}]));
    assert_eq!(parse("[id],[t]\n1,a\n"), Ok(json!([{ "[id]": "1", "[t]": "a" }])));
    assert!(parse("<html><title>登录</title></html>").unwrap_err().contains("login page"));
}

#[test]
fn a_web_page_is_named_with_its_title() {
    for (page, what) in [
        (
            "<!DOCTYPE html><html><head><title>统一身份认证</title></head><input type=\"password\">",
            "login page",
        ),
        (
            "<?xml version='1.0'?><!-- x --><HTML><title>\n502 Bad Gateway</title></HTML>",
            "502 Bad Gateway",
        ),
        ("\u{feff} <html>busy</html>", "it is an HTML page"),
    ] {
        let error = read(page.as_bytes(), None).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
    assert!(read(b"<htmlRecords><r/></htmlRecords>", None).is_ok());
}
