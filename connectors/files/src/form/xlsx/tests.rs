use std::io::Write as _;

use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::options;

const SHEET: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="D1" t="inlineStr"><is><t>内&amp;容</t></is></c></row>"#;

fn workbook(rows: &str, workbook_extra: &str) -> Arc<File> {
    let mut archive = ZipWriter::new(tempfile::tempfile().unwrap());
    let sheet = format!(
        "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{rows}</sheetData></worksheet>"
    );
    let strings = "<sst><si><t>编号</t></si><si><r><t>时</t></r><r><t xml:space=\"preserve\">间 </t></r><rPh><t>x</t></rPh></si><si/><si><t>a_x000D_\nb</t></si></sst>";
    let book = format!(
        "<workbook xmlns:r=\"u\">{workbook_extra}<sheets><sheet name=\"一\" r:id=\"rId7\"/><sheet name=\"二\" r:id=\"rId8\"/></sheets></workbook>"
    );
    for (name, text) in [
        ("xl/workbook.xml", book.as_str()),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"rId8\" Target=\"worksheets/no.xml\"/><Relationship Id=\"rId7\" Target=\"worksheets/one.xml\"/></Relationships>",
        ),
        ("xl/sharedStrings.xml", strings),
        ("xl/worksheets/one.xml", &sheet),
    ] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    Arc::new(archive.finish().unwrap())
}

fn trees(rows: &str) -> Vec<(String, Value)> {
    let mut xlsx =
        Xlsx::open(workbook(rows, ""), &options::of_tests()).unwrap_or_else(|e| panic!("{e:?}"));
    std::iter::from_fn(|| xlsx.next().unwrap()).map(|row| (row.at, row.tree)).collect()
}

#[test]
fn every_kind_of_cell_is_text_as_the_file_holds_it() {
    let rows = format!(
        "{SHEET}<row r=\"2\"/><row r=\"3\"><c r=\"A3\"><v>13800004567</v></c><c r=\"B3\" s=\"4\"><v>46304.4375</v></c>\
         <c r=\"C3\" t=\"b\"><v>1</v></c><c r=\"D3\" t=\"s\"><v>3</v></c></row>\
         <row r=\"4\"><c t=\"str\"><v>W&lt;2</v></c><c><v>1.3800004567E10</v></c><c r=\"D4\" t=\"e\"><v>#N/A</v></c></row>"
    );
    let found = trees(&rows);
    assert_eq!(found[0].0, "row 3");
    assert_eq!(
        found[0].1,
        json!({ "编号": "13800004567", "时间": "46304.4375", "内&容": "a_x000D_\nb" })
    );
    assert_eq!(found[1].1, json!({ "编号": "W<2", "时间": "13800004567", "内&容": "#N/A" }));
}

#[test]
fn rows_with_formats_only_are_skipped() {
    let blank = (2..65_202).map(|n| format!("<row r=\"{n}\"><c r=\"A{n}\" s=\"3\"/></row>"));
    let rows = format!("{SHEET}{}", blank.collect::<String>());
    assert!(trees(&rows).is_empty());
}

#[test]
fn a_file_that_is_not_a_workbook_is_refused() {
    let said = |file: Arc<File>| match Xlsx::open(file, &options::of_tests()).err() {
        Some(Broken::Content(reason)) => reason.code.into_owned(),
        _ => panic!("taken"),
    };
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a,b\n1,2").unwrap();
    assert_eq!(said(Arc::new(file)), "bad_workbook");
    let wrong_string = format!("{SHEET}<row><c r=\"A2\" t=\"s\"><v>99</v></c></row>");
    assert_eq!(said(workbook("", "<workbookPr date1904=\"1\"/>")), "dates_from_1904");
    assert_eq!(said(workbook("", "")), "unknown_header");
    let mut xlsx = Xlsx::open(workbook(&wrong_string, ""), &options::of_tests())
        .unwrap_or_else(|e| panic!("{e:?}"));
    assert!(matches!(xlsx.next(), Err(Broken::Content(_))));
}

#[test]
fn a_flag_of_1904_is_not_lost_to_a_later_element_of_the_same_name() {
    let extra =
        "<workbookPr date1904=\"1\"/><extLst><ext><x15:workbookPr xmlns:x15=\"u\"/></ext></extLst>";
    match Xlsx::open(workbook("", extra), &options::of_tests()).err() {
        Some(Broken::Content(reason)) => assert_eq!(reason.code, "dates_from_1904"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_would_fill_the_memory_are_refused_early() {
    let said = |parts: &[(&str, &str)]| {
        let mut archive = ZipWriter::new(tempfile::tempfile().unwrap());
        let book = "<workbook xmlns:r=\"u\"><sheets><sheet r:id=\"a\"/></sheets></workbook>";
        let relation = "<Relationships><Relationship Id=\"a\" Target=\"s.xml\"/></Relationships>";
        let fixed = [("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", relation)];
        for (name, text) in fixed.iter().chain(parts) {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        let mut form = options::of_tests();
        form.config.limits.ratio = 10_000;
        let file = Arc::new(archive.finish().unwrap());
        match Xlsx::open(file, &form).and_then(|mut xlsx| xlsx.next()) {
            Err(Broken::Content(reason)) => reason.code.into_owned(),
            other => panic!("{other:?}"),
        }
    };
    let long = "x".repeat(5 << 20);
    let sheet = "<worksheet><sheetData/></worksheet>";
    let texts = |text: &str| format!("<sst uniqueCount=\"99999999999\">{text}</sst>");
    let row = |row: &str| format!("<worksheet><sheetData>{row}</sheetData></worksheet>");
    let in_sheet = |text: &str| [("xl/s.xml", row(text))];
    for parts in [
        // One text, one attribute, one comment, or a row of many texts.
        in_sheet(&format!("<row><c t=\"str\"><v>{long}</v></c></row>")),
        in_sheet(&format!("<row x=\"{long}\"/>")),
        in_sheet(&format!("<!--{long}-->")),
        in_sheet(&format!(
            "<row>{}</row>",
            format!("<c t=\"str\"><v>{}</v></c>", &long[..1 << 20]).repeat(5)
        )),
        in_sheet(&format!(
            "<row><c t=\"inlineStr\"><is>{}</is></c></row>",
            format!("<t>{}</t>", &long[..1 << 20]).repeat(5)
        )),
    ] {
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, &**text)).collect();
        assert_eq!(said(&parts), "too_large");
    }
    for text in [format!("<si><t>{long}</t></si>"), "<si/>".repeat((4 << 20) + 1)] {
        assert_eq!(
            said(&[("xl/sharedStrings.xml", &texts(&text)), ("xl/s.xml", sheet)]),
            "too_large"
        );
    }
    // Texts that are only declared cost nothing.
    assert_eq!(
        said(&[("xl/sharedStrings.xml", &texts("<si/>")), ("xl/s.xml", sheet)]),
        "unknown_header"
    );
    let far = row("<row r=\"1048576\"><c r=\"XFE1\" t=\"str\"><v>x</v></c></row>");
    assert_eq!(said(&[("xl/s.xml", &far)]), "bad_workbook");
}

#[test]
fn references_to_characters_are_read_in_every_kind_of_cell() {
    let rows = format!(
        "{SHEET}<row r=\"2\"><c r=\"A2\" t=\"str\"><v>&#x5F20;&#19977;</v></c>\
         <c r=\"B2\" t=\"inlineStr\"><is><t>&#x8BC9;&amp;</t></is></c></row>"
    );
    assert_eq!(trees(&rows)[0].1, json!({ "编号": "张三", "时间": "诉&", "内&容": "" }));
}

#[test]
fn whole_numbers_lose_their_point_and_exponent() {
    for (text, expected) in [
        ("46304.4375", "46304.4375"),
        ("1.3800004567E10", "13800004567"),
        ("340202", "340202"),
        ("12.0", "12"),
        ("0.1", "0.1"),
        ("1E-3", "0.001"),
        ("", ""),
        ("x", "x"),
    ] {
        assert_eq!(plain_number(text), expected);
    }
}
