//! Reads an answer or a file whose format nobody has described.

use anyhow::{Context as _, Result, bail, ensure};
use contract::DecidedBy;
use document::{CsvConfig, DocumentFormat, Layout, decode};
use normalizer_text::Hints;
use serde_json::Value;

/// The separators of tables.
const DELIMITERS: [&str; 4] = [",", "\t", ";", "|"];

/// A document with records.
pub(super) struct Answer {
    /// Its text; empty for a workbook.
    pub(super) text: String,
    pub(super) tree: Value,
    /// `None` for a workbook, whose rows are the tree.
    pub(super) format: Option<DocumentFormat>,
    /// The separator of a table.
    pub(super) delimiter: &'static str,
    /// Its charset, if nothing but its bytes shows it.
    pub(super) charset: Option<String>,
}

impl Answer {
    /// Reads the bytes of an answer with this content type, or of a file with this name.
    ///
    /// # Errors
    /// It is in no format that can be read.
    pub(super) fn read(bytes: &[u8], content_type: Option<&str>, name: &str) -> Result<Self> {
        let mut decoded = decode(bytes, &Hints { content_type, ..Hints::default() });
        let report = &decoded.diagnostics.report;
        let is_guessed = report.decided_by == DecidedBy::Detected;
        // UTF-8 needs no setting: it is recognised first.
        let charset =
            Some(report.charset.to_lowercase()).filter(|name| is_guessed && name != "utf-8");
        let start: String = decoded.text.trim_start().chars().take(200).collect();
        let start = start.to_lowercase();
        ensure!(!start.is_empty(), "it is empty");
        ensure!(
            !start.starts_with("<!doctype html") && !start.starts_with("<html"),
            "it is a page for people (HTML), not data: perhaps it is a login page, and the request needs other credentials"
        );
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let is_table = ["csv", "tsv", "txt"].iter().any(|one| extension.as_deref() == Some(one));
        let is_tree = start.starts_with(['{', '[', '<', '\u{1e}']) && !is_table;
        let format = if is_tree { DocumentFormat::of(&decoded.text) } else { DocumentFormat::Csv };
        let delimiter = delimiter(&decoded.text);
        let csv = CsvConfig { delimiter: delimiter.to_owned(), ..CsvConfig::default() };
        let layout = Layout { csv, ..Layout::default() };
        let text = decoded.text.clone();
        let findings = &mut decoded.diagnostics.findings;
        let tree = format.parse_with(&decoded.text, &layout, findings);
        let tree = tree.map_err(anyhow::Error::msg).with_context(|| match format {
            DocumentFormat::Csv => "it is neither JSON nor XML nor a table",
            DocumentFormat::Xml => "it is not XML",
            DocumentFormat::Json | DocumentFormat::JsonLines => "it is not JSON",
        })?;
        if format == DocumentFormat::Csv && !has_columns(&tree) {
            bail!("it is neither JSON nor XML nor a table with two columns or more");
        }
        Ok(Self { text, tree, format: Some(format), delimiter, charset })
    }

    /// The rows of a workbook.
    pub(super) fn workbook(rows: Vec<Value>) -> Self {
        let (text, tree) = (String::new(), Value::Array(rows));
        Self { text, tree, format: None, delimiter: ",", charset: None }
    }

    pub(super) fn is_xml(&self) -> bool {
        self.format == Some(DocumentFormat::Xml)
    }

    /// Whether it is nothing but a list of rows with named columns.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.format, None | Some(DocumentFormat::Csv))
    }
}

fn has_columns(tree: &Value) -> bool {
    let rows = tree.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(Value::as_object).any(|row| row.len() > 1)
}

/// The separator that occurs most often in the first lines.
fn delimiter(text: &str) -> &'static str {
    let count = |sign: &&&str| {
        let lines = text.lines().filter(|line| !line.trim().is_empty()).take(5);
        lines.map(|line| line.matches(**sign).count()).max().unwrap_or(0)
    };
    // Of several, the first.
    DELIMITERS.iter().rev().max_by_key(|sign| count(sign)).copied().unwrap_or(",")
}
