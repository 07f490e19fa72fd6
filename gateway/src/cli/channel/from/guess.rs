//! What was guessed, how sure it is, and why.

use serde::Serialize;

/// How sure a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Certainty {
    /// Look at it first.
    Unsure,
    /// Its name, or its values, say so.
    Likely,
    /// Both do.
    Sure,
}

impl Certainty {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unsure => "unsure",
            Self::Likely => "likely",
            Self::Sure => "sure",
        }
    }
}

/// A setting that was guessed, or that was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Guess {
    /// The name of the setting, like `title` or `people.phone`.
    pub(super) setting: String,
    /// Its value, as TOML; `None` if a person must write it.
    pub(super) value: Option<String>,
    /// How sure it is; `None` without a value.
    pub(super) sure: Option<Certainty>,
    /// Why, or what is missing. It contains no value of a record.
    pub(super) why: String,
}

impl Guess {
    pub(super) fn new(
        setting: &str,
        value: String,
        sure: Certainty,
        why: impl Into<String>,
    ) -> Self {
        Self { setting: setting.to_owned(), value: Some(value), sure: Some(sure), why: why.into() }
    }

    /// What a person must write.
    pub(super) fn todo(setting: &str, why: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), value: None, sure: None, why: why.into() }
    }
}
