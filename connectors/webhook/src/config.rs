//! The `[webhook]` section of a channel file. Editors show the comments below.

use connector_wire::guard::Guard;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

/// A source that sends: `POST /intake/<channel>` with one JSON record or an array of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How a sender is authenticated. `"none"` only where [intake] listens on this machine alone.
    pub(crate) auth: Guard,
    /// Within a record: its key, unique and never changed.
    pub(crate) key: Path,
    /// Within a record: the whole number or time that orders its states. A record in which it cannot be
    /// read goes to quarantine. Without it, the record that arrives later is newer.
    pub(crate) revision: Option<Path>,
}
