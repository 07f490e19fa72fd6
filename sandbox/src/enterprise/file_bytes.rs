//! Encodes appeals as the bytes of a file: CSV in several charsets, or a workbook.

use std::io::{Cursor, Write as _};

use encoding_rs::GB18030;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::EnterpriseQuirk as Quirk;
use super::appeal::Appeal;

/// The columns of the platform's export.
const COLUMNS: &str = "诉求编号,诉求企业代码,企业名称,企业类型,联系人,联系电话,诉求标题,诉求类型,诉求内容,\
                       期望时间,提交时间,来源,状态,退回原因,承办单位,满意度,派发时间,受理时间,\
                       办结时间,催办次数";
/// Columns that have other names with [`Quirk::Drift`].
const RENAMED: [(&str, &str); 6] = [
    ("诉求编号", "编号"),
    ("诉求标题", "标题"),
    ("诉求类型", "类型"),
    ("诉求内容", "内容"),
    ("提交时间", "提交日期"),
    ("状态", "诉求状态"),
];
/// Stands for the content of a row with [`Quirk::Poison`] until the text is encoded with invalid bytes.
const POISON: char = '\u{F8FF}';

/// The names of the columns.
pub(super) fn columns() -> Vec<&'static str> {
    COLUMNS.split(',').collect()
}

/// The bytes of a file with these appeals and quirks, and its number of rows. [`Quirk::BrokenRow`] makes two
/// rows of one.
pub(super) fn encode(appeals: &[Appeal], quirks: &[Quirk]) -> (Vec<u8>, usize) {
    let file_has = |quirk| quirks.contains(&quirk);
    let columns = columns();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    if file_has(Quirk::Drift) {
        order.rotate_left(5);
    }
    if file_has(Quirk::LostColumn) {
        order.retain(|index| columns[*index] != "满意度");
    }
    let name = |column: &'static str| match RENAMED.iter().find(|(usual, _)| *usual == column) {
        Some((usual, _)) if *usual == "诉求编号" && file_has(Quirk::UnknownHeader) => "流水",
        Some((_, renamed)) if file_has(Quirk::Drift) => renamed,
        _ => column,
    };
    let header = order.iter().map(|index| name(columns[*index]).to_owned()).collect();
    let mut rows: Vec<Vec<String>> = vec![header];
    for appeal in appeals.iter().filter(|_| !file_has(Quirk::NoRows)) {
        let cells = appeal.cells();
        rows.push(order.iter().map(|index| cells[*index].clone()).collect());
    }
    let n_rows = rows.len() - 1;
    if file_has(Quirk::EmptyFile) {
        return (Vec::new(), 0);
    }
    if file_has(Quirk::Workbook) {
        return (workbook(&rows), n_rows);
    }
    let mut text = String::new();
    let mut n_broken = 0;
    let content_column = order.iter().position(|index| columns[*index] == "诉求内容");
    for (row, cells) in rows.iter().enumerate() {
        let appeal = row.checked_sub(1).and_then(|index| appeals.get(index));
        let row_has = |quirk| appeal.is_some_and(|appeal| appeal.quirks.contains(&quirk));
        for (column, cell) in cells.iter().enumerate() {
            if column > 0 {
                text.push(',');
            }
            if Some(column) == content_column && row_has(Quirk::BrokenRow) {
                text.push_str("断行\r\n");
                n_broken += 1;
            } else if Some(column) == content_column && row_has(Quirk::Poison) {
                text.push(POISON);
            } else {
                push_cell(&mut text, cell);
            }
        }
        text.push_str(if file_has(Quirk::Trailing) { ";\r\n" } else { "\r\n" });
    }
    (encode_text(&text, quirks), n_rows + n_broken)
}

/// Appends a cell of a CSV file, in quotes if necessary.
fn push_cell(text: &mut String, cell: &str) {
    if cell.contains([',', '"', '\n', '\r', ';']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}

fn encode_text(text: &str, quirks: &[Quirk]) -> Vec<u8> {
    if quirks.contains(&Quirk::Utf16) {
        // In UTF-16, an unpaired surrogate is invalid.
        let units = text.encode_utf16().map(|unit| if unit == 0xF8FF { 0xD800 } else { unit });
        return [0xFF, 0xFE].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect();
    }
    let mut bytes = Vec::new();
    let is_utf8 = quirks.contains(&Quirk::Utf8);
    if is_utf8 {
        bytes.extend([0xEF, 0xBB, 0xBF]);
    }
    for (n, part) in text.split(POISON).enumerate() {
        if n > 0 {
            bytes.extend([0xC8, 0xBA, 0xFF, 0xFF]);
        }
        if is_utf8 {
            bytes.extend(part.as_bytes());
        } else {
            bytes.extend_from_slice(&GB18030.encode(part).0);
        }
    }
    bytes
}

/// A workbook with one sheet, and only the parts that spreadsheet programs need. Characters that XML
/// cannot contain are escaped as Excel does.
fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut sheet = String::new();
    for (n, row) in rows.iter().enumerate() {
        sheet.push_str(&format!("<row r=\"{}\">", n + 1));
        for cell in row {
            if is_number(cell) {
                sheet.push_str(&format!("<c><v>{cell}</v></c>"));
            } else {
                sheet.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
                sheet.push_str(&escape(cell));
                sheet.push_str("</t></is></c>");
            }
        }
        sheet.push_str("</row>");
    }
    let sheet = include_str!("workbook/sheet.xml").replace("ROWS", &sheet);
    let parts = [
        ("[Content_Types].xml", include_str!("workbook/content_types.xml")),
        ("_rels/.rels", include_str!("workbook/rels.xml")),
        ("xl/workbook.xml", include_str!("workbook/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", include_str!("workbook/workbook_rels.xml")),
        ("xl/worksheets/sheet1.xml", &sheet),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        // Writing to memory cannot fail.
        let _ = archive.start_file(name, SimpleFileOptions::default());
        let _ = archive.write_all(text.as_bytes());
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Whether a workbook has this cell as a number. Long numbers are texts, because spreadsheet programs would
/// show them with an exponent.
fn is_number(cell: &str) -> bool {
    let is_short = cell.len() <= 10 && cell.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_short && cell.parse::<f64>().is_ok()
}

/// The cell as XML text.
fn escape(cell: &str) -> String {
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
