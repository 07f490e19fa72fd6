//! Damaged files and rows: which are refused, and which are accepted with a flag.

use contract::{DecidedBy, FieldFlag, Reason};

use super::*;

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
fn quotes_behind_backslashes_are_flagged() {
    for text in [
        r#"a,b
1,"say \"no\" now"
"#,
        "a,b\n1,say \\\"no\\\" now\n",
    ] {
        let rows = rows_of(text.as_bytes(), &options::for_tests());
        let flags = rows.iter().flat_map(|row| &row.defects.flags).map(|flag| &*flag.field);
        assert_eq!(flags.collect::<Vec<_>>(), ["b"], "{text}");
    }
}

#[test]
fn zero_bytes_in_place_of_rows_are_no_end_of_the_file() {
    for bytes in [&b"a,b\n1,2\n\0\0\0\0"[..], b"a,b\n1,2\n\0\0\n3,4\n", b"\0\0\0\0\0\0"] {
        assert!(error_of(bytes, &options::for_tests()).starts_with("truncated"), "{bytes:?}");
    }
    // An old program ends its file with one.
    let rows = rows_of(b"a,b\n1,2\n\0", &options::for_tests());
    assert_eq!(rows.len(), 1);
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
    let expected =
        "unknown_header: no row names all required columns; the row that comes nearest lacks";
    assert_eq!(error, format!("{expected}: 编号"));
    assert!(error_of(b"", &options).starts_with("unknown_header"));
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_other_row() {
    let rows = rows_of(b"a,b\n1,2\n3,\"4\n5,6\n", &options::for_tests());
    assert_eq!(codes(&rows), ["", "stray_quote", ""]);
    assert_eq!(rows[2].tree, json!({ "a": "5", "b": "6" }));
    // If more follows than a record may have, the lines up to there may be parts of one cell.
    let mut options = options_with(json!({ "at": "$.no" }));
    options.max_record_bytes = 100;
    let good = (0..100).map(|n| format!("B{n},y,{n}\n")).collect::<String>();
    let rows = rows_of(format!("id,text,no\nA1,\"x,1\n{good}").as_bytes(), &options);
    assert_eq!(codes(&rows)[..14], ["stray_quote"; 14]);
    assert_eq!(rows.len(), 101);
    assert!(rows[14..].iter().all(|row| row.defects.damage.is_none()));
    assert_eq!(rows[100].tree, json!({ "id": "B99", "text": "y", "no": "99" }));
}

#[test]
fn a_line_of_a_cell_that_is_larger_than_a_record_is_no_record() {
    let mut options = options_with(json!({ "at": "$.no" }));
    options.max_record_bytes = 100;
    for (long, code) in [("x".repeat(60), "stray_quote"), ("x, ".repeat(100_000), "too_large")] {
        let text = format!("id,text,no\nA1,\"x\nA9,forged,9\n{long}\n{long}\",1\nA2,y,2\n");
        let rows = rows_of(text.as_bytes(), &options);
        assert_eq!(codes(&rows), ["stray_quote", "stray_quote", code, code, ""]);
    }
}

#[test]
fn a_row_that_is_too_large_is_rejected_and_the_others_pass() {
    let mut options = options_with(json!({ "at": "$.no" }));
    options.max_record_bytes = 100;
    for long in ["x, ".repeat(100_000), format!("A1,{}", "诉".repeat(50_000)), "\"x".repeat(99_000)]
    {
        let text = format!("id,text,no\nA0,x,0\n{long}\nA2,y,2\n");
        let rows = rows_of(text.as_bytes(), &options);
        assert_eq!(codes(&rows), ["", "too_large", ""]);
        assert_eq!((rows[1].at.as_str(), rows[2].at.as_str()), ("line 3", "line 4"));
        assert_eq!(rows[2].tree["id"], "A2");
    }
}

fn codes(rows: &[RawRow]) -> Vec<String> {
    let code = |row: &RawRow| row.defects.damage.as_ref().map(|reason| reason.code.to_string());
    rows.iter().map(|row| code(row).unwrap_or_default()).collect()
}

/// Options with a key, and a revision in the record unless it is in the name of the file.
fn options_with(revision: serde_json::Value) -> Options {
    let config = json!({ "url": ".", "match": ["*"], "key": "$.id", "revision": revision });
    let context = contract::ConnectorContext::new("test".parse().unwrap(), chrono_tz::UTC);
    let options = Options::new(serde_json::from_value(config).unwrap(), &context).unwrap();
    std::sync::Arc::unwrap_or_clone(options)
}

#[test]
fn a_stray_quote_rejects_its_row_and_never_joins_two() {
    for options in [options_with(json!({ "at": "$.no" })), options_with(json!({ "name": "%Y" }))] {
        for (lines, expected) in [
            // The next quote stands at the beginning of a cell, at its end, in its middle, or nowhere.
            (&["A1,\"x,1", "A2,\"y\",2", "A3,z,3"][..], &["stray_quote", "", ""][..]),
            (&["A1,\"x,1", "A2,y\",2", "A3,z,3"], &["stray_quote", "stray_quote", ""]),
            (&["A1,\"x,1", "A2,5\" pipe,2", "A3,z,3"], &["stray_quote", "", ""]),
            (&["A1,\"x,1", "A2,y,2", "A3,z,3"], &["stray_quote", "", ""]),
            (&["A1,\"x,1", "A2,y,2", "A3,\"q\"\"q\",3"], &["stray_quote", "", ""]),
            (&["A1,\"x,1", "A2,\"y,2", "A3,z\",3"], &["stray_quote", "stray_quote", "stray_quote"]),
            (&["A1,\"jo\"e, x\",1", "A2,y,2"], &["stray_quote", ""]),
            (&["\"A1,x,1", "A2\",y,2"], &["stray_quote", "stray_quote"]),
        ] {
            let text = format!("id,text,no\n{}\n", lines.join("\n"));
            let rows = rows_of(text.as_bytes(), &options);
            assert_eq!(codes(&rows), expected, "{lines:?}");
            for (row, line) in rows.iter().zip(lines) {
                assert_eq!(row.bytes.as_deref(), Some(format!("{line}\n").as_bytes()));
            }
        }
    }
}

#[test]
fn quotes_that_are_not_doubled_are_kept_where_the_cell_is_clear() {
    let options = options_with(json!({ "at": "$.no" }));
    for (cell, expected) in [
        ("\"jo\"e\"", "jo\"e"),
        ("\"shop\" is loud", "\"shop\" is loud"),
        ("5\" pipe", "5\" pipe"),
        (" \"a,b\" ", "a,b"),
        ("\"say \"\"a\"\"\"", "say \"a\""),
        ("\"two\nlines, of text\"", "two\nlines, of text"),
        ("\"A2 is like\nA3\"", "A2 is like\nA3"),
    ] {
        let rows = rows_of(format!("id,text,no\nA1,{cell},1\nA2,y,2\n").as_bytes(), &options);
        assert_eq!(codes(&rows), ["", ""], "{cell}");
        assert_eq!(rows[0].tree, json!({ "id": "A1", "text": expected, "no": "1" }));
        assert_eq!(rows[1].tree["id"], "A2");
    }
}

#[test]
fn quotes_that_may_be_too_many_or_too_few_are_flagged() {
    let options = options_with(json!({ "at": "$.no" }));
    for (cell, is_flagged) in [
        ("\"he said \"hello\" and left\"", true),
        ("\"he said \\\"hello\\\"\"", true),
        ("\"jo\"e\"", true),
        ("\"he said \"\"hello\"\"\"", false),
        ("5\" pipe", false),
    ] {
        let rows = rows_of(format!("id,text,no\nA1,{cell},1\nA2,y,2\n").as_bytes(), &options);
        let fields: Vec<_> = rows[0].defects.flags.iter().map(|flag| &*flag.field).collect();
        assert_eq!(fields, vec!["text"; usize::from(is_flagged)], "{cell}");
        assert!(rows[1].defects.flags.is_empty());
    }
}

#[test]
fn a_file_that_may_be_cut_off_in_its_last_row_is_flagged_unless_a_manifest_proves_it_whole() {
    let mut options = options_with(json!({ "at": "$.no" }));
    let flags = |end: &str, options: &Options| {
        let rows = rows_of(format!("id,no,text\nA1,1,x\nA2,2,{end}").as_bytes(), options);
        assert!(rows[0].defects.flags.is_empty());
        rows[1].defects.flags.iter().map(|flag| flag.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(flags("the lamp at the", &options), ["text"]);
    for whole in ["y\n", "y\r\n", "\"y\"", "y\r", "y\n\u{1A}"] {
        assert!(flags(whole, &options).is_empty(), "{whole:?}");
    }
    options.config.manifest = Some(".ok".to_owned());
    assert!(flags("the lamp at the", &options).is_empty());
}

#[test]
fn a_row_may_lack_empty_cells_at_its_end_if_it_has_its_revision() {
    let options = options_with(json!({ "at": "$.no" }));
    let rows = rows_of(b"id,no,name,phone\nA1,1\nA2,2,x\nA3\nA4,x,y\n", &options);
    assert_eq!(codes(&rows), ["", "", "row_shape", "row_shape"]);
    assert_eq!(rows[0].tree, json!({ "id": "A1", "no": "1", "name": "", "phone": "" }));
    assert_eq!(rows[0].defects.flags[0].detail, "the row has 2 cells, but the header has 4");
    // A line end within a cell has broken a row in two: neither part is the row.
    let rows = rows_of(b"id,no,text,phone\nA1,1,two\nlines,139\nA2,2,x,138\n", &options);
    assert_eq!(codes(&rows), ["row_shape", "row_shape", ""]);
    // Where the name of the file is the revision, nothing tells a part from a row.
    let rows = rows_of(b"id,name,phone\nA1,x\n", &options_with(json!({ "name": "%Y" })));
    assert_eq!(codes(&rows), ["row_shape"]);
}

#[test]
fn a_column_that_comes_twice_is_told_and_never_decided_by_chance() {
    let options = options_with(json!({ "at": "$.no" }));
    let text = b"id,no,phone,phone\nA1,1,138,\nA2,2,,139\nA3,3,138,139\nA4,4,137,137\n";
    let rows = rows_of(text, &options);
    assert_eq!(codes(&rows), ["", "", "repeated_column", ""]);
    let phones: Vec<&Value> = rows.iter().map(|row| &row.tree["phone"]).collect();
    assert_eq!((phones[0], phones[1], phones[3]), (&json!("138"), &json!("139"), &json!("137")));
    assert!(rows.iter().all(|row| row.defects.flags[0].field == "phone"));
}

#[test]
fn a_table_without_its_header_is_refused_and_one_with_two_is_read() {
    let options = options_with(json!({ "at": "$.no" }));
    let error = error_of(b"A1,1,x\nA2,2,y\n", &options);
    let expected =
        "unknown_header: no row names all required columns; the row that comes nearest lacks";
    assert_eq!(error, format!("{expected}: id"));
    let rows = rows_of("id,no\nA1,1\n\u{FEFF}id,no\n\u{FEFF}A2,2\n".as_bytes(), &options);
    assert_eq!(rows.iter().map(|row| &row.tree["id"]).collect::<Vec<_>>(), ["A1", "A2"]);
    let error = error_of(b"id,no\nA1,1\nno,id\n2,A2\n", &options);
    assert_eq!(error, "second_header: line 3 is another header");
    assert!(rows_of(b"id,no\n", &options).is_empty());
}

#[test]
fn the_separator_and_the_line_end_are_found_where_the_header_shows_them() {
    let options = options_with(json!({ "at": "$.no" }));
    for separator in [",", ";", "\t", "|"] {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("id,no,t{end}A1,1,x{end}A2,2,y{end}").replace(',', separator);
            let rows = rows_of(text.as_bytes(), &options);
            let expected = json!({ "id": "A2", "no": "2", "t": "y" });
            assert_eq!((rows.len(), &rows[1].tree), (2, &expected), "{text:?}");
        }
    }
    let error = error_of(b"a;b\n1;2\n", &options::for_tests());
    assert!(error.contains("contains \";\": set `csv.delimiter`"), "{error}");
}

#[test]
fn what_protects_an_id_from_excel_is_removed() {
    let options = options_with(json!({ "at": "$.no" }));
    for (cell, expected) in [
        ("=\"2026100\"", "2026100"),
        ("\"=\"\"2026100\"\"\"", "2026100"),
        ("'2026100", "2026100"),
        ("'tis,", "'tis"),
        ("=1+1", "=1+1"),
    ] {
        let rows =
            rows_of(format!("text,id,no\n{cell},A1,1\n").replace(",,", ",").as_bytes(), &options);
        assert_eq!(rows[0].tree["text"], expected, "{cell}");
    }
}

proptest! {
    /// Whatever quotes stand in the cells: each row is one row, alone, with its own key.
    #[test]
    fn rows_in_are_rows_out_and_rejects_whatever_quotes_they_have(
        cells in proptest::collection::vec("[\"x, 诉]{0,8}", 1..12),
        other in proptest::collection::vec("[\"x]{0,3}", 12),
        by_name in any::<bool>(),
    ) {
        let revision = if by_name { json!({ "name": "%Y" }) } else { json!({ "at": "$.no" }) };
        let options = options_with(revision);
        let lines = cells.iter().zip(&other).enumerate();
        let lines: Vec<String> =
            lines.map(|(n, (cell, other))| format!("K{n:03},{cell},{other},{n}\n")).collect();
        let text = format!("id,text,other,no\n{}", lines.concat());
        let rows = rows_of(text.as_bytes(), &options);
        prop_assert_eq!(rows.len(), lines.len());
        for (n, row) in rows.iter().enumerate() {
            prop_assert_eq!(row.bytes.as_deref(), Some(lines[n].as_bytes()));
            if row.defects.damage.is_none() {
                prop_assert_eq!(&row.tree["id"], &json!(format!("K{n:03}")));
                prop_assert_eq!(&row.tree["no"], &json!(n.to_string()));
                prop_assert_eq!(row.tree.to_string().matches("K0").count(), 1);
            }
        }
    }
}

#[test]
fn a_malformed_sequence_flags_its_row_only() {
    let rows =
        rows_of(b"a,b\n1,\xb1\xe0\n2,\xff\xff\n\"3\",\"\xc8\n\xff\"\n4,x\n", &options::for_tests());
    let malformed: Vec<&[FieldFlag]> = rows.iter().map(|row| &row.defects.flags[..]).collect();
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
fn a_restored_private_use_character_is_flagged_in_its_cell() {
    // U+E863, as a migration from cp936 leaves it.
    let rows = rows_of(b"a,b\n1,\x83\x36\xcf\x39\n", &options::for_tests());
    assert_eq!(rows[0].tree["b"], "䶮");
    assert_eq!(rows[0].defects.flags[0].field, "b");
    assert_eq!(DecidedBy::default(), DecidedBy::Nothing);
}
