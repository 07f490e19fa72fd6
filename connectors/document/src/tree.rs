//! What every document becomes, and how large it may be.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Levels of a document. Real ones have ten; a tree that is deeper cannot be walked or dropped
/// safely by anybody further on.
pub(crate) const MAX_DEPTH: usize = 128;

/// Nodes of a document: a node takes far more memory than the two bytes it may have in the text.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// RFC 8259.
    Json,
    /// XML 1.0: children are always arrays, text is `$text`, attributes are `@name`.
    Xml,
}

impl Shape {
    /// Makes a tree of a text.
    ///
    /// # Errors
    /// It is no such document.
    pub fn parse(self, text: &str) -> Result<Value, Broken> {
        match self {
            Self::Json => crate::json::parse(text),
            Self::Xml => crate::xml::parse(text),
        }
    }

    /// What a text looks like.
    pub fn of(text: &str) -> Self {
        if text.trim_start().starts_with('<') { Self::Xml } else { Self::Json }
    }
}

/// A document that cannot be read as a whole. Says why and where, and quotes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    what: String,
    /// Byte of the text, where there is one place to name.
    at: Option<usize>,
}

impl Broken {
    /// One without a place.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: None }
    }

    pub(crate) fn at(what: impl Into<String>, at: usize) -> Self {
        Self { what: what.into(), at: Some(at) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.at {
            Some(at) => write!(f, " at byte {at} of the text"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Broken {}
