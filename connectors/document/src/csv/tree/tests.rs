//! CSV as a tree: what is wrong with a row belongs to it alone.

use contract::demand::QualityFlag;
use normalizer_text::{Charset, Hints};
use serde_json::json;

use super::*;
use crate::{CsvConfig, KeyPath, Malformed, Path, decode};

fn layout(csv: CsvConfig) -> Layout {
    Layout::new(csv, &KeyPath::from(Path::parse("$.id").unwrap()))
}

#[test]
fn a_csv_text_is_the_list_of_its_rows() {
    let header = |names: &[&str]| CsvConfig {
        header: Some(names.iter().map(ToString::to_string).collect()),
        ..CsvConfig::default()
    };
    let delimiter = |text: &str| CsvConfig { delimiter: text.to_owned(), ..CsvConfig::default() };
    let one = json!([{ "id": "1", "t": "a,b\nc" }]);
    for (text, csv, expected) in [
        ("id,t\r\n1,\"a,b\nc\"\r\n", CsvConfig::default(), &one),
        ("t;id\n\"a,b\nc\";1", CsvConfig::default(), &one),
        ("id^^t\n1^^\"a,b\nc\"\n", delimiter("^^"), &one),
        ("月报,\nid,t\n1,\"a,b\nc\"\n", CsvConfig::default(), &one),
        ("1,\"a,b\nc\"\n", header(&["id", "t"]), &one),
        ("1,x,\"a,b\nc\"\n", header(&["id", "", "t"]), &one),
        ("id,t\n1,\"a,b\nc\"\n", header(&["id", "t"]), &one),
        ("id,t\n", CsvConfig::default(), &json!([])),
        (" \r\n", CsvConfig::default(), &json!([])),
        ("", header(&["id", "t"]), &json!([])),
    ] {
        let tree = parse(text, &layout(csv), &mut Findings::default());
        assert_eq!(tree.as_ref(), Ok(expected), "{text:?}");
    }
    for (text, csv, what) in [
        ("1,a\n2,b\n", CsvConfig::default(), "id"),
        ("1,a\n", header(&["no", "t"]), "`csv.header`"),
    ] {
        let error = parse(text, &layout(csv), &mut Findings::default()).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn damage_of_a_row_is_marked_in_it_and_its_neighbours_pass() {
    let bytes = b"id,t,u\n1,a,b\n2,c\n3,\xff,d\n4,x\"\"y,e\n5,f\0,g\n";
    let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
    let mut text = decode(bytes, &hints);
    let findings = &mut text.diagnostics.findings;
    let mut tree = parse(&text.text, &layout(CsvConfig::default()), findings).unwrap();
    let reasons: Vec<Option<String>> = tree
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let defects = text.diagnostics.defects_in("", row);
            defects.reason(Malformed::Reject).map(|reason| reason.code.into_owned())
        })
        .collect();
    let expected = [None, Some("row_shape"), Some("malformed_bytes"), None, None];
    assert_eq!(reasons, expected.map(|code| code.map(str::to_owned)));
    let findings = &text.diagnostics.findings;
    assert!(findings.damage_in(&tree[1]).unwrap().contains("line 3: the row has 2 cells"));
    assert_eq!(findings.source_bytes(&tree[1].to_string()), b"2,c\n");
    assert_eq!(findings.source_bytes(&tree[2]["t"].to_string()), b"\"\xff\"");
    let flags = text.diagnostics.defects_in("", &tree[4]).flags;
    assert_eq!((flags[0].field.as_str(), flags[0].flag), ("t", QualityFlag::ControlCharacters));
    findings.remove_markers(&mut tree);
    assert_eq!(tree[4], json!({ "id": "5", "t": "f", "u": "g" }));
}

#[test]
fn a_table_of_too_many_cells_is_refused() {
    let header: Vec<String> = (0..1_000).map(|n| format!("c{n}")).collect();
    let text = format!("id,{}\n{}", header.join(","), "1\n".repeat(2_000));
    let error = parse(&text, &layout(CsvConfig::default()), &mut Findings::default());
    assert!(error.unwrap_err().contains("smaller pages"));
}
