//! What a sender is told whose records are in custody.

use bytes::Bytes;
use connector_wire::auth::merge_tables;
use contract::{Answer, Fault};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Maximum size of an answer, in bytes.
const MAX_BYTES: usize = 4 << 10;

/// An answer with the status 200, in the form that a platform expects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub(crate) enum AnswerForm {
    /// A JSON object, as `application/json`.
    Json(Map<String, Value>),
    /// A text, as `text/plain`.
    Text(String),
    /// An XML document, as `text/xml`.
    Xml(String),
}

impl AnswerForm {
    /// Checks the settings.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let fault = |what, remedy| Err(Fault::stopped(what).at("answer").remedy(remedy));
        match self {
            _ if self.answer().body.len() > MAX_BYTES => {
                fault("the answer to senders is longer than 4 KiB", "write a shorter one")
            }
            Self::Xml(text) if !text.trim_start().starts_with('<') => {
                fault("the answer to senders is not XML", "begin it with `<`, or set `text`")
            }
            _ => Ok(()),
        }
    }

    /// The answer.
    pub(crate) fn answer(&self) -> Answer {
        let (content_type, body) = match self {
            Self::Json(object) => ("application/json", Bytes::from(json(object))),
            Self::Text(text) => ("text/plain; charset=utf-8", Bytes::from(text.clone())),
            Self::Xml(text) => ("text/xml; charset=utf-8", Bytes::from(text.clone())),
        };
        Answer { content_type, body }
    }
}

/// An object as JSON.
pub(crate) fn json(object: &Map<String, Value>) -> String {
    Value::Object(object.clone()).to_string()
}
