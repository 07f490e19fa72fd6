//! Documents: what is read of them can be written and read again, and the records of a list are the
//! same whether it is read whole or one by one.

#![allow(clippy::unwrap_used, reason = "to panic is how a target says no")]

use document::{Findings, Shape, decode, elements};
use normalizer_text::Hints;
use serde_json::Value;

/// Levels that every reader of JSON allows.
const FEW_LEVELS: usize = 100;

/// An XML document becomes a tree that JSON can hold, whatever is damaged in it.
pub(crate) fn xml(input: &[u8]) {
    if let Some((tree, _)) = read(input, Shape::Xml) {
        assert!(tree.is_object());
        same_again(&tree);
    }
}

/// What anybody reads as JSON is read, and always the same.
pub(crate) fn json(input: &[u8]) {
    let read = read(input, Shape::Json);
    let text = decode(input, &Hints::default()).text;
    let levels = text.matches(['[', '{']).count();
    if levels < FEW_LEVELS && serde_json::from_str::<Value>(&text).is_ok() {
        assert!(read.as_ref().is_some_and(|(_, is_whole)| *is_whole));
    }
    if let Some((tree, _)) = read {
        same_again(&tree);
    }
    if levels < FEW_LEVELS {
        one_by_one(&text);
    }
}

/// A list read whole, and its elements read one by one: both refuse it or give as many.
fn one_by_one(text: &str) {
    let mut findings = Findings::default();
    let whole = Shape::Json.parse(text, &mut findings);
    if let (Ok(Value::Array(list)), Ok(elements)) = (&whole, elements(text)) {
        let list: Vec<_> = list.iter().filter(|value| !findings.is_nothing(value)).collect();
        assert_eq!(list.len(), elements.len());
        for (value, element) in list.into_iter().zip(elements) {
            let mut alone = Findings::default();
            let is_whole = Shape::Json
                .parse(&text[element], &mut alone)
                .is_ok_and(|tree| alone.damage_in(&tree).is_none());
            assert_eq!(is_whole, findings.damage_in(value).is_none());
        }
    }
}

/// The tree as it would be taken, and whether nothing in it is damaged.
fn read(input: &[u8], shape: Shape) -> Option<(Value, bool)> {
    let mut text = decode(input, &Hints::default());
    let mut tree = text.parse(shape).ok()?;
    let verdict = text.facts.judge("", &tree);
    let _ = text.facts.findings.bytes_of(&tree);
    text.facts.findings.settle(&mut tree);
    Some((tree, verdict.damage.is_none()))
}

fn same_again(tree: &Value) {
    let again = read(tree.to_string().as_bytes(), Shape::Json).unwrap();
    assert_eq!((&again.0, again.1), (tree, true));
}
