//! A workbook of one sheet, as small as a spreadsheet will open.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Rows of texts as an .xlsx. Characters that XML cannot hold are written as Excel escapes them.
pub(super) fn write(rows: &[Vec<String>]) -> Vec<u8> {
    let mut sheet = format!("{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>");
    for (n, row) in rows.iter().enumerate() {
        sheet.push_str(&format!("<row r=\"{}\">", n + 1));
        for cell in row {
            match cell.parse::<f64>() {
                Ok(_) if is_number(cell) => sheet.push_str(&format!("<c><v>{cell}</v></c>")),
                _ => {
                    sheet.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
                    sheet.push_str(&escaped(cell));
                    sheet.push_str("</t></is></c>");
                }
            }
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let parts = [
        ("[Content_Types].xml", CONTENT_TYPES.to_owned()),
        (
            "_rels/.rels",
            format!(
                "{HEAD}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"诉求\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "{HEAD}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        // Writing to memory cannot fail.
        let _ = archive.start_file(name, SimpleFileOptions::default());
        let _ = archive.write_all(text.as_bytes());
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Long numbers would be written with an exponent: those are texts.
fn is_number(cell: &str) -> bool {
    cell.len() <= 10 && cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn escaped(cell: &str) -> String {
    let mut text = String::new();
    for character in cell.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\r' => text.push_str("_x000D_"),
            '\t' | '\n' => text.push(character),
            control if control.is_control() => {
                text.push_str(&format!("_x{:04X}_", u32::from(control)))
            }
            other => text.push(other),
        }
    }
    text
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const CONTENT_TYPES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/></Types>";
