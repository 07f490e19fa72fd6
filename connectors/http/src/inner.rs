//! Parses documents within a document.
//!
//! Some answers carry the real answer as text: a SOAP answer in CDATA, escaped, in Base64 or encrypted; a
//! JSON answer as JSON in a string. This module replaces such a text by its tree, so that paths lead into it.
//! If `layers` are configured (Base64, ciphers), the bytes inside them are decoded like the body of an answer.
//! Without them, the text is decoded already: a charset that it declares is ignored.

use connector_wire::envelope::{self, Layer};
use contract::Fault;
use document::{CsvConfig, DocumentFormat, Findings, Layout, Path, decode, scalar_text};
use normalizer_text::Hints;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A text of the answer that is a document itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InnerDocument {
    /// Where the texts are. Missing and empty texts are left as they are.
    at: Path,
    /// The layers around the document: encodings and ciphers, the outermost first.
    #[serde(default)]
    layers: Vec<Layer>,
    /// The format of the document.
    #[serde(rename = "as")]
    format: DocumentFormat,
}

impl InnerDocument {
    /// Checks the cipher keys of the layers.
    ///
    /// # Errors
    /// `Stopped` if a key is not valid.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.layers.iter().try_for_each(Layer::check)
    }

    /// Where the texts are.
    pub(crate) fn at(&self) -> &Path {
        &self.at
    }

    pub(crate) fn is_xml(&self) -> bool {
        self.format == DocumentFormat::Xml
    }

    pub(crate) fn is_csv(&self) -> bool {
        self.format == DocumentFormat::Csv
    }

    /// Replaces texts by their trees. If at least one text can be read, those that cannot stay as they
    /// are: their records are judged later. `csv` says how tables are written.
    ///
    /// # Errors
    /// There are texts, and none of them can be read.
    pub(crate) fn open(
        &self,
        tree: &mut Value,
        findings: &mut Findings,
        hints: &Hints<'_>,
        csv: &CsvConfig,
    ) -> Result<(), String> {
        // Its columns need not be those of the key: a table may stand within a record.
        let layout = Layout { csv: csv.clone(), ..Layout::default() };
        let mut error = None;
        let mut is_any_opened = false;
        for place in self.at.locations(tree) {
            let Some(value) = tree.pointer_mut(&place) else { continue };
            let Some(text) = scalar_text(value) else { continue };
            match self.parse_text(&text, findings, hints, &layout) {
                Ok(document) => {
                    *value = document;
                    is_any_opened = true;
                }
                Err(why) => error = Some(why),
            }
        }
        match error.filter(|_| !is_any_opened) {
            None => Ok(()),
            Some(why) => Err(format!("the text at {} cannot be read: {why}", self.at.as_str())),
        }
    }

    fn parse_text(
        &self,
        text: &str,
        findings: &mut Findings,
        hints: &Hints<'_>,
        layout: &Layout,
    ) -> Result<Value, String> {
        // In the answer, markers replace irregular characters; the document needs the characters.
        let text = &findings.without_irregularities(text);
        if self.layers.is_empty() {
            return self.format.parse_with(text, layout, findings);
        }
        let bytes = envelope::open(&self.layers, text)?;
        let decoded = decode(&bytes, hints);
        if !decoded.diagnostics.findings.is_empty() {
            return Err("its bytes are not valid in their charset".to_owned());
        }
        self.format.parse_with(&decoded.text, layout, findings)
    }
}

#[cfg(test)]
mod tests;
