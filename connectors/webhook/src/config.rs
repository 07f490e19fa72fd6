//! The `[webhook]` section of a channel file, as an author writes it. The comments below are what
//! an editor shows.

use connector_wire::guard::Guard;
use schemars::JsonSchema;
use serde::Deserialize;

/// A source that sends: `POST /intake/<channel>` with one JSON record or an array of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How a sender shows who it is. `"none"` only where [intake] listens on this machine alone.
    pub auth: Guard,
    /// Where in a record its key is: unique and never changed.
    #[schemars(extend("format" = "jsonpath"))]
    pub key: String,
    /// Where in a record the whole number or time is that orders its states. A record in which it
    /// cannot be read goes to quarantine. Left out where senders have none: what arrives later is
    /// newer then.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub revision: Option<String>,
}
