//! Measures the memory for large files. Only the memory of a whole process can be measured, so this
//! test has its own binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod drop;

use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

use connector_testkit::peak_memory;
use contract::Connector as _;
use drop::Folder;
use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

/// Maximum memory of the process, in bytes.
const LIMIT: u64 = 100 << 20;
const COLUMNS: usize = 16;

/// Reads the folder to its end. Returns the number of records.
async fn count(folder: &Folder) -> usize {
    let (mut files, mut at, mut n_records) = (folder.files(), None, 0);
    loop {
        let batch = files.read(at.as_ref(), 500).await.unwrap();
        assert!(batch.trouble.is_empty(), "{:?}", batch.trouble);
        n_records +=
            batch.entries.iter().filter(|e| matches!(e, contract::Entry::Record(_))).count();
        files.settled(&batch.upto).await.unwrap();
        if batch.end.is_some() {
            return n_records;
        }
        at = Some(batch.upto);
    }
}

#[tokio::test]
async fn half_a_gigabyte_of_csv_and_a_sheet_of_empty_formatted_rows_stay_below_a_hundred_megabytes()
{
    let folder = Folder::new().without_manifests();
    write_formatted_sheet(&folder);
    assert_eq!(count(&folder).await, 495);
    assert!(peak_memory() < LIMIT, "{} MiB for the sheet", peak_memory() >> 20);

    let folder = Folder::new().without_manifests();
    let n_rows = write_large_csv(&folder);
    assert_eq!(count(&folder).await, n_rows);
    assert!(peak_memory() < LIMIT, "{} MiB for the file", peak_memory() >> 20);

    for (name, [before, record, between, after], key) in [
        ("F_20261009103000.json", ["[", "{'t':'\u{1}','id':'#'}", ",", "]"], "$.id"),
        ("F_20261009103000.xml", ["<a>", "<r t='\u{1}' id='#'/>", "", "</a>"], "$['@id']"),
    ] {
        let settings = json!({ "force": "utf-8", "malformed": "accept", "key": key });
        let folder = Folder::new().without_manifests().with(settings);
        let mut file = BufWriter::new(File::create(folder.path.join(name)).unwrap());
        write!(file, "{before}").unwrap();
        for n in 0..N_DAMAGED {
            // All in one line, and each record begins with a byte that is not valid.
            let text = record.replace('\'', "\"").replace('#', &format!("k{n}"));
            let (start, end) = text.split_once('\u{1}').unwrap();
            file.write_all(if n > 0 { between.as_bytes() } else { b"" }).unwrap();
            file.write_all(&[start.as_bytes(), b"\xff", end.as_bytes()].concat()).unwrap();
        }
        write!(file, "{after}").unwrap();
        file.into_inner().unwrap();
        assert_eq!(count(&folder).await, N_DAMAGED);
        assert!(peak_memory() < LIMIT, "{} MiB for {name}", peak_memory() >> 20);
    }
}

/// The number of records with damage.
const N_DAMAGED: usize = 50_000;

/// Writes a sheet that has 495 rows with long texts, and empty formatted rows down to row 65,202.
fn write_formatted_sheet(folder: &Folder) {
    let mut archive = ZipWriter::new(File::create(folder.path.join(".part")).unwrap());
    let start = |archive: &mut ZipWriter<File>, name: &str| {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
    };
    start(&mut archive, "xl/workbook.xml");
    write!(
        archive,
        "<workbook xmlns:r=\"r\"><sheets><sheet name=\"1\" r:id=\"r1\"/></sheets></workbook>"
    )
    .unwrap();
    start(&mut archive, "xl/_rels/workbook.xml.rels");
    write!(
        archive,
        "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    )
    .unwrap();
    start(&mut archive, "xl/sharedStrings.xml");
    write!(archive, "<sst>").unwrap();
    let header = (0..COLUMNS).map(|n| if n == 0 { "id".to_owned() } else { format!("c{n}") });
    let texts = (0..495 * 2).map(|n| format!("{n}{}", "诉求内容".repeat(300)));
    for text in header.chain(texts) {
        write!(archive, "<si><t>{text}</t></si>").unwrap();
    }
    write!(archive, "</sst>").unwrap();
    start(&mut archive, "xl/worksheets/sheet1.xml");
    write!(archive, "<worksheet><dimension ref=\"A1:XFD65202\"/><sheetData>").unwrap();
    for row in 1..=65_202 {
        write!(archive, "<row r=\"{row}\">").unwrap();
        for column in 0..COLUMNS {
            let place = format!("{}{row}", char::from(b'A' + u8::try_from(column).unwrap()));
            match (row, column) {
                (1, _) => write!(archive, "<c r=\"{place}\" t=\"s\"><v>{column}</v></c>"),
                (2..=496, 0 | 1) => {
                    let text = COLUMNS + (row - 2) * 2 + column;
                    write!(archive, "<c r=\"{place}\" t=\"s\"><v>{text}</v></c>")
                }
                _ => write!(archive, "<c r=\"{place}\" s=\"1\"/>"),
            }
            .unwrap();
        }
        write!(archive, "</row>").unwrap();
    }
    write!(archive, "</sheetData></worksheet>").unwrap();
    archive.finish().unwrap();
    std::fs::rename(folder.path.join(".part"), folder.path.join("F_20261009103000.xlsx")).unwrap();
}

/// Writes half a gigabyte of rows of 8 KiB in GB18030. Returns the number of rows.
fn write_large_csv(folder: &Folder) -> usize {
    let mut file = BufWriter::new(File::create(folder.path.join("F_20261009103000.csv")).unwrap());
    let cell = encoding_rs::GB18030.encode(&"企业诉求".repeat(64)).0.into_owned();
    let header: Vec<String> = (0..COLUMNS).map(|n| format!("c{n}")).collect();
    writeln!(file, "id,{}", header.join(",")).unwrap();
    let (mut n_rows, mut n_bytes) = (0, 0);
    while n_bytes < 500 << 20 {
        write!(file, "k{n_rows}").unwrap();
        for _ in 0..COLUMNS {
            file.write_all(b",\"").unwrap();
            file.write_all(&cell).unwrap();
            file.write_all(b"\"").unwrap();
        }
        file.write_all(b"\n").unwrap();
        n_bytes += COLUMNS * (cell.len() + 3) + 8;
        n_rows += 1;
    }
    file.into_inner().unwrap();
    n_rows
}
