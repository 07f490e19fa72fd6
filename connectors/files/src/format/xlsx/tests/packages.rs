//! How programs name and arrange the parts of a workbook.

use super::*;

const RECORD: [&str; 1] = [r#"{"编号":"W1","时间":"2026-10-09T10:30:00"}"#];

/// The rows of a sheet: a header, and a record with a date cell in the style 1.
const ROWS: &str = r#"<row><c t="inlineStr"><is><t>编号</t></is></c><c t="inlineStr"><is><t>时间</t></is></c></row><row><c t="str"><v>W1</v></c><c s="1"><v>46304.4375</v></c></row>"#;

fn parts(rows: &str) -> String {
    format!(
        r#"[Content_Types].xml <Types/>
        _rels/.rels <Relationships><Relationship Id="a" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>
        xl/workbook.xml <workbook xmlns:r="r"><sheets><sheet name="工单" sheetId="1" r:id="rId1"/></sheets></workbook>
        xl/_rels/workbook.xml.rels <Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://x/styles" Target="styles.xml"/></Relationships>
        xl/styles.xml <styleSheet><numFmts count="1"><numFmt numFmtId="176" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/></numFmts><cellStyleXfs><xf numFmtId="0"/><xf numFmtId="0"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="176" fontId="0"/></cellXfs><dxfs><dxf><numFmt numFmtId="176" formatCode="0"/></dxf></dxfs></styleSheet>
        xl/worksheets/sheet1.xml <worksheet><dimension ref="Z9:A1"/><sheetData>{rows}</sheetData></worksheet>"#
    )
}

#[test]
fn parts_are_found_however_they_are_named() {
    for (name, change) in [
        ("as Excel does", &[][..]),
        (
            "upper case",
            &[("xl/workbook.xml <", "xl/Workbook.xml <"), ("xl/styles.xml <", "xl/Styles.xml <")],
        ),
        (
            "backslashes",
            &[
                ("xl/worksheets/sheet1.xml <", "xl\\worksheets\\sheet1.xml <"),
                ("xl/workbook.xml <", "xl\\workbook.xml <"),
            ],
        ),
        (
            "absolute targets",
            &[("\"worksheets/", "\"/xl/worksheets/"), ("\"styles.xml", "\"/xl/styles.xml")],
        ),
        ("relative targets", &[("\"worksheets/", "\"../xl/./worksheets/")]),
        ("another folder", &[("xl/", "book/")]),
        ("no list of parts", &[("_rels/.rels <Relationships>", "x.xml <Relationships>")]),
        ("styles without a reference", &[("http://x/styles", "http://x/theme")]),
        (
            "prefixes",
            &[
                ("<workbook ", "<x:workbook "),
                ("</workbook>", "</x:workbook>"),
                ("<sheet ", "<x:sheet "),
                ("<sheets>", "<x:sheets>"),
                ("</sheets>", "</x:sheets>"),
                ("<row>", "<x:row>"),
                ("</row>", "</x:row>"),
            ],
        ),
        ("a style of the usual formats", &[("<xf numFmtId=\"176\"", "<xf numFmtId=\"22\"")]),
    ] {
        let mut text = parts(ROWS);
        for (from, to) in change {
            assert!(text.contains(from), "{name}: {from}");
            text = text.replace(from, to);
        }
        let found = read(package(&text), &options::for_tests());
        assert_eq!(found.unwrap_or_else(|error| panic!("{name}: {error}")), RECORD, "{name}");
    }
}

#[test]
fn days_are_counted_from_1904_if_the_workbook_says_so() {
    let extension =
        "<extLst><ext><x15:workbookPr xmlns:x15=\"u\" chartTrackingRefBase=\"1\"/></ext></extLst>";
    for date1904 in ["1", "true"] {
        let properties = format!("<workbookPr date1904=\"{date1904}\"/><sheets>");
        let text = parts(&ROWS.replace("46304.4375", "44842.4375"));
        let text = text
            .replace("<sheets>", &properties)
            .replace("</workbook>", &format!("{extension}</workbook>"));
        assert_eq!(read(package(&text), &options::for_tests()).unwrap(), RECORD);
        // Without its table of formats, the date is still not read as one from 1900.
        let text = text.replace("xl/styles.xml <", "xl/other.xml <");
        assert_eq!(read(package(&text), &options::for_tests()).unwrap(), RECORD);
    }
}

#[test]
fn a_workbook_without_its_optional_parts_is_read() {
    let text = parts(ROWS).replace("xl/styles.xml <", "xl/other.xml <");
    let found = read(package(&text), &options::for_tests()).unwrap();
    assert_eq!(found, [r#"{"编号":"W1","时间":"46304.4375"}"#]);
    let text = text.replace("xl/workbook.xml", "xl/workbook.bin");
    let error = read(package(&text), &options::for_tests()).unwrap_err();
    assert!(error.contains(".xlsb"), "{error}");
}

#[test]
fn iso_dates_of_strict_workbooks_are_read() {
    let rows =
        ROWS.replace(r#"<c s="1"><v>46304.4375"#, r#"<c s="1" t="d"><v>2026-10-09T10:30:00"#);
    assert_eq!(read(package(&parts(&rows)), &options::for_tests()).unwrap(), RECORD);
}
