//! The `[webhook]` section of a channel file. Editors show the comments below.

use connector_wire::guard::Guard;
use document::{Duplicates, KeyPath, Path};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{answer::AnswerForm, challenge::ChallengeForm};

/// A source that sends its records: `POST /intake/<channel>` with records in JSON (one, an array, or one on
/// each line), XML or a form, in any charset, also with gzip.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How a sender is authenticated. `"none"` is allowed only if [intake] listens on a loopback
    /// address.
    pub(crate) auth: Guard,
    /// Where the records are in a body, like `$.data[*]`. A text there, such as a field of a form, is read as
    /// JSON; if it is a list, `$.data` and `$.data[*]` mean the same. Without it, the records are the whole
    /// body, the elements of its array, or its lines.
    pub(crate) records: Option<Path>,
    /// Where the key is in a record: one path, or a list of paths whose values together are the key. A key
    /// is unique and never changes. A record whose key is missing, `null`, empty, `true`, a number with a
    /// fraction or an exponent, or damaged goes to quarantine.
    pub(crate) key: KeyPath,
    /// What happens to records of one request that have the same key and different contents: with `stop`,
    /// the request is refused. With `revision`, all of them are taken.
    #[serde(default)]
    pub(crate) duplicates: Duplicates,
    /// The path of the whole number or time in a record that orders its states. A record in which it cannot
    /// be read goes to quarantine. Without this setting, the state that arrives later is newer.
    pub(crate) revision: Option<Path>,
    /// What the platform asks before it sends records, like `{ param = "echostr" }` or
    /// `{ member = "challenge", when = { type = "url_verification" } }`. Without it, nothing but POST with records
    /// is answered.
    pub(crate) challenge: Option<ChallengeForm>,
    /// What a sender is told whose records are in custody, like `{ json = { code = 0 } }` or `{ text = "success" }`.
    /// Without it, it is their number. What is refused is answered as ever.
    pub(crate) answer: Option<AnswerForm>,
}
