//! Texts, numbers and booleans: choices, bounds and formats.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::de::DeValue;

use super::{Walk, types};
use crate::{
    format::{self, nearest},
    problem::Suggestion,
    shape::Shape,
};

impl<'a> Walk<'a> {
    pub(super) fn scalar(
        &mut self,
        shape: &Shape<'a>,
        value: &DeValue<'_>,
        span: Range<usize>,
    ) -> Value {
        let Some(value) = types::plain_scalar(value) else {
            self.find(span, "the number is too large, or is not a number".to_owned());
            return Value::Null;
        };
        if !shape.choices.is_empty() {
            self.choice(shape, &value, span);
            return value;
        }
        match &value {
            Value::String(text) if shape.format == Some("variable") => {
                return self.variable(text, span);
            }
            Value::String(name) if shape.format == Some("content") => {
                return self.content(name, span);
            }
            Value::String(text) => {
                self.count(shape, text.chars().count(), "characters", span.clone());
                self.check_format(shape, text, span);
            }
            Value::Number(number) => self.range(shape, number, span),
            _ => {}
        }
        value
    }

    fn choice(&mut self, shape: &Shape<'a>, value: &Value, span: Range<usize>) {
        if shape.choices.contains(&value) {
            return;
        }
        let texts = shape.choices.iter().filter_map(|choice| choice.as_str());
        let meant = value.as_str().and_then(|text| nearest(text, texts));
        let list: Vec<String> = shape.choices.iter().map(ToString::to_string).collect();
        let message = match self.path.iter().rev().find(|key| key.parse::<usize>().is_err()) {
            Some(key) => format!("`{key}` cannot be {value}"),
            None => format!("{value} is not possible here"),
        };
        let suggestion = match meant {
            Some(meant) => Suggestion::replace(span.clone(), types::quote(meant)),
            None => Suggestion::advice(format!("possible: {}", list.join(", "))),
        };
        self.note(span, message, Some(suggestion));
    }

    fn range(&mut self, shape: &Shape<'a>, number: &Number, span: Range<usize>) {
        let Some(float) = number.as_f64() else { return };
        if let Some(least) = shape.range.0.filter(|least| float < *least) {
            self.find(span.clone(), format!("{number} is too small: at least {least}"));
        }
        if let Some(most) = shape.range.1.filter(|most| float > *most) {
            self.find(span, format!("{number} is too large: at most {most}"));
        }
    }

    /// Replaces the name of a variable by its value.
    fn variable(&mut self, name: &str, span: Range<usize>) -> Value {
        match format::variable(name, self.world) {
            Ok(value) => {
                self.walked.secrets.push(value.clone());
                Value::String(value)
            }
            Err(wrong) => self.unresolved(name, span, wrong),
        }
    }

    /// Replaces the name of a file by its content.
    fn content(&mut self, name: &str, span: Range<usize>) -> Value {
        match format::content(name, self.world) {
            Ok(text) => Value::String(text),
            Err(wrong) => {
                self.wrong(span, name, wrong);
                Value::Null
            }
        }
    }

    /// Notes a reference that cannot be resolved. If the message does not quote its name, the name may be a
    /// secret and is hidden.
    pub(super) fn unresolved(
        &mut self,
        name: &str,
        span: Range<usize>,
        wrong: format::Wrong,
    ) -> Value {
        if !wrong.message.contains(name) {
            self.walked.hidden.push(span.clone());
        }
        self.wrong(span, name, wrong);
        Value::Null
    }
}
