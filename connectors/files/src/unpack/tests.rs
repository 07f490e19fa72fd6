use flate2::{Compression, write::GzEncoder};
use zip::{ZipWriter, write::SimpleFileOptions};

use std::io::{self, Write as _};

use super::*;
use crate::{config::Limits, options};

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn unpack(name: &str, bytes: &[u8], options: &Options) -> Result<Vec<String>, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let summary = FileSummary::read(&file).unwrap();
    match open_documents(name, Arc::new(file), summary, options) {
        Ok(documents) => Ok(documents
            .into_iter()
            .map(|document| {
                let first_bytes =
                    String::from_utf8_lossy(&document.summary.first_bytes).into_owned();
                format!(
                    "{:?} {:?} {first_bytes}",
                    document.name_in_archive.unwrap_or_default(),
                    document.format.map_err(|reason| reason.code)
                )
            })
            .collect()),
        Err(FileError::Content(reason)) => Err(format!("{}: {}", reason.code, reason.detail)),
        Err(FileError::Disk(error)) => panic!("{error}"),
    }
}

#[test]
fn files_in_archives_are_found_by_their_names() {
    let options = options::for_tests();
    assert_eq!(unpack("a.csv", b"x", &options).unwrap(), ["\"\" Ok(Csv) x"]);
    assert_eq!(unpack("a.csv.gz", &gzipped(b"x"), &options).unwrap(), ["\"a.csv\" Ok(Csv) x"]);
    let bytes = zipped(&[
        ("b/a.CSV", b"1"),
        ("__MACOSX/._a", b"2"),
        ("b/Thumbs.db", b"2"),
        ("desktop.ini", b"2"),
        ("c.jsonl", b"3"),
    ]);
    let expected = ["\"b/a.CSV\" Ok(Csv) 1", "\"c.jsonl\" Ok(JsonLines) 3"];
    assert_eq!(unpack("a.zip", &bytes, &options).unwrap(), expected);
}

#[test]
fn unknown_formats_and_damaged_archives_are_refused() {
    let options = options::for_tests();
    for (name, bytes) in [
        ("a.pdf", b"x".to_vec()),
        ("a.zip", zipped(&[("inner.zip", b"1")])),
        ("a.csv.gz.gz", gzipped(&gzipped(b"x"))),
    ] {
        assert!(
            unpack(name, &bytes, &options).unwrap_err().starts_with("unknown_format"),
            "{name}"
        );
    }
    for (name, bytes) in [
        ("a.zip", b"not an archive".to_vec()),
        ("a.csv.gz", b"not an archive".to_vec()),
        ("a.csv.gz", gzipped(&[b'x'; 1000])[..20].to_vec()),
    ] {
        assert!(unpack(name, &bytes, &options).unwrap_err().starts_with("bad_archive"), "{name}");
    }
}

#[test]
fn a_file_in_an_archive_that_is_no_table_is_named_beside_the_others() {
    let options = options::for_tests();
    let bytes = zipped(&[("a.csv", b"1"), ("readme.pdf", b"2"), ("b.zip", b"3")]);
    let expected = [
        r#""a.csv" Ok(Csv) 1"#,
        r#""readme.pdf" Err("unknown_format") "#,
        r#""b.zip" Err("unknown_format") "#,
    ];
    assert_eq!(unpack("a.zip", &bytes, &options).unwrap(), expected);
    // A name in GBK, and a file with a password.
    let mut bytes = zipped(&[("....a.csv", b"1"), ("b.csv", b"2")]);
    replace(&mut bytes, b"....a.csv", b"\xCB\xDF\xC7\xF3a.csv");
    let last = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[last + 8] |= 1;
    let expected = [r#""诉求a.csv" Ok(Csv) 1"#, r#""b.csv" Err("encrypted_file") "#];
    assert_eq!(unpack("a.zip", &bytes, &options).unwrap(), expected);
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

#[test]
fn an_archive_in_which_one_name_hides_another_is_refused() {
    let mut bytes = zipped(&[("a.csv", b"1"), ("b.csv", b"2")]);
    replace(&mut bytes, b"b.csv", b"a.csv");
    let error = unpack("a.zip", &bytes, &options::for_tests()).unwrap_err();
    assert!(error.contains("the same name"), "{error}");
}

#[test]
fn a_comment_that_looks_like_the_end_of_an_archive_hides_no_file() {
    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(b"1").unwrap();
    }
    let mut bytes = archive.finish().unwrap().into_inner();
    let comment = [&b"see PK\x05\x06"[..], &[1; 18], b" and more"].concat();
    let at = bytes.len() - 2;
    bytes[at] = u8::try_from(comment.len()).unwrap();
    bytes.extend(comment);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    assert_eq!(n_listed(&file).unwrap(), Some(2));
}

#[test]
fn a_file_that_is_packed_in_an_unknown_way_is_refused_and_the_others_are_read() {
    let options = options::for_tests();
    // LZMA, in the head of the file and in the list of files.
    let lzma = |names: &[&str], of: &str| {
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"1"[..])).collect();
        let mut bytes = zipped(&files);
        for (signature, to_method, to_name) in [(b"PK\x03\x04", 8, 30), (b"PK\x01\x02", 10, 46)] {
            for at in 0..bytes.len() - 46 {
                if bytes[at..].starts_with(signature)
                    && bytes[at + to_name..].starts_with(of.as_bytes())
                {
                    bytes[at + to_method] = 14;
                }
            }
        }
        bytes
    };
    let error = unpack("a.zip", &lzma(&["a.csv"], "a.csv"), &options).unwrap_err();
    assert!(error.starts_with("bad_archive") && error.contains("LZMA"), "{error}");
    let found = unpack("a.zip", &lzma(&["a.csv", "b.csv"], "a.csv"), &options).unwrap();
    assert_eq!(found, [r#""a.csv" Err("bad_archive") "#, r#""b.csv" Ok(Csv) 1"#]);
}

#[test]
fn an_archive_behind_another_one_does_not_hide_it() {
    let (first, second) = (zipped(&[("a.csv", b"1")]), zipped(&[("b.csv", b"2")]));
    let options = options::for_tests();
    for before in [&first[..], b"export: ", b"\n\n\n\n\n"] {
        let error = unpack("a.zip", &[before, &second[..]].concat(), &options).unwrap_err();
        assert!(error.contains("before the archive"), "{error}");
    }
    for before in [&b""[..], b"PK00", b"MZ a program that unpacks what follows"] {
        let found = unpack("a.zip", &[before, &second[..]].concat(), &options);
        assert_eq!(found.unwrap(), [r#""b.csv" Ok(Csv) 2"#]);
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut options = options::for_tests();
    let zeros = vec![0; 8 << 20];
    options.config.limits = Limits { total: 1 << 10, ratio: 100, entries: 3, record: 4 };
    let error = unpack("a.csv.gz", &gzipped(&zeros), &options).unwrap_err();
    assert_eq!(error, "too_large: the file unpacks to over 100 times its size (`limits.ratio`)");
    options.config.limits = Limits { total: 6, ratio: 10_000, entries: 3, record: 4 };
    let parts = zipped(&[("1.csv", &zeros[..5 << 20]), ("2.csv", &zeros[..5 << 20])]);
    let error = unpack("a.zip", &parts, &options).unwrap_err();
    assert_eq!(error, "too_large: the file unpacks to over 6291456 bytes (`limits.total`)");
    let names: Vec<String> = (0..4).map(|n| format!("{n}.csv")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let error = unpack("a.zip", &zipped(&many), &options).unwrap_err();
    assert_eq!(error, "too_large: the archive has more than 3 files (`limits.entries`)");
}

#[test]
fn a_workbook_is_recognised_by_its_bytes() {
    let options = options::for_tests();
    for (bytes, expected) in [
        (&b"PK\x03\x04"[..], Ok(Format::Xlsx)),
        (b"\xD0\xCF\x11\xE0", Ok(Format::Xls)),
        (b"<html><table><tr><td>id</td></tr></table>", Err("web page")),
        (b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">", Err("Excel 2003")),
        (b"id\ttitle\n", Err("tab-separated")),
        (b"\xFF\xFEi\0d\0\t\0t\0i\0t\0l\0e\0\n\0", Err("tab-separated")),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", Err("MHTML")),
        (b"<TR><TD>id</TD></TR>", Err("web page")),
        (b"\x09\x08\x08\x00\x00\x05\x05\x00", Err("Excel 5")),
        (b"id,title\n", Err("comma-separated")),
    ] {
        for name in ["a.xls", "a.xlsx"] {
            match (detect_format(name, bytes, &options), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{name}"),
                (Err(FileError::Content(reason)), Err(word)) => {
                    assert!(reason.detail.contains(word), "{}", reason.detail);
                }
                (found, _) => panic!("{name} {found:?}"),
            }
        }
    }
}
