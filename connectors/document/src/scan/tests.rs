use super::*;

#[test]
fn elements_are_found_whatever_is_wrong_within_them() {
    let of = |text: &str| {
        elements(text)
            .map(|found| found.into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>())
    };
    let list = |all: &[&str]| Ok(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    assert_eq!(of(" {\"a\":1} "), list(&["{\"a\":1}"]));
    assert_eq!(
        of("[{\"a\":\"],\\\"\"} , NaN,{b:1}]\n"),
        list(&["{\"a\":\"],\\\"\"}", "NaN", "{b:1}"])
    );
    assert_eq!(of("[1,,2,]"), list(&["1", "2"]));
    assert_eq!(of("[]"), list(&[]));
    assert_eq!(of("\"text\""), list(&["\"text\""]));
    for (text, place) in [
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
        let error = of(text).unwrap_err().to_string();
        assert!(error.contains(place), "{text}: {error}");
    }
}
