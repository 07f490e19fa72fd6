//! Calls beside the one that lists records.

use std::collections::BTreeMap;

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Rule;
use crate::inner::Inner;

/// How an address is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Method {
    /// Asks for something.
    #[serde(rename = "GET")]
    Get,
    /// Sends something.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A second call that completes a record: what it answers stands in the record under this name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name in the record.
    pub name: String,
    /// Where it is asked for.
    pub url: String,
    /// Parameters from the record: name and place.
    pub params: BTreeMap<String, Path>,
    /// See `http.method`.
    #[serde(default)]
    pub method: Option<super::Method>,
    /// See `http.query`.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// See `http.headers`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// See `http.form`.
    #[serde(default)]
    pub form: Option<Map<String, Value>>,
    /// See `http.json`.
    #[serde(default)]
    pub json: Option<Map<String, Value>>,
    /// See `http.body`.
    #[serde(default)]
    #[schemars(extend("format" = "content"))]
    pub body: Option<String>,
    /// See `http.inner`.
    #[serde(default)]
    pub inner: Vec<Inner>,
    /// What of the answer is taken: a list of all that the path leads to. The whole answer where
    /// this is left out.
    #[serde(default)]
    pub records: Option<Path>,
    /// When an answer is a success; as for the list where this is left out.
    #[serde(default)]
    pub success: Option<Rule>,
    /// Answers that say there is no such record any more: then the part is `null`.
    #[serde(default)]
    pub missing: Vec<Rule>,
}

/// Tells the source which records are in custody.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Where it is told.
    pub url: String,
    /// The parameter that takes the keys.
    pub param: String,
    /// What stands between keys; without it a JSON body takes a list, and others a comma.
    #[serde(default)]
    pub separator: Option<String>,
    /// Keys of one call, at most.
    #[serde(default = "size")]
    #[schemars(range(min = 1, max = 500))]
    pub size: u32,
    /// See `http.method`.
    #[serde(default)]
    pub method: Option<super::Method>,
    /// See `http.query`.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// See `http.headers`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// See `http.form`.
    #[serde(default)]
    pub form: Option<Map<String, Value>>,
    /// See `http.json`.
    #[serde(default)]
    pub json: Option<Map<String, Value>>,
    /// See `http.body`. A list of keys stands in it as `{{ name }}` too.
    #[serde(default)]
    #[schemars(extend("format" = "content"))]
    pub body: Option<String>,
    /// See `http.inner`.
    #[serde(default)]
    pub inner: Vec<Inner>,
    /// When an answer is a success; as for the list where this is left out.
    #[serde(default)]
    pub success: Option<Rule>,
    /// Keys that the source did not take: they are counted, and come again by themselves.
    #[serde(default)]
    pub failed: Option<Path>,
}

fn size() -> u32 {
    100
}
