//! Cells of every type, and the text that is read from them.

mod packages;
mod refusals;
mod sheets;

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
        "<workbook xmlns:r=\"u\">{workbook_extra}<sheets><sheet name=\"一\" r:id=\"rId7\"/><sheet name=\"二\" state=\"hidden\" r:id=\"rId8\"/></sheets></workbook>"
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

/// A workbook with these parts, each in a line: its name, a blank, and its content.
fn package(parts: &str) -> Arc<File> {
    let mut archive = ZipWriter::new(tempfile::tempfile().unwrap());
    for (name, text) in parts.lines().filter_map(|line| line.trim().split_once(' ')) {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    Arc::new(archive.finish().unwrap())
}

/// All records of a workbook as JSON, or the code of the error.
fn read(file: Arc<File>, options: &Options) -> Result<Vec<String>, String> {
    let code = |error| match error {
        FileError::Content(reason) => format!("{}: {}", reason.code, reason.detail),
        FileError::Disk(error) => panic!("{error}"),
    };
    let mut next_row = open(file, options).map_err(code)?;
    let mut records = Vec::new();
    while let Some(row) = next_row().map_err(code)? {
        records.extend((!row.is_title).then(|| row.tree.to_string()));
    }
    Ok(records)
}

fn trees(rows: &str) -> Vec<(String, Value)> {
    let mut next_row =
        open(workbook(rows, ""), &options::for_tests()).unwrap_or_else(|e| panic!("{e:?}"));
    std::iter::from_fn(|| next_row().unwrap()).map(|row| (row.at, row.tree)).collect()
}

#[test]
fn a_cell_of_any_type_is_read_as_the_text_in_the_file() {
    let rows = format!(
        "{SHEET}<row r=\"2\"/><row r=\"3\"><c r=\"A3\"><v>13800004567</v></c><c r=\"B3\" s=\"4\"><v>46304.4375</v></c>\
         <c r=\"C3\" t=\"b\"><v>1</v></c><c r=\"D3\" t=\"s\"><v>3</v></c></row>\
         <row r=\"4\"><c t=\"str\"><v>W&lt;2</v></c><c><v>1.3800004567E10</v></c><c r=\"D4\" t=\"e\"><v>#N/A</v></c></row>"
    );
    let found = trees(&rows);
    assert_eq!(found[0].0, "row 3");
    assert_eq!(
        found[0].1,
        json!({ "编号": "13800004567", "时间": "46304.4375", "内&容": "a\r\nb" })
    );
    assert_eq!(found[1].1, json!({ "编号": "W<2", "时间": "13800004567", "内&容": "#N/A" }));
}

#[test]
fn rows_of_empty_formatted_cells_are_skipped() {
    let blank = (2..65_202).map(|n| format!("<row r=\"{n}\"><c r=\"A{n}\" s=\"3\"/></row>"));
    let rows = format!("{SHEET}{}", blank.collect::<String>());
    assert!(trees(&rows).is_empty());
}

#[test]
fn character_references_are_resolved_in_cells_of_every_type() {
    let rows = format!(
        "{SHEET}<row r=\"2\"><c r=\"A2\" t=\"str\"><v>&#x5F20;&#19977;</v></c>\
         <c r=\"B2\" t=\"inlineStr\"><is><t>&#x8BC9;&amp;</t></is></c></row>"
    );
    assert_eq!(trees(&rows)[0].1, json!({ "编号": "张三", "时间": "诉&", "内&容": "" }));
}

#[test]
fn escapes_of_forbidden_characters_are_decoded() {
    for (written, expected) in [
        ("a_x000D_\nb", "a\r\nb"),
        ("_x005F_x000D_", "_x000D_"),
        ("_xd83d__xDE00_", "😀"),
        ("诉_x8BC9_求", "诉诉求"),
        ("_x00D_ _x00zz_ _X000D_ _x000D _x", "_x00D_ _x00zz_ _X000D_ _x000D _x"),
        ("张_x三四五六_", "张_x三四五六_"),
    ] {
        assert_eq!(shared::unescaped(written.to_owned()), expected);
        for cell in [
            format!("<c t=\"str\"><v>{written}</v></c>"),
            format!("<c t=\"inlineStr\"><is><t>{written}</t></is></c>"),
            format!("<c><is><r><t>{written}</t></r><rPh><t>x</t></rPh></is></c>"),
            format!("<c t=\"str\"><f>A1</f><v><![CDATA[{written}]]></v></c>"),
        ] {
            let found = trees(&format!("{SHEET}<row r=\"2\">{cell}</row>"));
            assert_eq!(found[0].1["编号"], expected, "{cell}");
        }
    }
}

#[test]
fn cells_that_lost_their_value_are_doubtful() {
    let rows = format!(
        "{SHEET}<row r=\"2\"><c r=\"A2\" t=\"e\"><f>B9</f><v>#REF!</v></c><c r=\"B2\"><f>X()</f><v/></c>\
         <c r=\"D2\" t=\"s\"><v>99</v></c></row>\
         <row r=\"3\"><c r=\"A3\" t=\"s\"><v>x</v></c><c r=\"B3\" t=\"str\"><f>\"\"</f><v></v></c></row>"
    );
    let mut next_row = open(workbook(&rows, ""), &options::for_tests()).ok().unwrap();
    let mut doubts = || {
        let doubts = next_row().unwrap().unwrap().doubts.into_iter();
        doubts.map(|(field, doubt)| format!("{field} {doubt:?}")).collect::<Vec<_>>()
    };
    let found = doubts();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("编号 Lost") && found[2].contains("text that the workbook lacks"));
    assert_eq!(doubts().len(), 1);
}
