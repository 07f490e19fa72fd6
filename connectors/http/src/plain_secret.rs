//! Refuses secrets that are written into a channel file: everybody who may read the file would know them.

use connector_wire::secrets::is_certain_name;
use contract::Fault;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::config::CallConfig;

/// Minimum number of characters of a secret: shorter values are switches and positions, like `false` and `start`.
const MIN_SECRET: usize = 6;

/// Refuses a request with a secret in its headers, its parameters or the fields of its body.
pub(crate) fn check_call(config: &CallConfig) -> Result<(), Fault> {
    let CallConfig { query, headers, form, json, .. } = config;
    if let Some((name, _)) = headers.iter().find(|(name, value)| is_secret(name, value)) {
        return Err(fault("headers", name, "api_key = { header", "key"));
    }
    if let Some(name) = secret_in(query) {
        return Err(fault("query", name, "api_key = { param", "key"));
    }
    for (setting, fields) in [("form", form), ("json", json)] {
        if let Some(name) = fields.as_ref().and_then(secret_in) {
            return Err(fault(setting, name, "body_token = { field", "token"));
        }
    }
    Ok(())
}

/// Refuses an address with a secret among its parameters.
pub(crate) fn check_address(setting: &str, url: &Url) -> Result<(), Fault> {
    match url.query_pairs().find(|(name, value)| is_secret(name, value)) {
        Some((name, _)) => Err(fault(setting, &name, "api_key = { param", "key")),
        None => Ok(()),
    }
}

/// The name of a field whose value is a secret.
fn secret_in(fields: &Map<String, Value>) -> Option<&str> {
    fields.iter().find_map(|(name, value)| secret_of(name, value))
}

/// The name of a field with this name and value, or of one within it, whose value is a secret.
fn secret_of<'a>(name: &'a str, value: &'a Value) -> Option<&'a str> {
    match value {
        Value::String(text) => is_secret(name, text).then_some(name),
        Value::Object(fields) => secret_in(fields),
        Value::Array(values) => values.iter().find_map(|value| secret_of(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    // A placeholder is the value of a parameter.
    let is_placeholder = value.starts_with("{{") && value.ends_with("}}");
    value.chars().count() >= MIN_SECRET && !is_placeholder && is_certain_name(name)
}

fn fault(setting: &str, name: &str, scheme: &str, secret: &str) -> Fault {
    Fault::stopped(format!("in `{setting}`, the value of {name} is a secret in plain text"))
        .at("http")
        .remedy(format!(
            "put it into a file, and name it as auth = {{ {scheme} = \"{name}\", {secret} = {{ file = \"PATH\" }} }} }}; \
             in [http.login], as secrets = {{ {name} = {{ file = \"PATH\" }} }}"
        ))
}
