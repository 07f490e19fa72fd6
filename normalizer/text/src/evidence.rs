//! Why a charset was chosen, and who said otherwise.

use std::borrow::Cow;

use contract::{DecidedBy, TextReport};

use crate::Charset;

/// The charset of a text and what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The charset that decoded it.
    pub charset: Charset,
    /// Which step chose it.
    pub decided_by: DecidedBy,
    /// Whether that is sure. Only what was detected can be unsure: a short body may be several.
    pub certain: bool,
    /// What every step said that said something, the one that decided among them.
    pub claims: Vec<Claim>,
}

/// What one step says of the charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which step.
    pub by: DecidedBy,
    /// The label as it was written there.
    pub label: Cow<'static, str>,
    /// What the label means; `None` if nobody knows.
    pub charset: Option<Charset>,
}

impl Evidence {
    pub(crate) fn of(charset: Charset, decided_by: DecidedBy) -> Self {
        Self { charset, decided_by, certain: true, claims: Vec::new() }
    }

    /// Whether somebody claimed another charset. That is a fact and not an error.
    pub fn conflict(&self) -> bool {
        self.claims.iter().any(|claim| claim.charset != Some(self.charset))
    }

    /// The report on a record whose text was decoded so, without marks.
    pub fn report(&self) -> TextReport {
        TextReport {
            charset: self.charset.name().into(),
            decided_by: self.decided_by,
            conflict: self.conflict(),
            marks: Vec::new(),
        }
    }
}

impl Claim {
    pub(crate) fn charset(by: DecidedBy, charset: Charset) -> Self {
        Self { by, label: charset.name().into(), charset: Some(charset) }
    }

    pub(crate) fn label(by: DecidedBy, label: &str) -> Self {
        Self { by, label: label.to_owned().into(), charset: Charset::from_label(label) }
    }
}
