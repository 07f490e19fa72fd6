//! Where the value of a field is found in a record.

use std::borrow::Cow;

use contract::demand::QualityFlag;
use serde_json::Value;

use crate::{notes::Notes, path::Path};

/// Paths in their order, or a fixed value.
#[derive(Debug)]
pub(crate) struct Source {
    /// The field of the demand, to name in doubts.
    pub(crate) target: &'static str,
    pub(crate) paths: Vec<Path>,
    pub(crate) constant: Option<Value>,
}

impl Source {
    /// The first value that is present and not empty.
    pub(crate) fn first<'a>(&'a self, tree: &'a Value) -> Option<&'a Value> {
        self.constant
            .as_ref()
            .or_else(|| self.paths.iter().find_map(|path| path.find(tree, is_present)))
    }

    /// The first value as text.
    pub(crate) fn text<'a>(&'a self, tree: &'a Value, notes: &mut Notes) -> Option<Cow<'a, str>> {
        self.scalar(self.first(tree)?, notes)
    }

    /// All values of the first path that has any, lists taken apart.
    pub(crate) fn all<'a>(&'a self, tree: &'a Value) -> Vec<&'a Value> {
        if let Some(constant) = &self.constant {
            return vec![constant];
        }
        for path in &self.paths {
            let values: Vec<_> = path
                .all(tree)
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(values) => values.iter().collect(),
                    single => vec![single],
                })
                .filter(|value| is_present(value))
                .collect();
            if !values.is_empty() {
                return values;
            }
        }
        Vec::new()
    }

    /// How many nodes the first path finds that has a place to look in.
    pub(crate) fn count(&self, tree: &Value) -> Option<usize> {
        self.paths.iter().find_map(|path| path.count(tree))
    }

    /// A single value as text.
    pub(crate) fn scalar<'a>(&self, value: &'a Value, notes: &mut Notes) -> Option<Cow<'a, str>> {
        match value {
            Value::Null => None,
            Value::Bool(flag) => Some(if *flag { "true" } else { "false" }.into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::String(text) => Some(text.as_str().into()),
            Value::Object(object) if object.len() == 1 && object.contains_key("$hex") => {
                notes.add(self.target, QualityFlag::MalformedBytes, Some("bytes, not text"));
                None
            }
            Value::Array(_) | Value::Object(_) => {
                notes.add(self.target, QualityFlag::OutOfRange, Some("not a single value"));
                None
            }
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}
