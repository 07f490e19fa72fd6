//! Checks tables: unknown keys, missing keys, references to secrets.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeArray, DeString, DeTable, DeValue},
};

use super::{Checker, secrets, types};
use crate::{config_file::Finding, format::nearest, problem::Suggestion, shape::Shape};

impl<'a> Checker<'a> {
    /// Checks a table, and returns it as JSON, or the secret to which it refers.
    pub(super) fn check_table(
        &mut self,
        shape: &Shape<'a>,
        table: &DeTable<'_>,
        span: Range<usize>,
    ) -> Value {
        let mut object = Map::new();
        let mut unknown = Vec::new();
        for (key, value) in in_order(table) {
            let name: &str = key.get_ref();
            let property = shape.properties.iter().find(|(known, _)| *known == name);
            self.path.push(name.to_owned());
            if let Some(schema) = property.map(|(_, schema)| *schema).or(shape.other_keys) {
                if property.is_none() && secrets::is_free_text(self.schema.root, schema) {
                    // The user chose its name, so nobody knows whether it is a secret, as in a header.
                    self.hide(value);
                }
                object.insert(name.to_owned(), self.check_value(schema, value));
            } else if shape.is_closed {
                unknown.push((key, value));
            } else {
                object.insert(name.to_owned(), to_json(value.get_ref()));
            }
            self.path.pop();
        }
        let mut meant_keys = Vec::new();
        for (key, value) in unknown {
            meant_keys.extend(self.report_unknown(shape, table, key, value));
        }
        self.report_missing(shape, table, &meant_keys, span.clone());
        if shape.is_secret() {
            return self.secret(table, span);
        }
        self.check_allowed(shape, table, &object);
        self.check_exactly_one(shape, table, &meant_keys, span);
        Value::Object(object)
    }

    /// Checks that `[allow]` of gateway.toml admits what the values of a table name. `object` has the values, with
    /// secrets filled in.
    fn check_allowed(
        &mut self,
        shape: &Shape<'a>,
        table: &DeTable<'_>,
        object: &Map<String, Value>,
    ) {
        for (key, schema) in &shape.properties {
            let what = schema.get("allow").and_then(Value::as_str);
            let (Some(what), Some(value), Some(place)) = (what, object.get(*key), table.get(*key))
            else {
                continue;
            };
            let values: Vec<(&Value, Range<usize>)> = match (value, place.get_ref()) {
                // The whole list is one command.
                (Value::Array(values), DeValue::Array(places)) if what != "command" => {
                    values.iter().zip(places.iter().map(Spanned::span)).collect()
                }
                _ => vec![(value, place.span())],
            };
            for (value, span) in values {
                if let Some(problem) = self.context.allow.problem(what, value, object, self.context)
                {
                    self.report(span, problem.message, problem.advice.map(Suggestion::advice));
                }
            }
        }
    }

    /// Reports an unknown key; returns the known key that was probably meant.
    fn report_unknown(
        &mut self,
        shape: &Shape<'a>,
        table: &DeTable<'_>,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<&'a str> {
        if self.has_enough() {
            self.hide(value);
            return None;
        }
        let name: &str = key.get_ref();
        let absent_keys =
            || shape.properties.iter().map(|(known, _)| *known).filter(|k| !table.contains_key(*k));
        let meant = nearest(name, absent_keys());
        if shape.is_secret()
            || self.schema.may_be_secret(meant.unwrap_or(name))
            || self.schema.may_be_secret(name)
        {
            self.hide(value);
        }
        let suggestion = match meant {
            Some(meant) => Some(Suggestion::replace(key.span(), meant)),
            None => self.suggest_table(name).or_else(|| {
                let known: Vec<String> = absent_keys().map(|key| format!("`{key}`")).collect();
                let list = known.join(", ");
                (!known.is_empty()).then(|| Suggestion::advice(format!("possible keys: {list}")))
            }),
        };
        self.report(key.span(), format!("unknown key `{name}`{}", self.in_table()), suggestion);
        meant
    }

    /// Suggests the table to which a key of this name belongs.
    fn suggest_table(&self, name: &str) -> Option<Suggestion> {
        let path = table_with_key(self.schema.root, name)?;
        Some(Suggestion::advice(match path.as_str() {
            "" => "move this key to the top of the file, before the first `[table]`".to_owned(),
            path => format!("move this key to `[{path}]`"),
        }))
    }

    /// Reports the required keys that are missing, except `meant_keys`, which misspelt keys probably stand
    /// for.
    fn report_missing(
        &mut self,
        shape: &Shape<'a>,
        table: &DeTable<'_>,
        meant_keys: &[&str],
        span: Range<usize>,
    ) {
        let needed = shape.required.iter().map(|key| (*key, String::new()));
        let dependent = shape
            .dependent
            .iter()
            .filter(|(key, _)| table.contains_key(*key))
            .map(|(key, need)| (*need, format!(": `{key}` needs it")));
        let absent: Vec<_> = needed
            .chain(dependent)
            .filter(|(key, _)| !table.contains_key(*key) && !meant_keys.contains(key))
            .collect();
        for (key, why) in absent {
            let property = shape.properties.iter().find(|(known, _)| *known == key);
            let meaning = property.and_then(|(_, schema)| schema.get("description")?.as_str());
            let meaning =
                meaning.and_then(|text| text.lines().next()).map(|text| text.trim_end_matches('.'));
            self.result.findings.push(Finding {
                span: span.clone(),
                message: format!("missing key `{key}`{}{why}", self.in_table()),
                suggestion: meaning.map(|text| Suggestion::advice(format!("`{key}`: {text}"))),
                is_missing_key: true,
            });
        }
    }

    /// Checks that exactly one of several keys is set, if the shape demands that.
    fn check_exactly_one(
        &mut self,
        shape: &Shape<'_>,
        table: &DeTable<'_>,
        meant_keys: &[&str],
        span: Range<usize>,
    ) {
        // A schema that demands exactly one of all its keys sets a minimum and a maximum of one key.
        let choices: Vec<&str> = match shape.size {
            (Some(1), Some(1)) => shape.properties.iter().map(|(key, _)| *key).collect(),
            _ => shape.exactly_one.clone(),
        };
        let is_set = |key: &&&str| table.contains_key(**key) || meant_keys.contains(*key);
        if !choices.is_empty() && choices.iter().filter(is_set).count() != 1 {
            let keys: Vec<_> = choices.iter().map(|key| format!("`{key}`")).collect();
            let keys = keys.join(", ");
            self.report(span, format!("exactly one of {keys} is needed{}", self.in_table()), None);
        }
    }
}

/// The path of the topmost table in the schema that has a key of this name; `None` if the top three
/// levels have none.
fn table_with_key(root: &Value, name: &str) -> Option<String> {
    let mut level = vec![(String::new(), root)];
    for _ in 0..3 {
        let mut next = Vec::new();
        for (path, schema) in level {
            for shape in crate::shape::alternatives(root, schema) {
                if shape.properties.iter().any(|(key, _)| *key == name) {
                    return Some(path);
                }
                let prefix: &str = if path.is_empty() { "" } else { &format!("{path}.") };
                let tables = shape.properties.iter();
                next.extend(tables.map(|(key, table)| (format!("{prefix}{key}"), *table)));
            }
        }
        level = next;
    }
    None
}

/// The entries of a table in the order of the file, in which the parameters of a request are sent.
fn in_order<'t, 'd>(table: &'t DeTable<'d>) -> Vec<Entry<'t, 'd>> {
    let mut entries: Vec<Entry<'t, 'd>> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

type Entry<'t, 'd> = (&'t Spanned<DeString<'d>>, &'t Spanned<DeValue<'d>>);

pub(super) fn list_to_json(list: &DeArray<'_>) -> Value {
    list.iter().map(|item| to_json(item.get_ref())).collect()
}

/// A value for which there is no schema, as JSON.
fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Table(table) => {
            let entries = in_order(table).into_iter();
            entries
                .map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref())))
                .collect()
        }
        DeValue::Array(list) => list_to_json(list),
        scalar => types::scalar_to_json(scalar).unwrap_or(Value::Null),
    }
}
