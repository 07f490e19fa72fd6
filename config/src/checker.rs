//! Checks the tree of a file against a JSON Schema.
//!
//! Deserialising would stop at the first mistake, and knows neither columns nor what was probably meant.
//! The checker reports every mistake with its byte range. At the same time it builds the value that is
//! deserialised if there are no mistakes, with secrets filled in.

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
    format::{Context, TextProblem},
    problem::Suggestion,
    shape::{self, Shape},
    source::Finding,
};

/// The mistakes in a file, and its value.
#[derive(Default)]
pub(crate) struct Checked {
    /// The file as JSON, with secrets filled in. Valid only if nothing was found.
    pub(crate) value: Value,
    /// All mistakes.
    pub(crate) findings: Vec<Finding>,
    /// Byte ranges that must not be shown.
    pub(crate) hidden: Vec<Range<usize>>,
    /// The secrets that were filled in.
    pub(crate) secrets: Vec<String>,
}

/// A schema, prepared for checking many files.
pub(crate) struct Schema<'s> {
    /// The schema; definitions are at its root.
    root: &'s Value,
    /// Names of all keys in it that hold secrets.
    secret_keys: Vec<&'s str>,
}

impl<'s> Schema<'s> {
    pub(crate) fn of(schema: &'s Value) -> Self {
        Self { root: schema, secret_keys: secrets::keys(schema) }
    }

    /// Checks a file.
    pub(crate) fn check(
        &self,
        tree: &Spanned<DeTable<'_>>,
        text: &str,
        context: &Context<'_>,
    ) -> Checked {
        let (path, checked) = (Vec::new(), Checked::default());
        let mut checker = Checker { text, context, path, schema: self, checked };
        if let Some(shape) = shape::alternatives(self.root, self.root).first() {
            checker.checked.value = checker.table(shape, tree.get_ref(), 0..0);
        }
        checker.checked
    }
}

/// Goes through the tree of one file.
struct Checker<'a> {
    text: &'a str,
    context: &'a Context<'a>,
    /// The keys and list positions that lead to the current value.
    path: Vec<String>,
    schema: &'a Schema<'a>,
    checked: Checked,
}

impl<'a> Checker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>) -> Value {
        let shapes = shape::alternatives(self.schema.root, schema);
        let admitting: Vec<&Shape<'a>> =
            shapes.iter().filter(|shape| shape.admits(value.get_ref())).collect();
        match admitting.as_slice() {
            [] => {
                self.wrong_type(&shapes, value);
                Value::Null
            }
            [only] => self.check_shape(only, value),
            several => self.check_shapes(several, value),
        }
    }

    /// Of several shapes, the one with the fewest mistakes was probably meant.
    fn check_shapes(&mut self, shapes: &[&Shape<'a>], value: &Spanned<DeValue<'_>>) -> Value {
        let n_before = self.checked.findings.len();
        let mut best: Option<(Vec<Finding>, Value)> = None;
        for shape in shapes {
            let built = self.check_shape(shape, value);
            let found = self.checked.findings.split_off(n_before);
            if best.as_ref().is_none_or(|(fewest, _)| found.len() < fewest.len()) {
                best = Some((found, built));
            }
        }
        best.map_or(Value::Null, |(found, built)| {
            self.checked.findings.extend(found);
            built
        })
    }

    fn check_shape(&mut self, shape: &Shape<'a>, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => self.table(shape, table, value.span()),
            DeValue::Array(array) => {
                self.check_count(shape, array.len(), "entries", value.span());
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

    fn check_count(&mut self, shape: &Shape<'_>, count: usize, what: &str, span: Range<usize>) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let (min, max) = shape.size;
        if let Some(min) = min.filter(|min| count < *min) {
            self.report(
                span.clone(),
                format!("{count} {what}, but at least {min} are needed"),
                None,
            );
        }
        if let Some(max) = max.filter(|max| count > *max) {
            self.report(span, format!("{count} {what}, but at most {max} are possible"), None);
        }
    }

    fn report(&mut self, span: Range<usize>, message: String, suggestion: Option<Suggestion>) {
        self.checked.findings.push(Finding::new(span, message, suggestion));
    }

    /// Reports a problem of a text, at its byte range.
    fn report_text(&mut self, span: Range<usize>, text: &str, problem: TextProblem) {
        let quoted = self.text.get(span.start + 1..span.end.saturating_sub(1)) == Some(text);
        let part = problem.part.filter(|_| quoted);
        let at = part
            .map_or(span.clone(), |part| span.start + 1 + part.start..span.start + 1 + part.end);
        let suggestion =
            problem.suggestion.map(|text| Suggestion::replace(span, types::quote(&text)));
        self.report(at, problem.message, suggestion.or(problem.advice.map(Suggestion::advice)));
    }

    /// Reports a value of the wrong type.
    fn wrong_type(&mut self, shapes: &[Shape<'a>], value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        if shapes.iter().any(Shape::is_secret) {
            self.checked.hidden.push(span.clone());
            self.report(
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
            shapes.iter().find_map(|shape| types::convert(self.schema.root, shape, value, literal));
        let message = format!("expected {}, found {found}", types::join_with_or(&wanted));
        self.report(span.clone(), message, suggestion.map(|text| Suggestion::replace(span, text)));
    }

    /// The keys that lead to the current value, as a table header; list positions are left out.
    fn header(&self) -> String {
        let keys: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|key| !key.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        if keys.is_empty() { String::new() } else { format!(" in `[{}]`", keys.join(".")) }
    }
}
