//! Checks strings, numbers and booleans: allowed values, bounds and formats.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::de::DeValue;

use super::{Checker, types};
use crate::{
    format::{self, nearest},
    problem::Suggestion,
    shape::Shape,
};

impl<'a> Checker<'a> {
    /// Checks a string, number or boolean, and returns it as JSON. Returns what the name of a variable or
    /// of a file stands for, if the schema demands that.
    pub(super) fn check_scalar(
        &mut self,
        shape: &Shape<'a>,
        value: &DeValue<'_>,
        span: Range<usize>,
    ) -> Value {
        let Some(value) = types::scalar_to_json(value) else {
            self.report(span, "the number is too large, or is not finite".to_owned(), None);
            return Value::Null;
        };
        if !shape.choices.is_empty() {
            self.check_choice(shape, &value, span);
            return value;
        }
        match &value {
            Value::String(name) if shape.format == Some("variable") => {
                let secret = format::variable(name, self.context);
                self.result.secrets.extend(secret.iter().cloned());
                return self.value_or_report(secret, name, span);
            }
            Value::String(name) if shape.format == Some("content") => {
                return self.value_or_report(format::content(name, self.context), name, span);
            }
            Value::String(text) => {
                self.check_count(shape, text.chars().count(), "characters", span.clone());
                if let Some(problem) = format::check(shape, text, self.context) {
                    self.report_text(span, text, problem);
                }
            }
            Value::Number(number) => self.check_range(shape, number, span),
            _ => {}
        }
        value
    }

    fn check_choice(&mut self, shape: &Shape<'a>, value: &Value, span: Range<usize>) {
        if shape.choices.contains(&value) {
            return;
        }
        let texts = shape.choices.iter().filter_map(|choice| choice.as_str());
        let meant = value.as_str().and_then(|text| nearest(text, texts));
        let list: Vec<String> = shape.choices.iter().map(ToString::to_string).collect();
        let message = match self.path.iter().rev().find(|key| key.parse::<usize>().is_err()) {
            Some(key) => format!("`{key}` cannot be {value}"),
            None => format!("{value} is not allowed here"),
        };
        let suggestion = match meant {
            Some(meant) => Suggestion::replace(span.clone(), types::quote(meant)),
            None => Suggestion::advice(format!("possible values: {}", list.join(", "))),
        };
        self.report(span, message, Some(suggestion));
    }

    fn check_range(&mut self, shape: &Shape<'a>, number: &Number, span: Range<usize>) {
        let Some(float) = number.as_f64() else { return };
        if let Some(min) = shape.range.0.filter(|min| float < *min) {
            self.report(span.clone(), format!("{number} is less than the minimum, {min}"), None);
        }
        if let Some(max) = shape.range.1.filter(|max| float > *max) {
            self.report(span, format!("{number} is more than the maximum, {max}"), None);
        }
    }

    /// Returns the text that the reference `name` stands for. If there is none, reports why and returns
    /// `Null`. If that message leaves out the name, the name may itself be a secret, so it is hidden.
    pub(super) fn value_or_report(
        &mut self,
        text: Result<String, format::TextProblem>,
        name: &str,
        span: Range<usize>,
    ) -> Value {
        match text {
            Ok(text) => Value::String(text),
            Err(problem) => {
                if !problem.message.contains(name) {
                    self.result.hidden.push(span.clone());
                }
                self.report_text(span, name, problem);
                Value::Null
            }
        }
    }
}
