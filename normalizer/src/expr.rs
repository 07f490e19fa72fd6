//! Expressions of the setting `expr`, for fields that need an `if`.
//!
//! An expression is compiled when the mapping is built. It has a budget, no clock and no randomness.
//! It sees the record and the fields that were mapped without an expression, and gives a value that
//! is read like any other. If it fails for a record, the field is absent and flagged.

use std::sync::LazyLock;

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior,
    value::{Serde, Value},
};

/// Maximum number of instructions of one evaluation; an `if` with a few comparisons takes twenty.
const MAX_INSTRUCTIONS: u64 = 10_000;
/// Maximum length of an expression. For longer ones, a code table or Rust code is better.
const MAX_CHARS: usize = 2_000;
/// The names that an expression may use.
const NAMES: [&str; 2] = ["record", "demand"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MAX_INSTRUCTIONS));
    environment
});

/// A compiled expression.
pub(crate) struct Expression {
    compiled: minijinja::Expression<'static, 'static>,
    n_characters: u64,
}

impl Expression {
    /// Compiles it, and reports all errors that can be found without a record.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let n_characters = text.chars().count();
        if n_characters > MAX_CHARS {
            return Err(format!("`expr` is longer than {MAX_CHARS} characters; shorten it"));
        }
        let compiled = ENVIRONMENT.compile_expression_owned(text.to_owned());
        let compiled = compiled.map_err(|error| describe(&error))?;
        let mut unknown: Vec<_> = compiled
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !NAMES.contains(&name.as_str()))
            .collect();
        unknown.sort();
        if let Some(name) = unknown.first() {
            let message = format!("`{name}` is not known here; use `record` and `demand`");
            return Err(message);
        }
        // minijinja looks up the names of filters, tests and methods only during evaluation.
        let nothing = serde_json::json!({});
        match compiled.eval(scope(&nothing, &nothing)) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnknownFilter
                        | ErrorKind::UnknownTest
                        | ErrorKind::UnknownFunction
                        | ErrorKind::UnknownMethod
                ) =>
            {
                Err(describe(&error))
            }
            _ => Ok(Self { compiled, n_characters: n_characters as u64 }),
        }
    }

    /// The maximum number of steps (see [`Work`](crate::notes::Work)) for this record. The expression has
    /// fewer operations than characters, and each may copy the whole record, which is fast.
    pub(crate) fn max_steps(&self, record: &serde_json::Value) -> u64 {
        const BYTES_COPIED_PER_STEP: u64 = 64;
        self.n_characters.saturating_mul(1 + bytes(record) / BYTES_COPIED_PER_STEP)
    }

    /// Its value in this scope; the error means that it failed.
    pub(crate) fn value(&self, scope: &Value) -> Result<serde_json::Value, ()> {
        let value = self.compiled.eval(scope.clone()).map_err(|_| ())?;
        serde_json::to_value(&value).map_err(|_| ())
    }
}

/// The variables of expressions: the record, and the demand as far as it is mapped.
pub(crate) fn scope(record: &serde_json::Value, demand: &impl serde::Serialize) -> Value {
    #[derive(serde::Serialize)]
    struct Scope<'a, D> {
        record: &'a serde_json::Value,
        demand: &'a D,
    }
    Value::from(Serde(Scope { record, demand }))
}

/// The size of a record in bytes: a value that is not a string counts as eight.
fn bytes(value: &serde_json::Value) -> u64 {
    use serde_json::Value;
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| name.len() as u64 + bytes(member)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// The error message without the name of a template, which does not exist here.
fn describe(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    format!("`expr` is not a valid expression: {}: {detail}", error.kind())
}

#[cfg(test)]
mod tests;
