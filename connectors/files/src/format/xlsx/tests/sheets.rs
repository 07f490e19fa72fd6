//! Which sheet of a workbook is read.

use super::*;

fn table(key: &str) -> String {
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: [&str; 2]| format!("<row>{}</row>", cells.map(cell).concat());
    format!("{}{}", row(["编号", "标题"]), row([key, "题"]))
}

/// A workbook with these sheets: the name, `hidden` or not, and the rows.
fn sheets(sheets: &[(&str, &str, &str)]) -> Arc<File> {
    let (mut names, mut relations, mut parts) = (String::new(), String::new(), String::new());
    for (number, (name, state, rows)) in sheets.iter().enumerate() {
        names += &format!("<sheet name=\"{name}\" state=\"{state}\" r:id=\"r{number}\"/>");
        let kind = if name.starts_with("图") { "chartsheet" } else { "worksheet" };
        relations +=
            &format!("<Relationship Id=\"r{number}\" Type=\"x/{kind}\" Target=\"s{number}.xml\"/>");
        parts +=
            &format!("xl/s{number}.xml <worksheet><sheetData>{rows}</sheetData></worksheet>\n");
    }
    package(&format!(
        "xl/workbook.xml <workbook xmlns:r=\"r\"><sheets>{names}</sheets></workbook>\n\
         xl/_rels/workbook.xml.rels <Relationships>{relations}</Relationships>\n{parts}"
    ))
}

fn read_sheet(file: Arc<File>, name: Option<&str>) -> Result<String, String> {
    let mut options = options::for_tests();
    options.config.sheet = name.map(str::to_owned);
    Ok(read(file, &options)?.concat())
}

#[test]
fn the_only_visible_table_is_read() {
    let (old, new) = (table("OLD"), table("NEW"));
    let note = "<row><c t=\"str\"><v>请勿修改表头</v></c></row>".repeat(3);
    for book in [
        &[("旧", "hidden", &*old), ("工单", "visible", &*new)][..],
        &[("旧", "veryHidden", &old), ("工单", "", &new)],
        &[("说明", "visible", &note), ("工单", "visible", &new), ("Sheet3", "visible", "")],
        &[("图表", "visible", &old), ("工单", "visible", &new)],
    ] {
        let found = read_sheet(sheets(book), None).unwrap_or_else(|e| panic!("{e}: {book:?}"));
        assert!(found.contains("NEW") && !found.contains("OLD"), "{found}: {book:?}");
    }
}

#[test]
fn a_second_table_is_never_lost_without_a_word() {
    let (one, two) = (table("A"), table("B"));
    let book = || {
        sheets(&[("工单", "visible", &one), ("工单续", "visible", &two), ("码", "hidden", &two)])
    };
    let error = read_sheet(book(), None).unwrap_err();
    assert!(error.contains("several_sheets") && error.contains("`工单`, `工单续`;"), "{error}");
    for (name, key) in [("工单", "A"), ("工单续", "B"), ("码", "B"), ("*续", "B")] {
        assert!(read_sheet(book(), Some(name)).unwrap().contains(key), "{name}");
    }
    let error = read_sheet(book(), Some("诉求")).unwrap_err();
    assert!(error.contains("no sheet `诉求`") && error.contains("`码` (hidden)"), "{error}");
    let error = read_sheet(sheets(&[("旧", "hidden", &one)]), None).unwrap_err();
    assert!(error.contains("no visible sheet") && error.contains("`旧` (hidden)"), "{error}");
    assert!(read_sheet(book(), Some("工单*")).unwrap_err().contains("several_sheets"));
}
