//! The settings, checked once: all later code relies on them.

use std::sync::Arc;

use contract::{ConnectorContext, Fault};
use document::{Path, TimeFormat};

use crate::{
    config::{Config, CsvConfig, Limits, RevisionConfig},
    format::Columns,
    selection::matches_pattern,
};

/// What to read, and how.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) revision: RevisionSource,
    pub(crate) columns: Columns,
    /// Most bytes of one record.
    pub(crate) max_record: usize,
}

/// Where the revision is.
#[derive(Debug, Clone)]
pub(crate) enum RevisionSource {
    /// In the name of the file.
    Name(TimeFormat),
    /// In a field, as a time or as a whole number.
    Field(Path, Option<TimeFormat>),
}

impl Options {
    /// Refuses settings that cannot work.
    pub(crate) fn new(config: Config, context: &ConnectorContext) -> Result<Arc<Self>, Fault> {
        let refused = |cause: &str, remedy: &str| Err(Fault::stopped(cause).remedy(remedy));
        if config.pattern.is_empty() {
            return refused("`match` names no file", "write it like [\"*.csv\"]");
        }
        if config.manifest.as_ref().is_some_and(String::is_empty) {
            return refused("`manifest` is empty", "write it like \".ok\"");
        }
        if config.timeout.0.is_zero() {
            return refused("`timeout` is zero", "write it like 30s");
        }
        if !(1..=1_400).contains(&config.listing) {
            return refused("`listing` is out of range", "write a number from 1 to 1400");
        }
        let CsvConfig { delimiter, quote, .. } = &config.csv;
        let is_allowed = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', *quote]);
        if !(1..=4).contains(&delimiter.len()) || !is_allowed(delimiter) || !quote.is_ascii() {
            return refused(
                "`csv.delimiter` and `csv.quote` cannot be told apart, or are not ASCII",
                "write one to four characters that are neither the quote nor a line end",
            );
        }
        let columns = Columns::new(&config.columns).map_err(|cause| {
            Fault::stopped(format!("`columns`: {cause}")).remedy("give each name to one column")
        })?;
        let Limits { total, ratio, entries, record } = config.limits;
        if total == 0 || ratio == 0 || entries == 0 || !(1..=16).contains(&record) {
            return refused(
                "one of `limits` is out of range",
                "remove it, or write a number in its range",
            );
        }
        Ok(Arc::new(Self {
            revision: revision_source(&config.revision, context)?,
            columns,
            max_record: (record as usize) << 20,
            config,
        }))
    }

    /// Whether a file of this name is to be read.
    pub(crate) fn is_selected(&self, name: &str) -> bool {
        self.config.pattern.iter().any(|pattern| matches_pattern(name, pattern))
    }
}

fn revision_source(
    config: &RevisionConfig,
    context: &ConnectorContext,
) -> Result<RevisionSource, Fault> {
    let format = |text: &String| {
        TimeFormat::new(text, context.zone).map_err(|cause| {
            Fault::stopped(format!("`revision`: {cause}"))
                .remedy("write it like \"_%Y%m%d%H%M%S.\"")
        })
    };
    match (&config.name, &config.at, &config.format) {
        (Some(name), None, None) => Ok(RevisionSource::Name(format(name)?)),
        (None, Some(at), text) => {
            let format = text.as_ref().map(format).transpose()?;
            Ok(RevisionSource::Field(at.clone(), format))
        }
        _ => Err(Fault::stopped("`revision` does not name one place").remedy(
            "write { name = \"…\" }, { at = \"$.…\" } or { at = \"$.…\", format = \"…\" }",
        )),
    }
}

/// The options of a channel that does not set the format of its files.
#[cfg(test)]
pub(crate) fn for_tests() -> Options {
    let config = serde_json::json!({
        "url": ".", "match": ["*"], "key": "$.id", "revision": { "at": "$.n" },
    });
    let context = ConnectorContext::new("test".parse().unwrap(), chrono_tz::UTC);
    let options = Options::new(serde_json::from_value(config).unwrap(), &context).unwrap();
    Arc::unwrap_or_clone(options)
}
