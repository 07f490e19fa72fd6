//! Reads the values of a field from a record or from one node of it, as the `[demand]` table says.

use std::borrow::Cow;

use contract::{Timestamp, demand::QualityFlag};
use normalizer_text::is_lost;
use serde_json::Value;

use crate::{config::Extract, expr::Expression, extract::extract, notes::Notes, path::Path};

/// A node of a record, and what a rule needs to read it.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The node, which is the root `$` of every path.
    pub(crate) tree: &'a Value,
    /// When the demand was received: the time for which codes are looked up. `None` if it is not known, or
    /// not read yet.
    pub(crate) received_at: Option<Timestamp>,
    /// The variables of expressions; `None` while fields without an expression are mapped.
    pub(crate) scope: Option<&'a minijinja::Value>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(tree: &'a Value) -> Self {
        Self { tree, received_at: None, scope: None }
    }

    /// The same record, with another node as `$`.
    pub(crate) fn at(self, tree: &'a Value) -> Self {
        Self { tree, ..self }
    }
}

/// Where the value of a field comes from, as configured.
pub(crate) struct FieldSource {
    /// The name of the field of the demand, for quality flags.
    pub(crate) target: &'static str,
    pub(crate) origin: Origin,
    pub(crate) extract: Option<Extract>,
    /// The value if the record gives none.
    pub(crate) default: Option<String>,
    pub(crate) is_required: bool,
}

/// Paths to try in order, a fixed value, or an expression.
pub(crate) enum Origin {
    Paths(Vec<Path>),
    Constant(String),
    Expression(Expression),
}

/// One value, as text.
pub(crate) struct SourceText<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) is_number: bool,
    /// Whether it comes from the record, and not from a constant or a default.
    pub(crate) is_from_source: bool,
}

impl FieldSource {
    /// The first value that is present and not empty, or else the default.
    pub(crate) fn first<'a>(
        &'a self,
        record: Record<'a>,
        notes: &mut Notes,
    ) -> Option<SourceText<'a>> {
        let found = match &self.origin {
            Origin::Constant(constant) => Some(not_from_source(constant)),
            Origin::Paths(paths) => {
                let mut find = |path: &'a Path| path.find(record.tree, &mut notes.work, is_present);
                let value = paths.iter().find_map(&mut find);
                value.and_then(|value| self.scalar(value, notes))
            }
            Origin::Expression(expression) => {
                let value = self.evaluate(expression, record, notes)?;
                let found = is_present(&value).then(|| self.scalar(&value, notes)).flatten();
                found.map(|SourceText { text, is_number, is_from_source }| SourceText {
                    text: text.into_owned().into(),
                    is_number,
                    is_from_source,
                })
            }
        };
        let found = match self.extract {
            Some(pattern) => found.and_then(|found| {
                let text = (*extract(pattern, &found.text).first()?).to_owned().into();
                Some(SourceText { text, is_number: false, ..found })
            }),
            None => found,
        };
        self.or_default(found, notes)
    }

    /// The text of [`FieldSource::first`].
    pub(crate) fn text<'a>(
        &'a self,
        record: Record<'a>,
        notes: &mut Notes,
    ) -> Option<Cow<'a, str>> {
        Some(self.first(record, notes)?.text)
    }

    /// The texts of all values of the first path that finds any; a list counts as its elements.
    pub(crate) fn texts<'a>(&'a self, record: Record<'a>, notes: &mut Notes) -> Vec<Cow<'a, str>> {
        let mut texts = Vec::new();
        match &self.origin {
            Origin::Constant(constant) => return vec![constant.as_str().into()],
            Origin::Paths(paths) => {
                for path in paths {
                    let values = path.all(record.tree, &mut notes.work).into_iter().flat_map(items);
                    texts.extend(values.filter_map(|value| Some(self.scalar(value, notes)?.text)));
                    if !texts.is_empty() {
                        break;
                    }
                }
            }
            Origin::Expression(expression) => {
                let value = self.evaluate(expression, record, notes).unwrap_or_default();
                let values = items(&value).into_iter();
                let owned = values.filter_map(|value| {
                    Some(Cow::Owned(self.scalar(value, notes)?.text.into_owned()))
                });
                texts.extend(owned);
            }
        }
        if let Some(pattern) = self.extract {
            let parts = texts.iter().flat_map(|text| extract(pattern, text));
            texts = parts.map(|part| Cow::Owned(part.to_owned())).collect();
        }
        if texts.is_empty() {
            texts.extend(self.or_default(None, notes).map(|found| found.text));
        }
        texts
    }

    /// The number of nodes of the first path whose field exists in the record; `None` if there is none.
    pub(crate) fn count(&self, record: Record<'_>, notes: &mut Notes) -> Option<usize> {
        let Origin::Paths(paths) = &self.origin else { return None };
        paths.iter().find_map(|path| path.count(record.tree, &mut notes.work))
    }

    /// The value found, or else the default; adds a flag if a required value is missing.
    fn or_default<'a>(
        &'a self,
        found: Option<SourceText<'a>>,
        notes: &mut Notes,
    ) -> Option<SourceText<'a>> {
        // A text of which all characters are lost is kept for people to see, but it does not say anything.
        let is_missing = found.as_ref().is_none_or(|found| is_lost(&found.text));
        if self.is_required && is_missing {
            notes.add(self.target, QualityFlag::MissingRequired, None);
        }
        found.or_else(|| self.default.as_deref().map(not_from_source))
    }

    /// The value of an expression; `None` and a flag if it fails.
    fn evaluate(&self, expr: &Expression, record: Record<'_>, notes: &mut Notes) -> Option<Value> {
        if !notes.work.spend(expr.max_steps(record.tree)) {
            return None;
        }
        let value = expr.value(record.scope?);
        if value.is_err() {
            let detail = "the expression failed for this record";
            notes.add(self.target, QualityFlag::OutOfRange, Some(detail));
        }
        value.ok()
    }

    /// A single value as text; a flag is added for bytes, lists and objects.
    fn scalar<'a>(&self, value: &'a Value, notes: &mut Notes) -> Option<SourceText<'a>> {
        let text: Cow<'_, str> = match value {
            Value::Null => return None,
            Value::Bool(flag) => if *flag { "true" } else { "false" }.into(),
            Value::Number(number) => number.to_string().into(),
            Value::String(text) => text.as_str().into(),
            Value::Object(object) if object.len() == 1 && object.contains_key("$hex") => {
                notes.add(self.target, QualityFlag::MalformedBytes, Some("bytes, not text"));
                return None;
            }
            Value::Array(_) | Value::Object(_) => {
                notes.add(self.target, QualityFlag::OutOfRange, Some("not a single value"));
                return None;
            }
        };
        // Every byte of the text costs at least one step.
        let has_budget = notes.work.spend(text.len() as u64);
        let is_number = value.is_number();
        has_budget.then_some(SourceText { text, is_number, is_from_source: true })
    }
}

/// The text of a constant or a default.
fn not_from_source(text: &str) -> SourceText<'_> {
    SourceText { text: text.into(), is_number: false, is_from_source: false }
}

/// The elements of a list that are present, or the single value if it is present.
fn items(value: &Value) -> Vec<&Value> {
    let values = match value {
        Value::Array(values) => values.iter().collect(),
        single => vec![single],
    };
    values.into_iter().filter(|value| is_present(value)).collect()
}

/// Whether a value is neither null nor an empty text or list.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}
