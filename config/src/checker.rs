//! Checks the parsed tree of a file against a JSON Schema.
//!
//! Deserialising would stop at the first mistake, and report no column and no suggestion. The checker
//! reports every mistake with its byte range. It also builds the value, with secrets filled in, that is
//! deserialised if there are no mistakes.

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
    config_file::Finding,
    format::{Context, TextProblem},
    problem::Suggestion,
    shape::{self, Shape},
};

/// Number of mistakes in a file after which the checker looks for no more: nobody reads them all, and a file of
/// hundreds of thousands must not keep it busy.
pub(crate) const MAX_FINDINGS: usize = 100;

/// The mistakes in a file, and its value.
#[derive(Default)]
pub(crate) struct CheckResult {
    /// The file as JSON, with secrets filled in. Valid only if `findings` is empty.
    pub(crate) value: Value,
    /// All mistakes, or at least [`MAX_FINDINGS`] of them.
    pub(crate) findings: Vec<Finding>,
    /// Byte ranges of the file that may hold a secret, so no problem may show them.
    pub(crate) hidden: Vec<Range<usize>>,
    /// The secrets that were filled in.
    pub(crate) secrets: Vec<String>,
}

/// A schema, prepared for checking many files.
pub(crate) struct Schema<'s> {
    /// The whole schema, with its definitions.
    root: &'s Value,
    /// Names of all keys in it that hold secrets.
    secret_keys: Vec<&'s str>,
}

impl<'s> Schema<'s> {
    pub(crate) fn new(schema: &'s Value) -> Self {
        Self { root: schema, secret_keys: secrets::secret_keys(schema) }
    }

    /// Checks the tree of a file; `text` is its content.
    pub(crate) fn check(
        &self,
        tree: &Spanned<DeTable<'_>>,
        text: &str,
        context: &Context<'_>,
    ) -> CheckResult {
        let (path, result) = (Vec::new(), CheckResult::default());
        let mut checker = Checker { text, context, path, schema: self, result };
        if let Some(shape) = shape::alternatives(self.root, self.root).first() {
            checker.result.value = checker.check_table(shape, tree.get_ref(), 0..0);
        }
        checker.result
    }
}

/// Checks the tree of one file.
struct Checker<'a> {
    text: &'a str,
    context: &'a Context<'a>,
    /// The keys and list positions that lead to the current value.
    path: Vec<String>,
    schema: &'a Schema<'a>,
    result: CheckResult,
}

impl<'a> Checker<'a> {
    /// Checks a value, and returns it as JSON.
    fn check_value(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>) -> Value {
        if self.has_enough() {
            // It may stand on the line of a mistake that is shown.
            self.hide(value);
            return Value::Null;
        }
        let shapes = shape::alternatives(self.schema.root, schema);
        if !value.get_ref().is_table() && secrets::may_hold_text_secret(self.schema.root, &shapes) {
            self.hide_unless_allowed(&shapes, value);
        }
        let admitting: Vec<&Shape<'a>> =
            shapes.iter().filter(|shape| shape.admits(value.get_ref())).collect();
        match admitting.as_slice() {
            [] => {
                self.report_wrong_type(&shapes, value);
                Value::Null
            }
            [only] => self.check_shape(only, value),
            several => self.check_shapes(several, value),
        }
    }

    /// Checks a value against several shapes, and keeps the findings of the shape with the fewest: that
    /// shape was probably meant.
    fn check_shapes(&mut self, shapes: &[&Shape<'a>], value: &Spanned<DeValue<'_>>) -> Value {
        let n_before = self.result.findings.len();
        let mut best: Option<(Vec<Finding>, Value)> = None;
        for shape in shapes {
            let built = self.check_shape(shape, value);
            let findings = self.result.findings.split_off(n_before);
            if best.as_ref().is_none_or(|(fewest, _)| findings.len() < fewest.len()) {
                best = Some((findings, built));
            }
        }
        best.map_or(Value::Null, |(findings, built)| {
            self.result.findings.extend(findings);
            built
        })
    }

    /// Checks a value against one shape, and returns it as JSON.
    fn check_shape(&mut self, shape: &Shape<'a>, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => self.check_table(shape, table, value.span()),
            DeValue::Array(array) => {
                self.check_count(shape, array.len(), "entries", value.span());
                let Some(items) = shape.items else { return table::list_to_json(array) };
                let mut list = Vec::new();
                for (position, item) in array.iter().enumerate() {
                    self.path.push(position.to_string());
                    list.push(self.check_value(items, item));
                    self.path.pop();
                }
                Value::Array(list)
            }
            scalar => self.check_scalar(shape, scalar, value.span()),
        }
    }

    /// Checks the number of list entries or characters; `what` names them in messages.
    fn check_count(&mut self, shape: &Shape<'_>, count: usize, what: &str, span: Range<usize>) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let (min, max) = shape.size;
        if let Some(min) = min.filter(|min| count < *min) {
            let message = format!("the number of {what} is {count}, but must be at least {min}");
            self.report(span.clone(), message, None);
        }
        if let Some(max) = max.filter(|max| count > *max) {
            let message = format!("the number of {what} is {count}, but must be at most {max}");
            self.report(span, message, None);
        }
    }

    /// Whether so many mistakes were found that no more are looked for.
    fn has_enough(&self) -> bool {
        self.result.findings.len() >= MAX_FINDINGS
    }

    fn report(&mut self, span: Range<usize>, message: String, suggestion: Option<Suggestion>) {
        self.result.findings.push(Finding::new(span, message, suggestion));
    }

    /// Reports a problem with the string `text`, which is at `span` in the file.
    fn report_text(&mut self, span: Range<usize>, text: &str, problem: TextProblem) {
        // With escapes in the string, the place of the mistake in the file is not known.
        let is_verbatim = self.text.get(span.start + 1..span.end.saturating_sub(1)) == Some(text);
        let part = problem.part.filter(|_| is_verbatim);
        let range = part
            .map_or(span.clone(), |part| span.start + 1 + part.start..span.start + 1 + part.end);
        let suggestion =
            problem.suggestion.map(|text| Suggestion::replace(span, types::quote(&text)));
        self.report(range, problem.message, suggestion.or(problem.advice.map(Suggestion::advice)));
    }

    /// Reports a value of the wrong type.
    fn report_wrong_type(&mut self, shapes: &[Shape<'a>], value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        if shapes.iter().any(Shape::is_secret) {
            self.result.hidden.push(span.clone());
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
        let mut expected: Vec<String> = shapes.iter().flat_map(types::describe).collect();
        expected.dedup();
        let found_type = types::type_name(value.get_ref());
        let literal = self.text.get(span.clone()).unwrap_or_default();
        let suggestion =
            shapes.iter().find_map(|shape| types::convert(self.schema.root, shape, value, literal));
        let message = format!("expected {}, found {found_type}", types::join_with_or(&expected));
        self.report(span.clone(), message, suggestion.map(|text| Suggestion::replace(span, text)));
    }

    /// The end of a message: `` in `[table]` `` with the keys that lead to the current value, without
    /// list positions; empty at the top of the file.
    fn in_table(&self) -> String {
        let keys: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|key| !key.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        if keys.is_empty() { String::new() } else { format!(" in `[{}]`", keys.join(".")) }
    }
}
