//! The names of types, and the conversion of values to JSON or to another type.

use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeInteger, DeValue},
};

use crate::{
    format,
    shape::{self, Shape},
};

/// Name of the type of a value, for messages.
pub(super) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The types that a shape allows, for messages.
pub(super) fn describe(shape: &Shape<'_>) -> Vec<String> {
    if let Some(format) = shape.format.and_then(format::describe) {
        return vec![format.to_owned()];
    }
    let name = |kind: &&str| match *kind {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a table",
    };
    shape.types.iter().map(name).map(str::to_owned).collect()
}

/// Joins alternatives with commas and "or".
pub(super) fn join_with_or(wanted: &[String]) -> String {
    match wanted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => wanted.concat(),
    }
}

/// The value rewritten, as TOML, in a type that the shape allows; `None` if its meaning is not clear.
/// `literal` is the value as the file has it.
pub(super) fn convert(
    root: &Value,
    shape: &Shape<'_>,
    value: &Spanned<DeValue<'_>>,
    literal: &str,
) -> Option<String> {
    shape.types.iter().find_map(|kind| match (*kind, value.get_ref()) {
        ("boolean", DeValue::String(text)) => to_boolean(text),
        ("boolean", DeValue::Integer(number)) => to_boolean(number.as_str()),
        ("integer", DeValue::String(text)) => {
            text.trim().parse::<i64>().ok().map(|number| number.to_string())
        }
        ("integer", DeValue::Float(number)) => {
            number.as_str().strip_suffix(".0").map(str::to_owned)
        }
        ("number", DeValue::String(text)) => {
            text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n.to_string())
        }
        ("string", DeValue::Integer(number)) => match shape.format {
            Some(format) => {
                format::from_number(format, integer(number)?.as_i64()?).as_deref().map(quote)
            }
            None => as_choice(shape, literal),
        },
        ("string", DeValue::Float(_) | DeValue::Boolean(_)) if shape.format.is_none() => {
            as_choice(shape, literal)
        }
        // A table header `[x]` becomes `[[x]]`, and an inline table `{ … }` becomes `[{ … }]`. A table
        // written with dotted keys has no brackets to wrap, so it is not converted.
        ("array", DeValue::Table(_)) if !literal.starts_with(['[', '{']) => None,
        ("array", value) => shape::alternatives(root, shape.items?)
            .iter()
            .any(|item| item.admits(value))
            .then(|| format!("[{literal}]")),
        (_, DeValue::Array(list)) => {
            let mut entries = list.iter();
            let (only, None) = (entries.next()?, entries.next()) else { return None };
            let inner = literal.strip_prefix('[')?.strip_suffix(']')?.trim();
            shape.admits(only.get_ref()).then(|| inner.to_owned())
        }
        _ => None,
    })
}

/// A text as a TOML literal.
pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A scalar as JSON; `None` for a list, a table, a number that is not finite, or a whole number beyond 64 bits.
pub(super) fn scalar_to_json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::String(text.clone().into_owned())),
        DeValue::Datetime(time) => Some(Value::String(time.to_string())),
        DeValue::Boolean(value) => Some(Value::Bool(*value)),
        DeValue::Integer(number) => integer(number).map(Value::Number),
        DeValue::Float(number) => {
            Number::from_f64(number.as_str().parse().ok()?).map(Value::Number)
        }
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn integer(number: &DeInteger<'_>) -> Option<Number> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(Number::from)
}

/// A literal as a string, if the shape allows that string.
fn as_choice(shape: &Shape<'_>, literal: &str) -> Option<String> {
    let is_allowed = shape.choices.is_empty()
        || shape.choices.iter().any(|choice| choice.as_str() == Some(literal));
    is_allowed.then(|| quote(literal))
}

fn to_boolean(text: &str) -> Option<String> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "是" => Some("true".to_owned()),
        "false" | "no" | "off" | "0" | "否" => Some("false".to_owned()),
        _ => None,
    }
}
