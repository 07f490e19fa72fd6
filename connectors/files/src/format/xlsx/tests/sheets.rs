//! Which sheet of a workbook is read.

use document::Columns;

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
fn a_message_shows_no_long_number_from_the_name_of_a_sheet() {
    let one = table("A");
    let book = sheets(&[("王 13800001234", "visible", &one), ("李", "visible", &one)]);
    let error = read_sheet(book, None).unwrap_err();
    assert!(error.contains("`王 …`") && !error.contains("13800001234"), "{error}");
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
}

#[test]
fn a_second_sheet_with_one_record_is_never_passed_over() {
    let one = table("A");
    let cell = |text: &str| format!("<c t=\"str\"><v>{text}</v></c>");
    let row = |cells: &[&str]| {
        format!("<row>{}</row>", cells.iter().map(|c| cell(c)).collect::<String>())
    };
    let header = row(&["编号", "标题"]);
    for (what, second, state, is_refused) in [
        ("a record without a header", row(&["B", "题"]), "visible", true),
        ("a record of one cell", header.clone() + &row(&["B"]), "visible", true),
        ("a title and a record", row(&["月报"]) + &header + &row(&["B"]), "visible", true),
        ("another table", row(&["号", "名"]), "visible", true),
        ("a header", header.clone(), "visible", false),
        ("a title and a header", row(&["月报"]) + &header, "visible", false),
        ("notes", row(&["请勿修改表头"]) + &row(&["", "制表人"]), "visible", false),
        ("nothing", String::new(), "visible", false),
        ("a hidden table", table("B"), "hidden", false),
    ] {
        for book in [
            sheets(&[("工单", "visible", &one), ("二", state, &second)]),
            sheets(&[("二", state, &second), ("工单", "visible", &one)]),
        ] {
            let mut options = options::for_tests();
            options.columns = Columns::new(&[("编号".to_owned(), vec![])].into()).unwrap();
            match read(book, &options) {
                Ok(found) => {
                    assert!(!is_refused && found.concat().contains("\"A\""), "{what}: {found:?}");
                }
                Err(error) => {
                    let names = error.contains("`工单`") && error.contains("`二`");
                    assert!(is_refused && names && error.contains("`sheet = "), "{what}: {error}");
                }
            }
        }
    }
}

#[test]
fn of_sheets_without_records_the_one_with_a_header_is_read() {
    let note = "<row><c t=\"str\"><v>请勿修改表头</v></c></row>";
    let header = "<row><c t=\"str\"><v>编号</v></c><c t=\"str\"><v>标题</v></c></row>";
    let book = [("说明", "visible", note), ("工单", "visible", header), ("三", "visible", "")];
    assert_eq!(read_sheet(sheets(&book), None).unwrap(), "");
}

#[test]
fn a_sheet_whose_part_is_not_named_is_never_passed_over() {
    let one = table("A");
    let book = package(&format!(
        "xl/workbook.xml <workbook xmlns:r=\"r\"><sheets><sheet name=\"1\" r:id=\"r0\"/><sheet name=\"2\" r:id=\"r1\"/></sheets></workbook>\n\
         xl/_rels/workbook.xml.rels <Relationships><Relationship Id=\"r0\" Target=\"s.xml\"/></Relationships>\n\
         xl/s.xml <worksheet><sheetData>{one}</sheetData></worksheet>\n"
    ));
    let error = read(book, &options::for_tests()).unwrap_err();
    assert!(error.starts_with("bad_workbook"), "{error}");
}

#[test]
fn a_table_that_goes_on_in_another_sheet_is_read_as_a_whole() {
    let (one, two, other) = (table("A"), table("B"), table("C").replace("编号", "号"));
    let book = sheets(&[
        ("数据1", "visible", &one),
        ("说明", "visible", &one),
        ("数据2", "visible", &two),
        ("数据3", "visible", ""),
    ]);
    let mut options = options::for_tests();
    options.columns = Columns::new(&[("编号".to_owned(), vec![])].into()).unwrap();
    options.config.sheet = Some("数据*".to_owned());
    let mut next_row = open(book, &options).unwrap_or_else(|e| panic!("{e:?}"));
    let rows: Vec<_> = std::iter::from_fn(|| next_row().unwrap()).collect();
    let found: Vec<_> = rows.iter().map(|row| (row.at.as_str(), &row.tree["编号"])).collect();
    let expected = [("sheet `数据1`, row 2", &json!("A")), ("sheet `数据2`, row 2", &json!("B"))];
    assert_eq!(found, expected);
    let book = sheets(&[("数据1", "visible", &one), ("数据2", "visible", &other)]);
    let error = read(book, &options).unwrap_err();
    assert!(error.contains("unknown_header: sheet `数据2`, no row names"), "{error}");
}

#[test]
fn cells_that_are_merged_over_rows_have_their_value_in_each_row_but_are_no_key() {
    let cell = |place: &str, text: &str| {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    };
    let sheet = format!(
        "<row r=\"1\">{}{}</row><row r=\"2\">{}</row>\
         <row r=\"3\">{}{}{}</row><row r=\"4\">{}</row><row r=\"6\">{}{}</row><row r=\"7\">{}</row>",
        cell("A1", "编号"),
        cell("B1", "基本情况"),
        cell("B2", "单位") + &cell("C2", "标题"),
        cell("A3", "W1"),
        cell("B3", "街道"),
        cell("C3", "一"),
        cell("C4", "二"),
        cell("A6", "W3"),
        cell("C6", "三"),
        cell("A7", "W4"),
    );
    let merged = "<mergeCells><mergeCell ref=\"A1:A2\"/><mergeCell ref=\"B1:C1\"/>\
                  <mergeCell ref=\"B3:B6\"/><mergeCell ref=\"A3:A4\"/><mergeCell ref=\"X\"/></mergeCells>";
    let book = package(&format!(
        "xl/workbook.xml <workbook xmlns:r=\"r\"><sheets><sheet name=\"1\" r:id=\"r0\"/></sheets></workbook>\n\
         xl/_rels/workbook.xml.rels <Relationships><Relationship Id=\"r0\" Target=\"s.xml\"/></Relationships>\n\
         xl/s.xml <worksheet><sheetData>{sheet}</sheetData>{merged}</worksheet>\n"
    ));
    let mut options = options::for_tests();
    let columns = ["编号", "单位"].map(|name| (name.to_owned(), vec![]));
    options.columns = Columns::new(&columns.into()).unwrap();
    let mut next_row = open(book, &options).unwrap_or_else(|e| panic!("{e:?}"));
    let rows: Vec<_> = std::iter::from_fn(|| next_row().unwrap()).skip(1).collect();
    // The first row of the header was skipped as a title.
    let row = |number: &str, unit: &str, title: &str| json!({ "编号": number, "单位": unit, "标题": title });
    let trees: Vec<_> = rows.iter().map(|row| row.tree.clone()).collect();
    let expected = [
        row("W1", "街道", "一"),
        row("W1", "街道", "二"),
        row("W3", "街道", "三"),
        row("W4", "", ""),
    ];
    assert_eq!(trees, expected);
    let doubts: Vec<_> = rows[1].doubts.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(doubts, ["编号", "单位"]);
    assert!(rows[0].doubts.is_empty() && rows[3].doubts.is_empty());
}
