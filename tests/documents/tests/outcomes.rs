//! Tests a table of things that can be wrong in a record, with what every connector must do about each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use document_tests::{Outcome, Outcomes, json_list, plugin_lines, xml_list};

/// The expected outcome of the record in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is accepted without quality flags.
    Clean,
    /// It is accepted with a quality flag.
    Flagged,
    /// It is unreadable, and its key is known.
    Damaged,
    /// It is unreadable, and its key is not certain.
    NoKey,
    /// The whole document is refused, because the records cannot be told apart.
    Refused,
}
use Expected::*;

/// JSON records; each one is placed between two good ones.
const JSON: &[(&str, &str, Expected)] = &[
    ("a raw tab in a text", "{\"id\":\"2\",\"v\":\"a\tb\"}", Flagged),
    ("a raw line break in a text", "{\"id\":\"2\",\"v\":\"a\nb\"}", Flagged),
    ("a bare control character", "{\"id\":\"2\",\"v\":\"a\u{1}b\"}", Flagged),
    ("half a character", r#"{"id":"2","v":"\ud83d"}"#, Flagged),
    ("half a character in the key", r#"{"id":"2\ud83d","v":"x"}"#, NoKey),
    ("minus zero", r#"{"id":"2","v":-0}"#, Clean),
    ("a long number", r#"{"id":"2","v":9007199254740993}"#, Clean),
    ("NaN", r#"{"id":"2","v":NaN}"#, Damaged),
    ("infinity", r#"{"id":"2","v":-Infinity}"#, Damaged),
    ("two points in a number", r#"{"id":"2","v":0.1.2}"#, Damaged),
    ("an exponent without digits", r#"{"id":"2","v":1.0e+}"#, Damaged),
    ("a leading zero", r#"{"id":"2","v":[007]}"#, Damaged),
    ("a key that is not a number", r#"{"id":2.0.1,"v":1}"#, NoKey),
    ("a comma after the last field", r#"{"id":"2","v":1,}"#, Damaged),
    ("a comma after the last item of a list", r#"{"id":"2","v":[1,]}"#, Damaged),
    ("a missing comma", r#"{"id":"2","v":"x" "w":"y"}"#, Damaged),
    ("a missing colon", r#"{"id":"2","v" "x"}"#, Damaged),
    ("a name without quotes", r#"{"id":"2",v:"x"}"#, Damaged),
    ("a text in single quotes", r#"{"id":"2","v":'x'}"#, Damaged),
    ("an unknown escape", r#"{"id":"2","v":"\x41"}"#, Damaged),
    ("a comment", r#"{"id":"2","v":/* x */1}"#, Damaged),
    ("a name twice, the same value", r#"{"id":"2","v":1,"v":1}"#, Clean),
    ("a name twice, two values", r#"{"id":"2","v":1,"v":2}"#, Flagged),
    ("the key twice, two values", r#"{"id":"2","id":"3","v":2}"#, NoKey),
    ("a bracket of another kind", r#"{"id":"2","v":[1}"#, Refused),
    ("one bracket too many", r#"{"id":"2","v":{}}}"#, Refused),
    ("a text without end", r#"{"id":"2","v":"x}"#, Refused),
    ("a record that is not an object", "NaN", NoKey),
];

/// XML records; each one is placed between two good ones.
const XML: &[(&str, &str, Expected)] = &[
    ("a lone ampersand", "<id>2</id><v>R&D & more</v>", Flagged),
    ("a lone ampersand in an attribute", "<id>2</id><v a='x&y'/>", Flagged),
    ("a reference to NUL", "<id>2</id><v>a&#x0;b</v>", Flagged),
    ("a bare control character", "<id>2</id><v>a\u{b}b</v>", Flagged),
    ("a reference to half a character", "<id>2</id><v>&#xD83D;</v>", Flagged),
    ("an entity of HTML", "<id>2</id><v>a&nbsp;b</v>", Clean),
    ("a break of HTML", "<id>2</id><v>a<br>b<br/>c</v>", Flagged),
    ("a closed break of HTML", "<id>2</id><v>a<br/>b</v>", Clean),
    ("an element that is not closed", "<id>2</id><v>x<w>y</v>", Damaged),
    ("an end tag without a start tag", "<id>2</id><v>x</w></v>", Damaged),
    ("an attribute without quotes", "<id>2</id><v a=x/>", Damaged),
    ("an attribute twice", "<id>2</id><v a='x' a='y'/>", Flagged),
    ("a tag that does not end", "<id>2</id><v a='x", Refused),
];

#[test]
fn the_same_json_has_the_same_outcome_in_every_connector() {
    for (name, record, expected) in JSON {
        let list = format!(r#"[{{"id":"1"}},{record},{{"id":"9"}}]"#);
        let all = json_list(list.as_bytes()).unwrap();
        for (connector, outcomes) in &all {
            holds(connector, name, outcomes, *expected);
        }
        same(name, &all);
        if !matches!(expected, Refused | NoKey) {
            let lines =
                [r#"{"id":"1"}"#, record, r#"{"id":"9"}"#].map(|line| line.as_bytes().to_vec());
            let outcomes = plugin_lines(&lines).unwrap().unwrap();
            // A line break would end a line of the protocol, so `plugin_lines` writes a blank.
            let is_broken_up = record.contains('\n');
            let is_accepted = |outcome: &Outcome| matches!(outcome, Outcome::Accepted { .. });
            assert_eq!(is_accepted(&outcomes[1]), *expected != Damaged, "{name}: {outcomes:?}");
            let n_flags = |outcome: &Outcome| {
                if let Outcome::Accepted { n_flags, .. } = outcome { *n_flags } else { 0 }
            };
            assert_eq!(n_flags(&outcomes[1]) > 0, *expected == Flagged && !is_broken_up, "{name}");
            assert!(is_accepted(&outcomes[0]) && is_accepted(&outcomes[2]), "{name}");
        }
    }
}

#[test]
fn the_same_xml_has_the_same_outcome_in_files_and_over_http() {
    for (name, record, expected) in XML {
        let document = format!(
            "<rows>\n<row><id>1</id></row>\n<row>{record}</row>\n<row><id>9</id></row>\n</rows>"
        );
        let all = xml_list(document.as_bytes()).unwrap();
        for (connector, outcomes) in &all {
            holds(connector, name, outcomes, *expected);
        }
        same(name, &all);
    }
    // The record in the middle is not closed at all.
    let document = "<rows><row><id>1</id></row><row><id>2</id><row><id>9</id></row></rows>";
    for (connector, outcomes) in xml_list(document.as_bytes()).unwrap() {
        holds(connector, "a record that is not closed", &outcomes, Damaged);
    }
}

#[test]
fn a_document_is_read_in_whatever_charset_it_came() {
    let text =
        "[{\"id\":\"1\"},{\"id\":\"2\",\"v\":\"小区的电梯坏了三天没有人来修\"},{\"id\":\"9\"}]";
    let gbk = encoding_rs::GBK.encode(text).0.into_owned();
    let marked = format!("\u{feff}{text}").into_bytes();
    for (name, bytes) in [("plain", text.as_bytes().to_vec()), ("BOM", marked), ("GBK", gbk)] {
        let all = json_list(&bytes).unwrap();
        for (connector, outcomes) in &all {
            holds(connector, name, outcomes, Clean);
        }
    }
}

#[test]
fn an_empty_place_in_the_list_is_not_a_record() {
    for list in [r#"[{"id":"1"},,{"id":"9"}]"#, r#"[{"id":"1"},{"id":"9"},]"#] {
        for (connector, outcomes) in json_list(list.as_bytes()).unwrap() {
            assert_eq!(outcomes.unwrap().len(), 2, "{connector}: {list}");
        }
    }
}

#[track_caller]
fn holds(connector: &str, name: &str, outcomes: &Outcomes, expected: Expected) {
    let Some(outcomes) = outcomes else {
        assert_eq!(expected, Refused, "{connector} refuses all: {name}");
        return;
    };
    let [first, middle, last] = &outcomes[..] else {
        panic!("{connector}: {name}: {outcomes:?}");
    };
    let good = |key: &str| Outcome::Accepted { key: key.to_owned(), n_flags: 0 };
    assert_eq!((first, last), (&good("1"), &good("9")), "{connector}: {name}");
    let found = match middle {
        Outcome::Accepted { n_flags: 0, key } if key == "2" => Clean,
        Outcome::Accepted { key, .. } if key == "2" => Flagged,
        Outcome::Unreadable { key: Some(key) } if key == "2" => Damaged,
        Outcome::Unreadable { key: None } => NoKey,
        other => panic!("{connector}: {name}: {other:?}"),
    };
    assert_eq!(found, expected, "{connector}: {name}");
}

#[track_caller]
fn same(name: &str, all: &[(&'static str, Outcomes)]) {
    for (connector, outcomes) in all {
        assert_eq!(outcomes, &all[0].1, "{connector} and {} differ: {name}", all[0].0);
    }
}
