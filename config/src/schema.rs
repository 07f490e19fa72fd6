//! The JSON Schemas of `gateway.toml` and `channel.toml`. `resolve` checks files against them,
//! `tonghui schema` prints them, and editors use them for completion, so these three always agree.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use crate::{channel::ChannelFile, gateway::GatewayFile};

/// What this crate needs to know from other crates.
#[derive(Debug, Clone)]
pub struct SectionSchemas {
    /// One schema for each kind of connector.
    pub connectors: Vec<ConnectorSchema>,
    /// JSON Schema of `[demand]`.
    pub demand: Value,
    /// Names of the shipped code tables.
    pub shipped_code_tables: Vec<String>,
}

/// The schema of the settings of one kind of connector.
#[derive(Debug, Clone)]
pub struct ConnectorSchema {
    /// The value of `connector`, and the name of its table in the channel file.
    pub name: String,
    /// JSON Schema of that table.
    pub schema: Value,
}

/// The JSON Schema of `gateway.toml`.
pub fn gateway_schema() -> Value {
    schema_for!(GatewayFile).to_value()
}

/// The JSON Schema of `channels/*/channel.toml`.
pub fn channel_schema(sections: &SectionSchemas) -> Value {
    let mut root = schema_for!(ChannelFile).to_value();
    insert_schema(&mut root, "demand", &sections.demand);
    for connector in &sections.connectors {
        insert_schema(&mut root, &connector.name, &connector.schema);
    }
    let kinds: Vec<&str> = sections.connectors.iter().map(|kind| kind.name.as_str()).collect();
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

/// Inserts `section` as the schema of the key `name`. Its definitions move to the root, prefixed with
/// `name`, because two sections may define different types of the same name.
fn insert_schema(root: &mut Value, name: &str, section: &Value) {
    let mut section = section.clone();
    prefix_references(&mut section, name);
    let mut definitions = Map::new();
    if let Some(object) = section.as_object_mut() {
        object.remove("$schema");
        if let Some(Value::Object(own)) = object.remove("$defs") {
            definitions.extend(own.into_iter().map(|(key, item)| (format!("{name}.{key}"), item)));
        }
    }
    let description = section.get("description").cloned();
    definitions.insert(name.to_owned(), section);

    if !root["$defs"].is_object() {
        root["$defs"] = json!({});
    }
    if let Some(root_definitions) = root["$defs"].as_object_mut() {
        root_definitions.extend(definitions);
    }
    let mut reference = json!({ "$ref": format!("#/$defs/{name}") });
    if let Some(description) = description {
        reference["description"] = description;
    }
    root["properties"][name] = reference;
}

/// Adds the prefix `name` to all references, because [`insert_schema`] adds it to the definitions.
fn prefix_references(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match (key.as_str(), value.as_str()) {
                    ("$ref", Some("#")) => *value = json!(format!("#/$defs/{name}")),
                    ("$ref", Some(target)) => {
                        *value = json!(target.replace("#/$defs/", &format!("#/$defs/{name}.")));
                    }
                    _ => prefix_references(value, name),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| prefix_references(value, name)),
        _ => {}
    }
}
