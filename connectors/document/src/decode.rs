//! Decodes a body, and collects what is known about its text.

use std::collections::BTreeSet;

use contract::{Mark, TextReport, demand::QualityFlag};
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{
    findings::{Findings, Verdict, visit_texts},
    tree::Shape,
};

/// A body as text.
#[derive(Debug)]
pub struct Text {
    /// The text, without a byte order mark. Malformed sequences have markers, see [`Findings`].
    pub text: String,
    /// What is known about it.
    pub facts: Facts,
}

/// What is known about the text of a document: findings about its records are made from this.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How the charset was found.
    pub report: TextReport,
    /// Damage and oddities.
    pub findings: Findings,
    /// Standard characters that replaced private-use characters, each once.
    pub repaired: Vec<char>,
}

impl Text {
    /// Parses it; damage in single records is marked in the tree.
    ///
    /// # Errors
    /// It is not such a document: its brackets or elements do not match.
    pub fn parse(&mut self, shape: Shape) -> Result<Value, String> {
        shape.parse(&self.text, &mut self.facts.findings)
    }
}

impl Facts {
    /// The findings about a record. `prefix` is put before the names of its fields.
    pub fn judge(&self, prefix: &str, tree: &Value) -> Verdict {
        let mut verdict = self.findings.judge(prefix, tree, &self.report.charset);
        if !self.repaired.is_empty() {
            visit_texts(tree, &mut String::new(), &mut |field, text| {
                if text.contains(&self.repaired[..]) {
                    let field = format!("{prefix}{field}");
                    let detail = "a private-use character was replaced by a standard one".into();
                    verdict.marks.push(Mark { field, flag: QualityFlag::RepairedText, detail });
                }
            });
        }
        verdict
    }
}

/// Decodes a body. Never fails: malformed bytes are kept in the findings.
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
        let text = findings.mark_malformed(bytes, 0, charset, spans, &decoded.text);
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
    };
    Text { text, facts: Facts { report, findings, repaired } }
}

/// Encodes a text in a charset; `None` where the charset lacks a character.
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
