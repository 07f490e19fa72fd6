//! A file's bytes: which columns, in which charset, how lines end.

use std::io::{Cursor, Write as _};

use encoding_rs::GB18030;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::EnterpriseFault as Fault;
use super::appeal::Appeal;

/// The columns of the platform's export.
pub(super) const COLUMNS: [&str; 16] = [
    "诉求编号",
    "诉求企业代码",
    "企业名称",
    "企业类型",
    "联系人",
    "联系电话",
    "诉求标题",
    "诉求类型",
    "诉求内容",
    "期望时间",
    "提交时间",
    "来源",
    "状态",
    "退回原因",
    "承办单位",
    "满意度",
];
/// The same after an upgrade.
const DRIFTED: [&str; 16] = [
    "编号",
    "诉求企业代码",
    "企业名称",
    "企业类型",
    "联系人",
    "联系电话",
    "标题",
    "类型",
    "内容",
    "期望时间",
    "提交日期",
    "来源",
    "诉求状态",
    "退回原因",
    "承办单位",
    "满意度",
];
/// What stands in the place of the content of a poisoned row until the text is bytes.
const POISON: char = '\u{F8FF}';

/// A file, and how many records stand in it.
pub(super) struct Form {
    pub(super) bytes: Vec<u8>,
    pub(super) n_rows: usize,
}

/// Writes appeals as a file in which `faults` strike.
pub(super) fn write(appeals: &[&Appeal], faults: &[Fault]) -> Form {
    let has = |fault| faults.contains(&fault);
    let mut order: Vec<usize> = (0..COLUMNS.len()).collect();
    if has(Fault::Drift) {
        order.rotate_left(5);
    }
    if has(Fault::LostColumn) {
        order.retain(|place| COLUMNS[*place] != "满意度");
    }
    let header: Vec<String> = order
        .iter()
        .map(|place| match COLUMNS[*place] {
            "诉求编号" if has(Fault::UnknownHeader) => "流水",
            _ if has(Fault::Drift) => DRIFTED[*place],
            name => name,
        })
        .map(str::to_owned)
        .collect();
    let mut rows = vec![header];
    for appeal in appeals.iter().filter(|_| !has(Fault::NoRows)) {
        let cells = appeal.cells();
        rows.push(order.iter().map(|place| cells[*place].clone()).collect());
    }
    let n_rows = rows.len() - 1;
    if has(Fault::EmptyFile) {
        return Form { bytes: Vec::new(), n_rows: 0 };
    }
    if has(Fault::Workbook) {
        return Form { bytes: workbook(&rows), n_rows };
    }
    let mut text = String::new();
    let mut n_broken = 0;
    for (row, cells) in rows.iter().enumerate() {
        let appeal = row.checked_sub(1).and_then(|at| appeals.get(at));
        let is = |fault| appeal.is_some_and(|appeal| appeal.faults.contains(&fault));
        let place_of_content = order.iter().position(|place| COLUMNS[*place] == "诉求内容");
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            if Some(place) == place_of_content && is(Fault::BrokenRow) {
                text.push_str("断行\r\n");
                n_broken += 1;
            } else if Some(place) == place_of_content && is(Fault::Poison) {
                text.push(POISON);
            } else {
                push_cell(&mut text, cell);
            }
        }
        text.push_str(if has(Fault::Trailing) { ";\r\n" } else { "\r\n" });
    }
    Form { bytes: encoded(&text, faults), n_rows: n_rows + n_broken }
}

fn push_cell(text: &mut String, cell: &str) {
    if cell.contains([',', '"', '\n', '\r', ';']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}

fn encoded(text: &str, faults: &[Fault]) -> Vec<u8> {
    if faults.contains(&Fault::Utf16) {
        // Half of a surrogate pair is no text there.
        let units = text.encode_utf16().map(|unit| if unit == 0xF8FF { 0xD800 } else { unit });
        return [0xFF, 0xFE].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect();
    }
    let mut bytes = Vec::new();
    let is_utf8 = faults.contains(&Fault::Utf8);
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

/// Rows of texts as a workbook of one sheet, as small as a spreadsheet will open. Characters that XML cannot hold are written as Excel escapes them.
fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
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
