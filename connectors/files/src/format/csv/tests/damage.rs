//! Damaged files and rows: which are refused, and which are accepted with a mark.

use contract::DecidedBy;

use super::*;
use crate::format::header::Columns;

fn error_of(bytes: &[u8], options: &Options) -> String {
    let failed = open(bytes, options).and_then(|mut next_row| {
        while next_row()?.is_some() {}
        Ok(())
    });
    match failed {
        Err(FileError::Content(reason)) => format!("{}: {}", reason.code, reason.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_with_a_wrong_number_of_cells_is_rejected_and_the_others_pass() {
    let rows = rows_of("a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,2,3,,\n".as_bytes(), &options::for_tests());
    let problems: Vec<_> = rows.iter().map(|row| row.defects.damage.clone()).collect();
    assert_eq!(problems[0], None);
    assert_eq!(
        problems[1],
        Some(Reason::new("row_shape", "the row has 2 cells, but the header has 3"))
    );
    assert_eq!(
        problems[2],
        Some(Reason::new("row_shape", "the row has 4 cells, but the header has 3"))
    );
    assert_eq!(problems[3], None);
    assert_eq!((rows[1].at.as_str(), rows[1].bytes.as_deref()), ("line 3", Some(&b"4,5\n"[..])));
}

#[test]
fn a_header_is_found_below_titles() {
    let mut options = options::for_tests();
    options.columns = Columns::new(&[("编号".to_owned(), vec![])].into()).unwrap();
    assert_eq!(
        trees("企业诉求汇总\n\n编号,x\n1,2\n", &options),
        [json!({ "编号": "1", "x": "2" })]
    );
    let error = error_of("编码,x\n1,2\n".as_bytes(), &options);
    assert_eq!(error, "unknown_header: no row names all required columns; missing: 编号");
    assert!(error_of(b"", &options).starts_with("unknown_header"));
}

#[test]
fn a_quote_that_is_never_closed_ends_the_file() {
    assert!(
        error_of(b"a,b\n1,2\n3,\"4\n5,6\n", &options::for_tests())
            .contains("a quote in the record at line 3 is not closed")
    );
    let mut options = options::for_tests();
    options.max_record_bytes = 100;
    let endless = format!("a,b\n1,\"{}", "x\n".repeat(100));
    assert!(
        error_of(endless.as_bytes(), &options)
            .starts_with("too_large: a record exceeds `limits.record` (100 bytes): line 2")
    );
}

#[test]
fn a_malformed_sequence_marks_its_row_only() {
    let rows =
        rows_of(b"a,b\n1,\xb1\xe0\n2,\xff\xff\n\"3\",\"\xc8\n\xff\"\n4,x\n", &options::for_tests());
    let malformed: Vec<&[Mark]> = rows.iter().map(|row| &row.defects.marks[..]).collect();
    assert!(malformed[0].is_empty() && malformed[3].is_empty());
    assert_eq!(malformed[1][0].field, "b");
    assert_eq!(
        malformed[1][0].detail,
        "the 1-byte sequence at offset 2 is not valid GB18030 (first of 2)"
    );
    assert_eq!(
        malformed[2][0].detail,
        "the 1-byte sequence at offset 5 is not valid GB18030 (first of 2)"
    );
    assert_eq!(rows[2].bytes.as_deref(), Some(&b"\"3\",\"\xc8\n\xff\"\n"[..]));
}

#[test]
fn a_restored_private_use_character_is_marked_in_its_cell() {
    // U+E863, as a migration from cp936 leaves it.
    let rows = rows_of(b"a,b\n1,\x83\x36\xcf\x39\n", &options::for_tests());
    assert_eq!(rows[0].tree["b"], "䶮");
    assert_eq!(rows[0].defects.marks[0].field, "b");
    assert_eq!(DecidedBy::default(), DecidedBy::Nothing);
}
