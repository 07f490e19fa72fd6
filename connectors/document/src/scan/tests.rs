use super::*;

#[test]
fn the_values_of_a_text_are_counted_without_parsing_it() {
    for (text, n) in [
        ("1", 1),
        ("[1,1,1]", 4),
        ("{\"a\":[{\"b\":1}]}", 4),
        ("\"a,b,[{\\\",\"", 1),
        ("{\"a\\\\\":1,\"b\":2}", 3),
        ("[[[[", 5),
    ] {
        assert_eq!(n_values(text.as_bytes()), n, "{text}");
    }
}

#[test]
fn elements_are_found_even_if_they_are_damaged() {
    let texts = |text: &str| {
        elements(text)
            .map(|found| found.into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>())
    };
    let list = |all: &[&str]| Ok(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    assert_eq!(texts(" {\"a\":1} "), list(&["{\"a\":1}"]));
    assert_eq!(
        texts("[{\"a\":\"],\\\"\"} , NaN,{b:1}]\n"),
        list(&["{\"a\":\"],\\\"\"}", "NaN", "{b:1}"])
    );
    assert_eq!(texts("[1,,2,]"), list(&["1", "2"]));
    assert_eq!(texts("[]"), list(&[]));
    assert_eq!(texts("\"text\""), list(&["\"text\""]));
    for (text, message) in [
        ("", "ends too early at line 1, column 1"),
        ("[1", "ends too early"),
        ("{\"a\":1", "ends too early"),
        ("[\n{\"a\":[1}]", "does not match the open one at line 2, column 8"),
        ("[1}", "does not match the open one"),
        ("[1] x", "follows"),
        ("1,2", "follows"),
        ("id=1", "not a JSON value"),
        ("[\"a]", "ends too early"),
    ] {
        let error = texts(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a_document_counts_what_its_tree_takes_and_not_only_its_text() {
    let dense = format!("[{}1]", "1,".repeat(999));
    let objects = format!("[{}{{}}]", "{},".repeat(999));
    let members = format!("{{{}\"b\":1}}", "\"a\":1,".repeat(999));
    let text = format!("[\"{}\"]", "a,[{<:= \\\",".repeat(999));
    let inner = tree_bytes(&text, true);
    assert!(tree_bytes(&dense, false) >= 1_000 * VALUE_BYTES);
    assert!(tree_bytes(&objects, false) >= 1_000 * (VALUE_BYTES + OBJECT_BYTES));
    assert!(tree_bytes(&members, false) >= 1_000 * (VALUE_BYTES + MEMBER_BYTES));
    assert_eq!(tree_bytes(&text, false), 3 * text.len() + VALUE_BYTES, "a text is one value");
    assert!(inner >= 999 * OBJECT_BYTES, "unless it is a document too");
    let element = "<row id=\"1\"><name>a</name></row>";
    assert!(tree_bytes(&element.repeat(1_000), false) >= 5_000 * TAG_BYTES);
}
