//! Replaces references to secrets with their values, and hides values that seem to be secrets written in
//! plain text.

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Checker, Schema};
use crate::{
    format::{self, nearest},
    shape::{Shape, alternatives},
};

/// The value of an unknown key, or of a key on a line with a syntax error, is hidden in problems if the key
/// contains one of these words.
const SECRET_WORDS: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "appkey",
    "cookie",
    "密码",
    "口令",
    "密钥",
];

impl Checker<'_> {
    /// Returns the secret that `{ env = … }` or `{ file = … }` refers to. If there is none, reports why and
    /// returns `Null`.
    pub(super) fn secret(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Value {
        let mut references =
            table.iter().filter(|(key, _)| matches!(key.get_ref().as_ref(), "env" | "file"));
        let (Some((key, value)), None) = (references.next(), references.next()) else {
            self.report(span, "a secret is either { env = … } or { file = … }".to_owned(), None);
            return Value::Null;
        };
        // A name that is not a string was reported when the key was checked.
        let Some(name) = value.get_ref().as_str() else { return Value::Null };
        let secret = format::secret(key.get_ref(), name, self.context);
        self.result.secrets.extend(secret.iter().cloned());
        self.value_or_report(secret, name, value.span())
    }

    /// Hides a value beside which the schema allows a table with secrets, unless it is one of the allowed texts.
    pub(super) fn hide_unless_allowed(
        &mut self,
        shapes: &[Shape<'_>],
        value: &Spanned<DeValue<'_>>,
    ) {
        let mut choices = shapes.iter().flat_map(|shape| &shape.choices);
        let text = value.get_ref().as_str();
        if !text.is_some_and(|text| choices.any(|choice| choice.as_str() == Some(text))) {
            self.hide(value);
        }
    }

    /// Hides a value, and everything below it, in every line of the file that a problem shows.
    pub(super) fn hide(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().for_each(|(_, value)| self.hide(value)),
            DeValue::Array(list) => list.iter().for_each(|value| self.hide(value)),
            _ => self.result.hidden.push(value.span()),
        }
    }
}

impl Schema<'_> {
    /// Whether the value of a key may be a secret, judging by the name of the key.
    pub(crate) fn may_be_secret(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        nearest(name, self.secret_keys.iter().copied()).is_some()
            || SECRET_WORDS.iter().any(|word| lower.contains(word))
    }
}

/// Names of all keys of a schema that hold secrets.
pub(super) fn secret_keys(root: &Value) -> Vec<&str> {
    let mut keys = Vec::new();
    collect_secret_keys(root, root, &mut keys);
    keys
}

/// Adds to `keys` the names of the keys below `schema` that hold secrets.
fn collect_secret_keys<'s>(root: &'s Value, schema: &'s Value, keys: &mut Vec<&'s str>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                if key == "properties" {
                    let properties = value.as_object().into_iter().flatten();
                    keys.extend(
                        properties
                            .filter(|(_, property)| may_hold_secret(root, property))
                            .map(|(key, _)| key.as_str()),
                    );
                }
                collect_secret_keys(root, value, keys);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_secret_keys(root, value, keys)),
        _ => {}
    }
}

/// Whether the value of a key is a secret, or a text that may be one.
fn may_hold_secret(root: &Value, schema: &Value) -> bool {
    let shapes = alternatives(root, schema);
    let has_free_texts =
        |shape: &Shape<'_>| shape.other_keys.is_some_and(|schema| is_free_text(root, schema));
    shapes.iter().any(Shape::is_secret)
        || shapes.iter().any(has_free_texts)
        || may_hold_text_secret(root, &shapes)
}

/// Whether these shapes are a text or a table with secrets, like `auth`: a secret may be written as the text.
pub(super) fn may_hold_text_secret(root: &Value, shapes: &[Shape<'_>]) -> bool {
    let is_secret =
        |(_, property): &(&str, &Value)| alternatives(root, property).iter().any(Shape::is_secret);
    shapes.iter().any(|shape| shape.types.contains(&"string"))
        && shapes.iter().any(|shape| shape.properties.iter().any(is_secret))
}

/// Whether a schema allows any text.
pub(super) fn is_free_text(root: &Value, schema: &Value) -> bool {
    let is_free = |shape: &Shape<'_>| {
        shape.types.contains(&"string") && shape.format.is_none() && shape.choices.is_empty()
    };
    alternatives(root, schema).iter().any(is_free)
}
