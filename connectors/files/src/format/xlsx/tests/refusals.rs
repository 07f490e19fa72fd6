//! Files that are refused: they are not workbooks, or would fill the memory.

use super::*;

#[test]
fn a_file_that_is_not_a_workbook_is_refused() {
    let code_of = |file: Arc<File>| match open(file, &options::for_tests()).err() {
        Some(FileError::Content(reason)) => reason.code.into_owned(),
        _ => panic!("accepted"),
    };
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a,b\n1,2").unwrap();
    assert_eq!(code_of(Arc::new(file)), "bad_workbook");
    assert_eq!(code_of(workbook("", "")), "unknown_header");
}

#[test]
fn files_that_would_fill_the_memory_are_refused_early() {
    let code_of = |parts: &[(&str, &str)]| {
        let mut archive = ZipWriter::new(tempfile::tempfile().unwrap());
        let book = "<workbook xmlns:r=\"u\"><sheets><sheet r:id=\"a\"/></sheets></workbook>";
        let relation = "<Relationships><Relationship Id=\"a\" Target=\"s.xml\"/></Relationships>";
        let fixed = [("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", relation)];
        for (name, text) in fixed.iter().chain(parts) {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        let mut options = options::for_tests();
        options.config.limits.ratio = 10_000;
        let file = Arc::new(archive.finish().unwrap());
        match open(file, &options).and_then(|mut next_row| next_row()) {
            Err(FileError::Content(reason)) => reason.code.into_owned(),
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
        assert_eq!(code_of(&parts), "too_large");
    }
    for text in [format!("<si><t>{long}</t></si>"), "<si/>".repeat((4 << 20) + 1)] {
        assert_eq!(
            code_of(&[("xl/sharedStrings.xml", &texts(&text)), ("xl/s.xml", sheet)]),
            "too_large"
        );
    }
    // Texts that are declared but missing take no memory.
    assert_eq!(
        code_of(&[("xl/sharedStrings.xml", &texts("<si/>")), ("xl/s.xml", sheet)]),
        "unknown_header"
    );
    let far = row("<row r=\"1048576\"><c r=\"XFE1\" t=\"str\"><v>x</v></c></row>");
    assert_eq!(code_of(&[("xl/s.xml", &far)]), "bad_workbook");
}
