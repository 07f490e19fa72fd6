use normalizer_text::Charset;
use serde_json::json;

use super::*;
use crate::{options, text};

fn decoded_file(bytes: &[u8]) -> DecodedFile {
    text::decoded_file(bytes, Charset::Gb18030)
}

/// All rows, and why the file could not be read further.
fn read_all(mut next_row: RowReader) -> (Vec<RawRow>, Option<String>) {
    let mut found = Vec::new();
    loop {
        match next_row() {
            Ok(Some(row)) => found.push(row),
            Ok(None) => return (found, None),
            Err(FileError::Content(reason)) => {
                return (found, Some(format!("{}: {}", reason.code, reason.detail)));
            }
            Err(FileError::Disk(error)) => panic!("{error}"),
        }
    }
}

fn array(bytes: &[u8]) -> (Vec<RawRow>, Option<String>) {
    let opened = open(|| decoded_file(bytes), &options::for_tests());
    read_all(opened.unwrap_or_else(|error| panic!("{error:?}")))
}

fn n_malformed(row: &RawRow) -> usize {
    row.findings.defects_in("", &row.tree, "gb18030").flags.len()
}

#[test]
fn an_array_is_split_whatever_its_texts_contain() {
    let long = "长,]}".repeat(5_000);
    let text = format!(
        "\u{FEFF} [ {{\"a\":\"x\\\"]\"}} ,\n{{\"a\":{{\"b\":[1,2,{{}}]}}}},{{\"a\":\"{long}\"}},7]\n"
    );
    let (rows, ended) = array(text.as_bytes());
    assert_eq!(ended, None);
    let trees: Vec<&Value> = rows.iter().map(|row| &row.tree).collect();
    assert_eq!(trees[0], &json!({ "a": "x\"]" }));
    assert_eq!(trees[1], &json!({ "a": { "b": [1, 2, {}] } }));
    assert_eq!(trees[2], &json!({ "a": long }));
    assert_eq!(rows[3].defects.damage.as_ref().unwrap().detail, "the record is not an object");
}

#[test]
fn an_array_that_ends_early_is_an_error_after_its_complete_elements() {
    for (text, error, n) in [
        ("[{\"a\":1},{\"a\":2", "truncated: the file ends within element 1", 1),
        ("[{\"a\":1},", "truncated: the file ends within the array", 1),
        ("[{\"a\":1}] x", "bad_json: there is more text after the array", 1),
    ] {
        let (rows, ended) = array(text.as_bytes());
        assert_eq!((ended.as_deref(), rows.len()), (Some(error), n), "{text}");
    }
}

#[test]
fn an_element_above_the_limit_ends_the_file() {
    let text = format!("[{{\"a\":\"{}\"}}]", "x".repeat(5 << 20));
    assert!(array(text.as_bytes()).1.unwrap().starts_with("too_large"));
}

#[test]
fn a_malformed_sequence_flags_its_element_only() {
    let text = b"[{\"a\":\"\xb1\xe0\"},\n{\"a\":\"\xff\xff\"},\n{\"a\":\"\xba\xc5\"}]";
    let (rows, _) = array(text);
    let n_malformed: Vec<usize> = rows.iter().map(n_malformed).collect();
    assert_eq!(n_malformed, [0, 1, 0]);
    assert_eq!(rows[1].bytes.as_deref(), Some(&b"{\"a\":\"\xff\xff\"},\n"[..]));
}

#[test]
fn a_line_that_is_not_an_object_is_rejected_alone() {
    let text = b"{\"a\":1}\n\n{\"a\":\n[2]\n{\"a\":\"\xff\xff\"}\n{\"a\":3.50}";
    let (rows, ended) = array(text);
    assert_eq!(ended, None);
    let problems: Vec<bool> = rows.iter().map(|row| row.defects.damage.is_some()).collect();
    assert_eq!(problems, [false, true, true, false, false]);
    assert_eq!(n_malformed(&rows[3]), 1);
    assert_eq!(rows[4].tree, json!({ "a": "3.50" }));
    assert_eq!(rows[4].at, "line 6");
}

fn records(text: &str) -> (Vec<String>, Option<String>) {
    let (rows, ended) = array(text.as_bytes());
    let shown = |row: RawRow| match row.defects.damage {
        Some(_) => "damaged".to_owned(),
        None => row.tree.to_string(),
    };
    (rows.into_iter().map(shown).collect(), ended)
}

#[test]
fn objects_are_read_however_they_are_spread_over_lines() {
    let expected = [r#"{"id":"1","x":[{"y":1}]}"#, r#"{"id":"2"}"#];
    for text in [
        "{\"id\":\"1\",\"x\":[{\"y\":1}]}\n{\"id\":\"2\"}\n",
        "{\"id\":\"1\",\"x\":[{\"y\":1}]}{\"id\":\"2\"}",
        "{\"id\":\"1\",\"x\":[{\"y\":1}]},\r\n\r\n{\"id\":\"2\"},",
        "{\n  \"id\": \"1\",\n  \"x\": [\n{\"y\":1}\n]\n}\n{\n \"id\": \"2\"\n}\n",
        "\u{FEFF}{\"id\":\"1\",\n\"x\":[{\"y\":1}]}\n\u{FEFF}{\"id\":\"2\"}",
        "[{\"id\":\"1\",\"x\":[{\"y\":1}]},{\"id\":\"2\"}]",
    ] {
        let (found, ended) = records(text);
        assert_eq!((ended, &found[..]), (None, &expected.map(str::to_owned)[..]), "{text}");
    }
    assert_eq!(records(""), (vec![], None));
    assert_eq!(records("[]"), (vec![], None));
}

#[test]
fn a_line_that_was_cut_takes_no_other_with_it() {
    let cut = "{\"id\":\"1\"}\n{\"id\":\"2\",\"x\":{\n{\"id\":\"3\"}\n{\"id\":\"4\",\"t\":\"ab\n{\"id\":\"5\"}\n";
    let whole = |n: u32| format!("{{\"id\":\"{n}\"}}");
    let expected = [whole(1), "damaged".into(), whole(3), "damaged".into(), whole(5)];
    assert_eq!(records(cut), (expected.to_vec(), None));
    // Where objects span lines, the file ends with the damage.
    let (found, ended) = records("{\n\"id\":\"1\"\n}\n{\n\"id\":\"2\"\n");
    assert_eq!(
        (&found[..], ended.unwrap_or_default().starts_with("truncated")),
        (&[whole(1)][..], true)
    );
    for text in ["null", "7", "\"[]\"", "<a/>"] {
        assert_eq!(records(text).0, ["damaged"], "{text}");
    }
}
