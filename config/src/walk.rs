//! Checks a file: walks its tree along a JSON Schema.
//!
//! Deserialising would stop at the first mistake, and knows neither columns nor what was probably meant.
//! So the walk notes every mistake with its byte range, and at the same time builds the value that is
//! deserialised if there are none, with secrets filled in.

mod scalar;
mod secrets;
mod table;
mod types;

pub(crate) use types::quote;

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    format::{self, World, Wrong},
    problem::Suggestion,
    shape::{self, Shape},
    source::Finding,
};

/// What a walk found and built.
#[derive(Default)]
pub(crate) struct Walked {
    /// The file as JSON, with secrets filled in. Valid only if nothing was found.
    pub(crate) value: Value,
    /// All mistakes.
    pub(crate) found: Vec<Finding>,
    /// Byte ranges that must not be shown.
    pub(crate) hidden: Vec<Range<usize>>,
    /// The secrets that were filled in.
    pub(crate) secrets: Vec<String>,
}

/// A schema, prepared for checking many files.
pub(crate) struct Rules<'s> {
    /// The schema; definitions are at its root.
    schema: &'s Value,
    /// Names of all keys of secrets in it.
    secret_keys: Vec<&'s str>,
}

impl<'s> Rules<'s> {
    pub(crate) fn of(schema: &'s Value) -> Self {
        Self { schema, secret_keys: secrets::keys(schema) }
    }

    /// Checks a file.
    pub(crate) fn check(
        &self,
        tree: &Spanned<DeTable<'_>>,
        text: &str,
        world: &World<'_>,
    ) -> Walked {
        let (path, walked) = (Vec::new(), Walked::default());
        let mut walk = Walk { text, world, root: self.schema, path, rules: self, walked };
        if let Some(shape) = shape::alternatives(self.schema, self.schema).first() {
            walk.walked.value = walk.table(shape, tree.get_ref(), 0..0);
        }
        walk.walked
    }
}

/// A walk under way.
struct Walk<'a> {
    text: &'a str,
    world: &'a World<'a>,
    root: &'a Value,
    /// Keys and positions on the way here.
    path: Vec<String>,
    rules: &'a Rules<'a>,
    walked: Walked,
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>) -> Value {
        let shapes = shape::alternatives(self.root, schema);
        let fitting: Vec<&Shape<'a>> =
            shapes.iter().filter(|shape| shape.admits(value.get_ref())).collect();
        match fitting.as_slice() {
            [] => {
                self.wrong_type(&shapes, value);
                Value::Null
            }
            [only] => self.fit(only, value),
            several => self.best(several, value),
        }
    }

    /// Of several shapes, the one with the fewest mistakes was meant.
    fn best(&mut self, shapes: &[&Shape<'a>], value: &Spanned<DeValue<'_>>) -> Value {
        let before = self.walked.found.len();
        let mut best: Option<(Vec<Finding>, Value)> = None;
        for shape in shapes {
            let built = self.fit(shape, value);
            let found = self.walked.found.split_off(before);
            if best.as_ref().is_none_or(|(fewest, _)| found.len() < fewest.len()) {
                best = Some((found, built));
            }
        }
        best.map_or(Value::Null, |(found, built)| {
            self.walked.found.extend(found);
            built
        })
    }

    fn fit(&mut self, shape: &Shape<'a>, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => self.table(shape, table, value.span()),
            DeValue::Array(array) => {
                self.count(shape, array.len(), "entries", value.span());
                let Some(items) = shape.items else { return table::plain_list(array) };
                let mut list = Vec::new();
                for (position, item) in array.iter().enumerate() {
                    self.path.push(position.to_string());
                    list.push(self.value(items, item));
                    self.path.pop();
                }
                Value::Array(list)
            }
            scalar => self.scalar(shape, scalar, value.span()),
        }
    }

    fn count(&mut self, shape: &Shape<'_>, count: usize, what: &str, span: Range<usize>) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let (least, most) = shape.size;
        if let Some(least) = least.filter(|least| count < *least) {
            self.find(span.clone(), format!("{count} {what}, but at least {least} are needed"));
        }
        if let Some(most) = most.filter(|most| count > *most) {
            self.find(span, format!("{count} {what}, but at most {most} are possible"));
        }
    }

    fn find(&mut self, span: Range<usize>, message: String) {
        self.note(span, message, None);
    }

    fn note(&mut self, span: Range<usize>, message: String, suggestion: Option<Suggestion>) {
        self.walked.found.push(Finding::new(span, message, suggestion));
    }

    /// Notes what a format found in a text, at its byte range.
    fn wrong(&mut self, span: Range<usize>, text: &str, wrong: Wrong) {
        let quoted = self.text.get(span.start + 1..span.end.saturating_sub(1)) == Some(text);
        let part = wrong.part.filter(|_| quoted);
        let at = part
            .map_or(span.clone(), |part| span.start + 1 + part.start..span.start + 1 + part.end);
        let instead = wrong.instead.map(|text| Suggestion::replace(span, types::quote(&text)));
        self.note(at, wrong.message, instead.or(wrong.advice.map(Suggestion::advice)));
    }

    /// Notes a value of the wrong type.
    fn wrong_type(&mut self, shapes: &[Shape<'a>], value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        if shapes.iter().any(Shape::is_secret) {
            self.walked.hidden.push(span.clone());
            self.note(
                span,
                "a secret must not be written into the configuration".to_owned(),
                Some(Suggestion::advice(
                    "put it into an environment variable, or a file that only the gateway can read, \
                     and write { env = \"NAME\" } or { file = \"PATH\" }",
                )),
            );
            return;
        }
        let mut wanted: Vec<String> = shapes.iter().flat_map(types::describe).collect();
        wanted.dedup();
        let found = types::name(value.get_ref());
        let literal = self.text.get(span.clone()).unwrap_or_default();
        let suggestion =
            shapes.iter().find_map(|shape| types::instead(self.root, shape, value, literal));
        let message = format!("expected {}, found {found}", types::either(&wanted));
        self.note(span.clone(), message, suggestion.map(|text| Suggestion::replace(span, text)));
    }

    /// The keys on the way here, as a table header; list positions are left out.
    fn header(&self) -> String {
        let keys: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|key| !key.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        if keys.is_empty() { String::new() } else { format!(" in `[{}]`", keys.join(".")) }
    }

    fn check_format(&mut self, shape: &Shape<'_>, text: &str, span: Range<usize>) {
        if let Some(wrong) = format::check(shape, text, self.world) {
            self.wrong(span, text, wrong);
        }
    }
}
