//! What an answer means.

use contract::Period;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Conditions on an answer. All that are written hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The status, or one of several.
    #[serde(default)]
    pub status: Option<Statuses>,
    /// A place in the answer: something stands there, or what `equals` says.
    #[serde(default)]
    pub at: Option<Path>,
    /// What stands there, or one of several. A number equals the text that it is written as.
    #[serde(default)]
    pub equals: Option<Scalars>,
    /// A text that the answer contains.
    #[serde(default)]
    pub contains: Option<String>,
}

/// One status, or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    /// This one.
    One(u16),
    /// One of these.
    Many(Vec<u16>),
}

/// One value, or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalars {
    /// One of these.
    Many(Vec<Value>),
    /// This one.
    One(Value),
}

/// What an answer means that is no success.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// See `success`.
    #[serde(default)]
    pub status: Option<Statuses>,
    /// See `success`.
    #[serde(default)]
    pub at: Option<Path>,
    /// See `success`.
    #[serde(default)]
    pub equals: Option<Scalars>,
    /// See `success`.
    #[serde(default)]
    pub contains: Option<String>,
    /// What to do about it.
    pub kind: Kind,
    /// How long nobody asks, where the answer does not say it; only of `throttled`.
    #[serde(default)]
    pub wait: Option<Period>,
}

impl FaultRule {
    /// The conditions.
    pub fn rule(&self) -> Rule {
        let Self { status, at, equals, contains, kind: _, wait: _ } = self.clone();
        Rule { status, at, equals, contains }
    }
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It may pass by itself.
    Transient,
    /// The source wants a pause.
    Throttled,
    /// Somebody has to act.
    Stopped,
    /// Cookies or a secret are too old: they are got anew, and the same is asked once more.
    Refresh,
}
