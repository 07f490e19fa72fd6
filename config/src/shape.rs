//! A JSON Schema in the form that the checker needs: what is allowed at one place in a file.
//!
//! This module supports only the keywords that `schemars` writes for settings. It resolves references,
//! `allOf` and alternatives, so that the checker gets a short list of shapes.

use serde_json::Value;
use toml::de::DeValue;

/// Maximum depth to which references are followed: a schema may refer to itself.
const MAX_DEPTH: usize = 24;

/// One of the alternatives that are allowed at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape<'s> {
    /// The allowed JSON types; empty if every type is allowed.
    pub(crate) types: Vec<&'s str>,
    /// The known keys and their schemas, in the order of declaration.
    pub(crate) properties: Vec<(&'s str, &'s Value)>,
    /// Required keys.
    pub(crate) required: Vec<&'s str>,
    /// Pairs of a key and another key that it requires.
    pub(crate) dependent: Vec<(&'s str, &'s str)>,
    /// Whether unknown keys are errors.
    pub(crate) is_closed: bool,
    /// Schema of the values of keys that are not in `properties`.
    pub(crate) other_keys: Option<&'s Value>,
    /// Schema of the entries of a list.
    pub(crate) items: Option<&'s Value>,
    /// The allowed values; empty if every value is allowed.
    pub(crate) choices: Vec<&'s Value>,
    /// Name of the format of a string.
    pub(crate) format: Option<&'s str>,
    /// Minimum and maximum of a number; `None` for no limit, here and below.
    pub(crate) range: (Option<f64>, Option<f64>),
    /// Minimum and maximum of a string with a format, written in that format.
    pub(crate) bounds: (Option<&'s str>, Option<&'s str>),
    /// Minimum and maximum number of keys, entries or characters.
    pub(crate) size: (Option<u64>, Option<u64>),
    /// Exactly one of these keys must be set.
    pub(crate) exactly_one: Vec<&'s str>,
}

/// All shapes that `schema` allows; `root` contains the definitions that it refers to.
pub(crate) fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<Shape<'s>> {
    let mut shapes = expand(root, schema, MAX_DEPTH);
    // TOML has no null: an optional key is left out.
    if shapes.len() > 1 {
        shapes.retain(|shape| shape.types != ["null"]);
    }
    join_choices(shapes)
}

impl Shape<'_> {
    /// Whether a value of this type is allowed.
    pub(crate) fn admits(&self, value: &DeValue<'_>) -> bool {
        self.types.is_empty() || self.types.iter().any(|kind| has_type(value, kind))
    }

    /// Whether the value must be a reference to a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.format == Some("secret")
    }
}

fn has_type(value: &DeValue<'_>, kind: &str) -> bool {
    match value {
        // A date is treated as a string.
        DeValue::String(_) | DeValue::Datetime(_) => kind == "string",
        DeValue::Integer(_) => kind == "integer" || kind == "number",
        DeValue::Float(_) => kind == "number",
        DeValue::Boolean(_) => kind == "boolean",
        DeValue::Array(_) => kind == "array",
        DeValue::Table(_) => kind == "object",
    }
}

/// All shapes of a schema: one for every combination of its alternatives.
fn expand<'s>(root: &'s Value, schema: &'s Value, depth: usize) -> Vec<Shape<'s>> {
    let mut base = Shape::default();
    let mut branch_lists = Vec::new();
    collect_keywords(root, schema, depth, &mut base, &mut branch_lists);
    let mut shapes = vec![base];
    for branches in branch_lists {
        let expanded: Vec<Shape<'s>> = branches
            .iter()
            .flat_map(|branch| expand(root, branch, depth.saturating_sub(1)))
            .collect();
        shapes = shapes
            .iter()
            .flat_map(|shape| {
                expanded.iter().map(|branch| shape.clone().merged_with(branch.clone()))
            })
            .collect();
    }
    shapes
}

/// Merges the keywords of a schema, and of all schemas that it refers to, into `shape`, and adds their
/// lists of alternatives to `branch_lists`.
fn collect_keywords<'s>(
    root: &'s Value,
    schema: &'s Value,
    depth: usize,
    shape: &mut Shape<'s>,
    branch_lists: &mut Vec<&'s Vec<Value>>,
) {
    if depth == 0 {
        return;
    }
    *shape = std::mem::take(shape).merged_with(keywords(schema));
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let all_of = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    for part in target.into_iter().chain(all_of) {
        collect_keywords(root, part, depth - 1, shape, branch_lists);
    }
    branch_lists.extend(["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array()));
}

/// The shape that the keywords of a schema describe, without the schemas to which it refers.
fn keywords(schema: &Value) -> Shape<'_> {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let float = |key: &str| schema.get(key).and_then(Value::as_f64);
    let count = |keys: [&str; 3]| keys.iter().find_map(|key| schema.get(key)?.as_u64());
    let list = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let map = |key: &str| schema.get(key).and_then(Value::as_object).into_iter().flatten();

    let choices: Vec<&Value> =
        list("enum").chain(schema.get("const")).filter(|choice| !choice.is_null()).collect();
    let properties: Vec<_> = map("properties").map(|(key, value)| (key.as_str(), value)).collect();
    let items = schema.get("items");
    let mut types: Vec<&str> =
        text("type").into_iter().chain(list("type").filter_map(Value::as_str)).collect();
    types.retain(|kind| *kind != "null" || text("type").is_some());
    if types.is_empty() {
        types = implied_types(&choices, !properties.is_empty(), items.is_some());
    }
    let additional =
        schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
    // `schemars` writes the type of an unsigned number, such as `uint32`, as its format.
    let max_of_type = (text("format") == Some("uint32")).then(|| f64::from(u32::MAX));
    Shape {
        types,
        properties,
        required: list("required").filter_map(Value::as_str).collect(),
        dependent: map("dependentRequired")
            .flat_map(|(key, needs)| {
                needs.as_array().into_iter().flatten().map(move |need| (key.as_str(), need))
            })
            .filter_map(|(key, need)| Some((key, need.as_str()?)))
            .collect(),
        is_closed: additional == Some(&Value::Bool(false)),
        other_keys: additional.filter(|schema| schema.is_object()),
        items,
        choices,
        format: text("format"),
        range: (float("minimum"), float("maximum").or(max_of_type)),
        bounds: (text("formatMinimum"), text("formatMaximum")),
        size: (
            count(["minProperties", "minItems", "minLength"]),
            count(["maxProperties", "maxItems", "maxLength"]),
        ),
        exactly_one: list("exactlyOne").filter_map(Value::as_str).collect(),
    }
}

/// The types that a schema without `type` allows.
fn implied_types(choices: &[&Value], has_keys: bool, has_items: bool) -> Vec<&'static str> {
    match choices.first() {
        Some(Value::String(_)) => vec!["string"],
        Some(Value::Bool(_)) => vec!["boolean"],
        Some(Value::Number(_)) => vec!["number"],
        _ if has_keys => vec!["object"],
        _ if has_items => vec!["array"],
        _ => Vec::new(),
    }
}

impl<'s> Shape<'s> {
    /// Combines two shapes: what either of them requires is required.
    fn merged_with(mut self, other: Self) -> Self {
        if self.types.is_empty() {
            self.types = other.types;
        }
        for (key, schema) in other.properties {
            // In a tagged enum, `other` is a variant: its schema of the tag allows only one value.
            match self.properties.iter_mut().find(|(known, _)| *known == key) {
                Some(slot) => slot.1 = schema,
                None => self.properties.push((key, schema)),
            }
        }
        self.required.extend(other.required);
        self.dependent.extend(other.dependent);
        self.is_closed |= other.is_closed;
        self.other_keys = self.other_keys.or(other.other_keys);
        self.items = self.items.or(other.items);
        self.choices.extend(other.choices);
        self.format = self.format.or(other.format);
        self.range = (self.range.0.or(other.range.0), self.range.1.or(other.range.1));
        self.bounds = (self.bounds.0.or(other.bounds.0), self.bounds.1.or(other.bounds.1));
        self.size = (self.size.0.or(other.size.0), self.size.1.or(other.size.1));
        self.exactly_one.extend(other.exactly_one);
        self
    }
}

/// Merges alternatives that list allowed values into one, so that a wrong value is compared with all of
/// them.
fn join_choices(shapes: Vec<Shape<'_>>) -> Vec<Shape<'_>> {
    let mut joined: Vec<Shape<'_>> = Vec::new();
    for shape in shapes {
        let same = joined.iter_mut().find(|known| {
            !shape.choices.is_empty() && !known.choices.is_empty() && known.types == shape.types
        });
        match same {
            Some(known) => known.choices.extend(shape.choices),
            None => joined.push(shape),
        }
    }
    joined
}
