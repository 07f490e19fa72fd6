//! Reads every format and charset from the folder.

use std::io::Write as _;

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

pub(super) const TIME: &str = "20261009103000";

async fn read(extension: &str, bytes: &[u8], settings: Value) -> Vec<Entry> {
    let folder = Folder::new().without_manifests().with(settings);
    folder.put(&format!("F_{TIME}{extension}"), bytes);
    folder.entries(None, 10).await.0
}

/// The charset of a record, how it was decided, and whether there was a conflict.
fn charset(entry: &Entry) -> (&str, DecidedBy, bool) {
    match entry {
        Entry::Record(record) => {
            (record.text.charset.as_ref(), record.text.decided_by, record.text.conflict)
        }
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}

pub(super) fn workbook(rows: &str) -> Vec<u8> {
    workbook_with_texts("", rows)
}

/// A workbook with these shared texts, which cells in the rows may refer to.
pub(super) fn workbook_with_texts(texts: &str, rows: &str) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let relation =
        "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/></Relationships>";
    let book =
        "<workbook xmlns:r=\"r\"><sheets><sheet name=\"1\" r:id=\"r1\"/></sheets></workbook>";
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let texts = format!("<sst>{texts}</sst>");
    for (name, text) in [
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relation),
        ("xl/worksheets/sheet1.xml", &sheet),
        ("xl/sharedStrings.xml", &texts),
    ] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub(super) fn row(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| format!("<c t=\"inlineStr\"><is><t>{cell}</t></is></c>"));
    format!("<row>{}</row>", cells.collect::<String>())
}

#[tokio::test]
async fn one_channel_reads_three_charsets_and_says_which() {
    let csv = "id,title\nW1,张䶮\n";
    let gb = encoding_rs::GB18030.encode(csv).0.into_owned();
    let bom = [&[0xEF, 0xBB, 0xBF], csv.as_bytes()].concat();
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(csv.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (bytes, expected) in [
        (gb, ("GB18030", DecidedBy::Declared, false)),
        (bom, ("UTF-8", DecidedBy::Bom, true)),
        (utf16, ("UTF-16LE", DecidedBy::Bom, true)),
    ] {
        let entries = read(".csv", &bytes, json!({})).await;
        assert_eq!(body(&entries[0]), &json!({ "id": "W1", "title": "张䶮" }));
        assert_eq!(charset(&entries[0]), expected);
    }
    let forced = read(".csv", csv.as_bytes(), json!({ "force": "utf-8" })).await;
    assert_eq!(charset(&forced[0]), ("UTF-8", DecidedBy::Forced, true));
}

#[tokio::test]
async fn every_format_gives_the_same_record() {
    let book = workbook(&format!("{}{}", row(&["id", "title"]), row(&["W1", "题"])));
    let mut packed = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    packed.start_file("folder/a.jsonl", SimpleFileOptions::default()).unwrap();
    packed.write_all("{\"id\":\"W1\",\"title\":\"题\"}\n".as_bytes()).unwrap();
    let packed = packed.finish().unwrap().into_inner();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all("id,title\nW1,题\n".as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    for (extension, bytes) in [
        (".csv", "id,title\nW1,题\n".as_bytes()),
        (".csv.gz", &gz),
        (".xlsx", &book),
        (".xls", include_bytes!("../fixtures/two-columns.xls")),
        (".jsonl", "{\"id\":\"W1\",\"title\":\"题\"}\n".as_bytes()),
        (".json", "[{\"id\":\"W1\",\"title\":\"题\"}]".as_bytes()),
        (".zip", &packed),
    ] {
        let entries = read(extension, bytes, json!({})).await;
        assert_eq!(body(&entries[0]), &json!({ "id": "W1", "title": "题" }), "{extension}");
        assert_eq!(entries.len(), 1, "{extension}");
    }
    let xml = "<a><r><id>W1</id><title>题</title></r></a>".as_bytes();
    let entries = read(".xml", xml, json!({ "key": "$.id[0]['$text']" })).await;
    assert_eq!(keys(&entries), ["W1"]);
}

#[tokio::test]
async fn unknown_formats_and_archive_bombs_go_to_quarantine() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b'x'; 4 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    for (extension, bytes, reason) in [
        (".pdf", &b"%PDF"[..], "unknown_format"),
        (".zip", b"PK", "bad_archive"),
        (".xlsx", b"PK", "bad_workbook"),
        (".xls", b"x", "bad_workbook"),
        (".csv.gz", &bomb, "too_large"),
        (".xml", b"<a><r>", "truncated"),
    ] {
        let entries = read(extension, bytes, json!({})).await;
        assert_eq!(refusals(&entries), [(format!("F_{TIME}{extension}"), reason.to_owned())]);
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(b"no,header\na,1\n").unwrap();
    let entries = read(".csv.gz", &packed.finish().unwrap(), json!({})).await;
    assert_eq!(refusals(&entries)[0].0, format!("F_{TIME}.csv.gz"), "the whole file is refused");
    let entries = read(".json", b"7", json!({})).await;
    assert_eq!(refusals(&entries), [(format!("F_{TIME}.json, line 1"), "bad_json".to_owned())]);
}

#[tokio::test]
async fn a_member_that_is_given_twice_is_flagged() {
    let text = "{\"id\":\"W1\",\"title\":\"1\",\"title\":\"2\"}\n{\"id\":\"W2\",\"id\":\"W3\"}\n";
    let entries = read(".jsonl", text.as_bytes(), json!({})).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    let [flag] = &record.text.flags[..] else { panic!("{record:?}") };
    assert!(flag.field == "title" && flag.detail.contains("occurs twice"), "{flag:?}");
    assert_eq!(body(&entries[0]), &json!({ "id": "W1", "title": "2" }));
    let Entry::Unreadable { reason, .. } = &entries[1] else { panic!("{entries:?}") };
    assert_eq!(reason.detail, "the value at $.id has a name that occurs twice");
}

#[tokio::test]
async fn an_escape_is_decoded_once() {
    let text = "a_x000D_\nb_x0007_，字面_x005F_x000D_";
    let book = workbook(&format!("{}{}", row(&["id", "title"]), row(&["W1", text])));
    let entries = read(".xlsx", &book, json!({})).await;
    assert_eq!(body(&entries[0])["title"], "a\r\nb\u{7}，字面_x000D_");
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert!(record.text.is_unescaped);
    let entries = read(".csv", b"id,title\nW1,a_x000D_\n", json!({})).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert!(!record.text.is_unescaped, "what another source means is another matter");
}

#[tokio::test]
async fn rows_in_which_nobody_sees_anything_are_no_records() {
    let text = "id,title\nW1,x\n \t\n\u{3000},\u{A0}\n,\n\u{1A}";
    assert_eq!(keys(&read(".csv", text.as_bytes(), json!({})).await), ["W1"]);
    let rows = [["id", "title"], ["W1", "x"], [" ", "\u{3000}"], ["", ""], ["W2", "y"]];
    let rows: String = rows.iter().map(|cells| row(cells)).collect();
    assert_eq!(keys(&read(".xlsx", &workbook(&rows), json!({})).await), ["W1", "W2"]);
}

#[tokio::test]
async fn a_file_of_no_bytes_is_an_export_without_records_only_if_it_is_text() {
    for extension in [".csv", ".json"] {
        assert!(read(extension, b"", json!({})).await.is_empty(), "{extension}");
    }
    for extension in [".zip", ".csv.gz", ".xml", ".xlsx"] {
        let entries = read(extension, b"", json!({})).await;
        assert_eq!(refusals(&entries)[0].1, "empty_file", "{extension}");
    }
    let entries = read(
        ".zip",
        &ZipWriter::new(std::io::Cursor::new(Vec::new())).finish().unwrap().into_inner(),
        json!({}),
    )
    .await;
    assert_eq!(refusals(&entries)[0].1, "bad_archive");
    let mut packed = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("a.csv", ""), ("b.csv", "id,title\nW1,x\n"), ("c.xml", "")] {
        packed.start_file(name, SimpleFileOptions::default()).unwrap();
        packed.write_all(text.as_bytes()).unwrap();
    }
    let entries = read(".zip", &packed.finish().unwrap().into_inner(), json!({})).await;
    let places =
        ["a.csv", "c.xml"].map(|name| (format!("F_{TIME}.zip, {name}"), "empty_file".to_owned()));
    assert_eq!(refusals(&entries), places);
    assert_eq!(keys(&entries)[1], "W1");
}

#[tokio::test]
async fn records_of_one_line_have_bytes_of_their_own() {
    for text in ["[{\"no\":1},{\"no\":2,\"t\":\"诉\"}]", "{\"no\":1}{\"no\":2,\"t\":\"诉\"}"] {
        for charset in ["utf-8", "gbk"] {
            let encoding = if charset == "gbk" { encoding_rs::GBK } else { encoding_rs::UTF_8 };
            let (bytes, _, _) = encoding.encode(text);
            let entries = read(".json", &bytes, json!({ "force": charset })).await;
            let found: Vec<usize> = entries
                .iter()
                .map(|entry| match entry {
                    Entry::Unreadable { bytes, .. } => bytes.len(),
                    Entry::Record(_) => panic!("{entry:?}"),
                })
                .collect();
            assert_eq!(found, [8, if charset == "gbk" { 17 } else { 18 }], "{text} {charset}");
        }
    }
}

#[tokio::test]
async fn rows_above_the_header_that_are_records_go_to_quarantine() {
    let text = "月报\nW1,一,x\nW2,二\nid,title,note\nW3,三,x\n";
    let entries = read(".csv", text.as_bytes(), json!({})).await;
    let places =
        ["line 2", "line 3"].map(|at| (format!("F_{TIME}.csv, {at}"), "above_header".to_owned()));
    assert_eq!(refusals(&entries), places);
    assert_eq!(keys(&entries)[2..], ["W3"]);
    let rows = [&["W1", "一"][..], &["id", "title"], &["W2", "二"]].map(row).concat();
    let entries = read(".xlsx", &workbook(&rows), json!({})).await;
    assert_eq!(refusals(&entries)[0].1, "above_header");
    assert_eq!(keys(&entries)[1..], ["W2"]);
}

#[tokio::test]
async fn line_ends_may_be_mixed_and_no_row_becomes_a_part_of_the_header() {
    for ends in ["\r\r\r\n", "\r\r\n\r", "\n\r\r\r", "\r\n\n\r"] {
        let ends: Vec<char> = ends.chars().collect();
        let text =
            format!("id,title{}W1,x{}W2,\"y\rz\"{}W3,x{}", ends[0], ends[1], ends[2], ends[3]);
        let utf16: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for bytes in [text.as_bytes(), &utf16] {
            let entries = read(".csv", bytes, json!({})).await;
            assert_eq!(keys(&entries), ["W1", "W2", "W3"], "{text:?}");
            assert_eq!(body(&entries[1])["title"], "y\rz");
        }
    }
    for separator in ['\u{85}', '\u{2028}', '\u{B}', '\u{C}'] {
        let text = format!("id,题目{separator}W1,路灯{separator}W2,y{separator}");
        let entries = read(".csv", text.as_bytes(), json!({})).await;
        assert_eq!(refusals(&entries)[0].1, "unknown_header", "{separator:?}");
    }
    let columns = (0..20_000).map(|n| format!(",c{n}")).collect::<String>();
    let entries = read(".csv", format!("id{columns}\nW1\n").as_bytes(), json!({})).await;
    assert_eq!(refusals(&entries)[0].1, "unknown_header");
    let entries = read(".csv", "id,\"内\n容\"\nW1,x\n".as_bytes(), json!({})).await;
    assert_eq!(body(&entries[0])["内容"], "x");
}

#[tokio::test]
async fn a_word_that_means_no_value_is_no_value_and_no_key() {
    let text = "id,title,n\n\\N,x,1\nNULL,y,1\na,无,1\nb,NULLS,1\n#N/A,z,1\n1.2E+17,z,1\n";
    let entries = read(".csv", text.as_bytes(), json!({ "null": ["\\N", "NULL", "无"] })).await;
    let codes: Vec<String> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["missing_key"; 4]);
    assert_eq!(body(&entries[2])["title"], Value::Null);
    assert_eq!(body(&entries[3])["title"], "NULLS");
}

#[tokio::test]
async fn the_list_of_a_document_is_read_and_a_missing_one_is_an_error() {
    let text = "{\"code\":0,\"data\":[{\"id\":\"W1\"},{\"id\":\"W2\"}]}";
    let settings = json!({ "records": "$.data" });
    let entries = read(".json", text.as_bytes(), settings.clone()).await;
    assert_eq!(keys(&entries), ["W1", "W2"]);
    let entries = read(".json", b"{\"code\":0,\"rows\":[]}", settings).await;
    assert_eq!(refusals(&entries)[0].1, "bad_json");
}

#[tokio::test]
async fn text_in_an_encoding_that_is_not_read_is_refused_by_its_name() {
    let entries = read(".csv", b"id,title\n1,~{VPND~}\n", json!({})).await;
    let [Entry::Unreadable { reason, .. }] = &entries[..] else { panic!("{entries:?}") };
    assert!(reason.detail.contains("HZ"), "{}", reason.detail);
}

#[tokio::test]
async fn a_damaged_record_is_not_left_out_by_a_condition() {
    let text =
        "{\"id\":\"W1\",\"title\":\"1\"}\n{\"id\":\"W2\",\"tit\n{\"id\":\"X3\",\"title\":\"3\"}\n";
    for (condition, n_entries) in
        [(json!({ "only": { "id": ["W*"] } }), 2), (json!({ "skip": { "id": [""] } }), 3)]
    {
        let entries = read(".jsonl", text.as_bytes(), condition.clone()).await;
        assert_eq!((entries.len(), refusals(&entries).len()), (n_entries, 1), "{condition}");
    }
}
