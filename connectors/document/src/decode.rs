//! Decodes the bytes of a document into text, and notes what was found in them.

use std::collections::BTreeSet;

use contract::{FieldFlag, TextReport, demand::QualityFlag};
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{
    findings::{Defects, Findings, visit_texts},
    tree::DocumentFormat,
};

/// A decoded document.
#[derive(Debug)]
pub struct Text {
    /// The text, without a byte order mark. Markers stand for malformed sequences, see
    /// [`Findings`].
    pub text: String,
    /// What was found in the bytes and the text.
    pub diagnostics: Diagnostics,
}

/// What was found in a document. [`Diagnostics::defects_in`] tells which of it concerns a record.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// Which charset was used, and how it was found.
    pub report: TextReport,
    /// Damage and irregularities, which markers in the text refer to.
    pub findings: Findings,
    /// The characters that replaced private-use characters or pairs of surrogates, without duplicates.
    pub repaired: Vec<char>,
}

impl Text {
    /// Parses the text. Damage within a record is marked in the tree.
    ///
    /// # Errors
    /// The text is not a document of this format: its brackets or elements do not match.
    pub fn parse(&mut self, format: DocumentFormat) -> Result<Value, String> {
        format.parse(&self.text, &mut self.diagnostics.findings)
    }
}

impl Diagnostics {
    /// The defects of a record. `prefix` is put before the names of its fields.
    pub fn defects_in(&self, prefix: &str, tree: &Value) -> Defects {
        let mut defects = self.findings.defects_in(prefix, tree, &self.report.charset);
        if !self.repaired.is_empty() {
            visit_texts(tree, &mut String::new(), &mut |field, text| {
                if text.contains(&self.repaired[..]) {
                    let field = format!("{prefix}{field}");
                    let detail =
                        "a private-use character or a pair of surrogates was replaced".into();
                    defects.flags.push(FieldFlag {
                        field,
                        flag: QualityFlag::RepairedText,
                        detail,
                    });
                }
            });
        }
        defects
    }
}

/// Decodes a document. This never fails: malformed bytes become findings.
pub fn decode(bytes: &[u8], hints: &Hints<'_>) -> Text {
    let decoded = normalizer_text::decode(bytes, hints);
    let report = decoded.evidence.report();
    let replacements =
        decoded.moved.iter().filter_map(|span| decoded.text.get(span.offset..)?.chars().next());
    let repaired: Vec<char> = replacements.collect::<BTreeSet<char>>().into_iter().collect();
    let mut findings = Findings::default();
    let text = if decoded.malformed.is_empty() {
        decoded.text.into_owned()
    } else {
        let (charset, spans) = (decoded.evidence.charset, &decoded.malformed);
        let text = findings.mark_malformed(bytes, charset, spans, &decoded.text);
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
    };
    Text { text, diagnostics: Diagnostics { report, findings, repaired } }
}

/// Encodes a text in a charset; `None` if the charset lacks one of the characters.
pub fn encode(text: &str, charset: Charset) -> Option<Vec<u8>> {
    let encoding = match charset {
        Charset::Utf8 => return Some(text.as_bytes().to_vec()),
        Charset::Gb18030 => encoding_rs::GB18030,
        other => encoding_rs::Encoding::for_label(other.name().as_bytes())?,
    };
    let (bytes, _, has_unmappable) = encoding.encode(text);
    (!has_unmappable).then(|| bytes.into_owned())
}

#[cfg(test)]
mod tests;
