use contract::DecidedBy;
use normalizer_text::Charset;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{form::header::Columns, options, text};

fn open(bytes: &[u8], form: &Options) -> Result<Csv, Broken> {
    Csv::open(text::pieces(bytes, Charset::Gb18030), form)
}

fn rows_of(bytes: &[u8], form: &Options) -> Vec<RawRow> {
    let mut csv = open(bytes, form).unwrap();
    std::iter::from_fn(|| csv.next().unwrap()).collect()
}

fn trees(text: &str, form: &Options) -> Vec<Value> {
    rows_of(text.as_bytes(), form).into_iter().map(|row| row.tree).collect()
}

fn broken(bytes: &[u8], form: &Options) -> String {
    let failed = open(bytes, form).and_then(|mut csv| {
        while csv.next()?.is_some() {}
        Ok(())
    });
    match failed {
        Err(Broken::Content(reason)) => format!("{}: {}", reason.code, reason.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cell_may_hold_separators_line_ends_and_quotes() {
    let text = "编号,内容,状态\r\nW1,\"甲,乙\r\n流动资金\n缺口,协调\"\"政银对接\"\"。\",处理中\r\n\r\nW2,5\" 管,x";
    assert_eq!(
        trees(text, &options::of_tests()),
        [
            json!({ "编号": "W1", "内容": "甲,乙\r\n流动资金\n缺口,协调\"政银对接\"。", "状态": "处理中" }),
            json!({ "编号": "W2", "内容": "5\" 管", "状态": "x" }),
        ]
    );
}

#[test]
fn separators_at_the_end_of_a_line_are_not_cells() {
    let mut form = options::of_tests();
    form.config.csv.trailing = ";".into();
    let text = "a,b;\n1,2;\n3,\"4;\";;\n5,6,,,;\n7,;";
    assert_eq!(
        trees(text, &form),
        [
            json!({ "a": "1", "b": "2" }),
            json!({ "a": "3", "b": "4;" }),
            json!({ "a": "5", "b": "6" }),
            json!({ "a": "7", "b": "" }),
        ]
    );
}

#[test]
fn a_delimiter_may_have_several_characters() {
    let mut form = options::of_tests();
    form.config.csv.delimiter = "||".into();
    // The second byte of 亅 is a `|` in GB18030.
    let bytes = encoding_rs::GB18030.encode("a||b\n亅|x||\"||\"\n").0.into_owned();
    let rows = rows_of(&bytes, &form);
    assert_eq!(rows[0].tree, json!({ "a": "亅|x", "b": "||" }));
}

#[test]
fn a_row_of_another_width_is_no_record_and_its_neighbours_pass() {
    let rows = rows_of("a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,2,3,,\n".as_bytes(), &options::of_tests());
    let problems: Vec<_> = rows.iter().map(|row| row.problem.clone()).collect();
    assert_eq!(problems[0], None);
    assert_eq!(problems[1], Some(Reason::new("row_shape", "2 cells, 3 columns")));
    assert_eq!(problems[2], Some(Reason::new("row_shape", "4 cells, 3 columns")));
    assert_eq!(problems[3], None);
    assert_eq!((rows[1].at.as_str(), rows[1].bytes.as_deref()), ("line 3", Some(&b"4,5\n"[..])));
}

#[test]
fn a_header_is_found_below_titles() {
    let mut form = options::of_tests();
    form.columns = Columns::new(&[("编号".to_owned(), vec![])].into()).unwrap();
    assert_eq!(trees("企业诉求汇总\n\n编号,x\n1,2\n", &form), [json!({ "编号": "1", "x": "2" })]);
    let said = broken("编码,x\n1,2\n".as_bytes(), &form);
    assert_eq!(said, "unknown_header: no row names all columns, missing: 编号");
    assert!(broken(b"", &form).starts_with("unknown_header"));
}

#[test]
fn a_quote_that_is_never_closed_ends_the_file() {
    assert!(
        broken(b"a,b\n1,2\n3,\"4\n5,6\n", &options::of_tests()).contains("line 3 is never closed")
    );
    let mut form = options::of_tests();
    form.max_record = 100;
    let endless = format!("a,b\n1,\"{}", "x\n".repeat(100));
    assert!(broken(endless.as_bytes(), &form).starts_with("too_large: the record at line 2"));
}

#[test]
fn a_malformed_sequence_marks_its_row_only() {
    let rows =
        rows_of(b"a,b\n1,\xb1\xe0\n2,\xff\xff\n\"3\",\"\xc8\n\xff\"\n4,x\n", &options::of_tests());
    let malformed: Vec<&[Mark]> = rows.iter().map(|row| &row.malformed[..]).collect();
    assert!(malformed[0].is_empty() && malformed[3].is_empty());
    assert_eq!(malformed[1][0].field, "b");
    assert_eq!(malformed[1][0].detail, "1 bytes at offset 2 are not GB18030, 2 such places");
    assert_eq!(malformed[2][0].detail, "1 bytes at offset 5 are not GB18030, 2 such places");
    assert_eq!(rows[2].bytes.as_deref(), Some(&b"\"3\",\"\xc8\n\xff\"\n"[..]));
}

#[test]
fn a_row_of_a_hundred_kilobytes_passes() {
    let long = "长".repeat(50_000);
    let rows = rows_of(format!("a,b\n1,{long}\n2,x\n").as_bytes(), &options::of_tests());
    assert_eq!(rows[0].tree["b"], long.as_str());
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_restored_private_use_character_is_marked_in_its_cell() {
    // U+E863, as a migration from cp936 leaves it.
    let rows = rows_of(b"a,b\n1,\x83\x36\xcf\x39\n", &options::of_tests());
    assert_eq!(rows[0].tree["b"], "䶮");
    assert_eq!(rows[0].marks[0].field, "b");
    assert_eq!(DecidedBy::default(), DecidedBy::Nothing);
}

proptest! {
    #[test]
    fn csv_that_is_written_by_the_rules_is_read_back(
        rows in proptest::collection::vec(
            proptest::collection::vec("[诉a,;\"\n\r|]{0,6}", 3), 1..6),
    ) {
        // An empty record is a blank line, and a cell of blank-line characters needs quotes.
        prop_assume!(rows.iter().all(|row| row.iter().any(|cell| !cell.is_empty())));
        let mut text = "x,y,z\n".to_owned();
        for row in &rows {
            let quoted = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            text.push_str(&quoted.collect::<Vec<_>>().join(","));
            text.push_str("\r\n");
        }
        let expected: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "x": row[0], "y": row[1], "z": row[2] }))
            .collect();
        prop_assert_eq!(trees(&text, &options::of_tests()), expected);
    }
}

#[test]
fn a_line_that_names_the_separator_is_used_and_is_not_a_record() {
    for (separator, configured) in [(';', ","), (',', ","), ('\t', ","), (',', ";")] {
        let mut form = options::of_tests();
        form.config.csv.delimiter = configured.to_owned();
        let text = format!("sep={separator}\r\nid{separator}n\r\nW1{separator}x\r\n");
        let rows = trees(&text, &form);
        assert_eq!(rows, [json!({ "id": "W1", "n": "x" })], "{separator:?}");
    }
    // Below the first line it is content.
    let rows = trees("id,n\nsep=;,x\n", &options::of_tests());
    assert_eq!(rows, [json!({ "id": "sep=;", "n": "x" })]);
}
