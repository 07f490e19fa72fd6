//! The JSON Schemas of the two kinds of file. `resolve` checks against them, `tonghui schema` prints them
//! and editors use them for completion, so these three cannot disagree.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use crate::{channel::ChannelFile, gateway::GatewayFile};

/// The schemas of the parts of a channel file that belong to other crates.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// The kinds of connectors.
    pub connectors: Vec<Kind>,
    /// JSON Schema of `[demand]`.
    pub demand: Value,
    /// Names of the shipped code tables.
    pub codes: Vec<String>,
}

/// One kind of connector.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name in `connector = "…"`, and of its table in the channel file.
    pub name: String,
    /// JSON Schema of that table.
    pub schema: Value,
}

/// The JSON Schema of `gateway.toml`.
pub fn schema_gateway() -> Value {
    schema_for!(GatewayFile).to_value()
}

/// The JSON Schema of `channels/*/channel.toml`.
pub fn schema_channel(vocabulary: &Vocabulary) -> Value {
    let mut root = schema_for!(ChannelFile).to_value();
    insert_schema(&mut root, "demand", &vocabulary.demand);
    for kind in &vocabulary.connectors {
        insert_schema(&mut root, &kind.name, &kind.schema);
    }
    let kinds: Vec<&str> = vocabulary.connectors.iter().map(|kind| kind.name.as_str()).collect();
    root["properties"]["connector"]["enum"] = json!(kinds);
    root["allOf"] = kinds
        .iter()
        .map(|kind| {
            json!({
                "if": { "properties": { "connector": { "const": kind } } },
                "then": { "required": [kind] },
            })
        })
        .collect();
    root
}

/// Makes `owner` the schema of the key `name`. Its definitions move to the root, prefixed with `name`: two
/// owners may use the same name for different things.
fn insert_schema(root: &mut Value, name: &str, owner: &Value) {
    let mut owner = owner.clone();
    prefix_references(&mut owner, name);
    let mut definitions = Map::new();
    if let Some(object) = owner.as_object_mut() {
        object.remove("$schema");
        if let Some(Value::Object(known)) = object.remove("$defs") {
            definitions.extend(known.into_iter().map(|(key, of)| (format!("{name}.{key}"), of)));
        }
    }
    let description = owner.get("description").cloned();
    definitions.insert(name.to_owned(), owner);

    if !root["$defs"].is_object() {
        root["$defs"] = json!({});
    }
    if let Some(known) = root["$defs"].as_object_mut() {
        known.extend(definitions);
    }
    let mut reference = json!({ "$ref": format!("#/$defs/{name}") });
    if let Some(description) = description {
        reference["description"] = description;
    }
    root["properties"][name] = reference;
}

fn prefix_references(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match (key.as_str(), value.as_str()) {
                    ("$ref", Some("#")) => *value = json!(format!("#/$defs/{name}")),
                    ("$ref", Some(to)) => {
                        *value = json!(to.replace("#/$defs/", &format!("#/$defs/{name}.")));
                    }
                    _ => prefix_references(value, name),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| prefix_references(value, name)),
        _ => {}
    }
}
