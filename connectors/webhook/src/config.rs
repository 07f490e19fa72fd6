//! The `[webhook]` section of a channel file. Editors show the comments below.

use connector_wire::guard::Guard;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

/// A source that sends its records: `POST /intake/<channel>` with one JSON record or an array of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How a sender is authenticated. `"none"` is allowed only if [intake] listens on a loopback
    /// address.
    pub(crate) auth: Guard,
    /// The path of the key in a record. A key is unique and never changes.
    pub(crate) key: Path,
    /// The path of the whole number or time in a record that orders its states. A record in which it cannot
    /// be read goes to quarantine. Without this setting, the state that arrives later is newer.
    pub(crate) revision: Option<Path>,
}
