//! Cells, separators and line ends as programs write them.

mod damage;

use normalizer_text::Charset;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{options, text};

fn open(bytes: &[u8], options: &Options) -> Result<RowReader, FileError> {
    super::open(|| text::decoded_file(bytes, Charset::Gb18030), options)
}

/// The rows, without titles.
fn rows_of(bytes: &[u8], options: &Options) -> Vec<RawRow> {
    let mut next_row = open(bytes, options).unwrap_or_else(|error| panic!("{error:?}"));
    std::iter::from_fn(|| next_row().unwrap()).filter(|row| !row.is_title).collect()
}

fn trees(text: &str, options: &Options) -> Vec<Value> {
    rows_of(text.as_bytes(), options).into_iter().map(|row| row.tree).collect()
}

#[test]
fn a_cell_may_hold_separators_line_ends_and_quotes() {
    let text = "编号,内容,状态\r\nW1,\"甲,乙\r\n流动资金\n缺口,协调\"\"政银对接\"\"。\",处理中\r\n\r\nW2,5\" 管,x";
    assert_eq!(
        trees(text, &options::for_tests()),
        [
            json!({ "编号": "W1", "内容": "甲,乙\r\n流动资金\n缺口,协调\"政银对接\"。", "状态": "处理中" }),
            json!({ "编号": "W2", "内容": "5\" 管", "状态": "x" }),
        ]
    );
}

#[test]
fn separators_at_the_end_of_a_line_are_not_cells() {
    let mut options = options::for_tests();
    options.config.csv.trailing = ";".into();
    let text = "a,b;\n1,2;\n3,\"4;\";;\n5,6,,,;\n7,;";
    assert_eq!(
        trees(text, &options),
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
    let mut options = options::for_tests();
    options.config.csv.delimiter = "||".into();
    // The second byte of 亅 is a `|` in GB18030.
    let bytes = encoding_rs::GB18030.encode("a||b\n亅|x||\"||\"\n").0.into_owned();
    let rows = rows_of(&bytes, &options);
    assert_eq!(rows[0].tree, json!({ "a": "亅|x", "b": "||" }));
}

#[test]
fn a_row_of_a_hundred_kilobytes_is_read() {
    let long = "长".repeat(50_000);
    let rows = rows_of(format!("a,b\n1,{long}\n2,x\n").as_bytes(), &options::for_tests());
    assert_eq!(rows[0].tree["b"], long.as_str());
    assert_eq!(rows.len(), 2);
}

proptest! {
    #[test]
    fn csv_that_is_written_by_the_rules_is_read_back(
        rows in proptest::collection::vec(
            proptest::collection::vec("[诉a,;\"\n\r|]{0,6}", 3), 1..6),
    ) {
        // An empty record is a blank line, and a cell of blank-line characters needs quotes.
        prop_assume!(rows.iter().all(|row| row.iter().any(|cell| !cell.trim().is_empty())));
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
        prop_assert_eq!(trees(&text, &options::for_tests()), expected);
    }
}

#[test]
fn a_first_line_that_declares_the_separator_is_obeyed_and_is_not_a_record() {
    for (separator, configured) in [(';', ","), (',', ","), ('\t', ","), (',', ";")] {
        let mut options = options::for_tests();
        options.config.csv.delimiter = configured.to_owned();
        let text = format!("sep={separator}\r\nid{separator}n\r\nW1{separator}x\r\n");
        let rows = trees(&text, &options);
        assert_eq!(rows, [json!({ "id": "W1", "n": "x" })], "{separator:?}");
    }
    // After the first line it is a value.
    let rows = trees("id,n\nsep=;,x\n", &options::for_tests());
    assert_eq!(rows, [json!({ "id": "sep=;", "n": "x" })]);
}
