//! Documents within a document.
//!
//! A SOAP answer often contains the real answer as a text: in CDATA, escaped, in Base64, encrypted,
//! or as JSON in a JSON text. Such a text is replaced by its tree, and paths go on into it. A text
//! is decoded already, so a charset declared within it is ignored. What was encoded or encrypted is
//! bytes again, and is decoded like a body.

use connector_wire::envelope::{self, Layer};
use contract::Fault;
use document::{Findings, Path, Shape, decode, scalar_text};
use normalizer_text::Hints;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A text of the answer that is a document itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inner {
    /// Where the texts are. Missing and empty ones are left as they are.
    at: Path,
    /// The layers around the document: encodings and ciphers, the outermost first.
    #[serde(default)]
    layers: Vec<Layer>,
    /// How the document is written.
    #[serde(rename = "as")]
    shape: Shape,
}

impl Inner {
    /// Checks the keys of its layers.
    ///
    /// # Errors
    /// A key that is not valid, as `Stopped`.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.layers.iter().try_for_each(Layer::check)
    }

    /// Replaces texts by their trees. One text among others that cannot be opened stays as it is: the
    /// record that contains it is judged later.
    ///
    /// # Errors
    /// None of the texts can be opened.
    pub(crate) fn open(
        &self,
        tree: &mut Value,
        findings: &mut Findings,
        hints: &Hints<'_>,
    ) -> Result<(), String> {
        let mut error = None;
        let mut is_any_open = false;
        for place in self.at.locations(tree) {
            let Some(value) = tree.pointer_mut(&place) else { continue };
            let Some(text) = scalar_text(value) else { continue };
            match self.opened(&text, findings, hints) {
                Ok(opened) => {
                    *value = opened;
                    is_any_open = true;
                }
                Err(why) => error = Some(why),
            }
        }
        match error.filter(|_| !is_any_open) {
            None => Ok(()),
            Some(why) => Err(format!("within {}: {why}", self.at.as_str())),
        }
    }

    fn opened(
        &self,
        text: &str,
        findings: &mut Findings,
        hints: &Hints<'_>,
    ) -> Result<Value, String> {
        // Findings about the surrounding text say nothing about the document.
        let text = &findings.without_irregularities(text);
        if self.layers.is_empty() {
            return self.shape.parse(text, findings);
        }
        let bytes = envelope::open(&self.layers, text)?;
        let decoded = decode(&bytes, hints);
        if !decoded.facts.findings.is_empty() {
            return Err("the bytes within are malformed text".to_owned());
        }
        self.shape.parse(&decoded.text, findings)
    }
}

#[cfg(test)]
mod tests;
