//! Documents: what is read of them can be written and read again.

use document::fields_with;
use normalizer_text::Hints;
use serde_json::Value;

/// Levels that every reader of JSON allows.
const FEW_LEVELS: usize = 100;

/// An XML document becomes a tree that JSON can hold.
pub(crate) fn xml(input: &[u8]) {
    let text = document::decode(input, &Hints::default());
    if let Ok(tree) = document::xml(&text.text) {
        assert!(tree.is_object());
        same_again(&tree);
        let _ = fields_with(&text.put_back, &tree);
    }
}

/// What anybody reads as JSON is read, and always the same.
pub(crate) fn json(input: &[u8]) {
    let text = document::decode(input, &Hints::default()).text;
    let tree = document::json(&text);
    if let Ok(tree) = &tree {
        same_again(tree);
    }
    let levels = text.matches(['[', '{']).count();
    if levels < FEW_LEVELS && serde_json::from_str::<Value>(&text).is_ok() {
        assert!(tree.is_ok());
    }
}

fn same_again(tree: &Value) {
    let written = tree.to_string();
    assert_eq!(document::json(&written).as_ref(), Ok(tree));
}
