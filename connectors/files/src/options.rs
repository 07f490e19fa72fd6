//! Checks the settings once, so that all later code can rely on them.

use std::sync::Arc;

use contract::{ConnectorContext, Fault};
use document::{Columns, Path, TimeFormat, column_name};

use crate::{
    config::{Config, Limits, RevisionConfig},
    cursor::Fingerprint,
    selection::matches_pattern,
};

/// The checked settings of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) revision: RevisionSource,
    pub(crate) columns: Columns,
    /// The largest number of bytes of one record.
    pub(crate) max_record_bytes: usize,
    /// The texts of the mapping (see [`ConnectorContext::mapped`]); `None` if any field may be mapped.
    mapped: Option<Arc<str>>,
    /// A hash of the settings that decide which records of a file are read, and what is in them.
    pub(crate) selection_hash: Fingerprint,
    /// A hash of `key`.
    pub(crate) key_hash: Fingerprint,
}

/// Where the revision of a record is.
#[derive(Debug, Clone)]
pub(crate) enum RevisionSource {
    /// In the name of its file.
    Name(TimeFormat),
    /// In a field of the record, as a time in this format or as a whole number.
    Field(Path, Option<TimeFormat>),
}

impl Options {
    /// Checks the settings.
    pub(crate) fn new(config: Config, context: &ConnectorContext) -> Result<Arc<Self>, Fault> {
        let refuse = |cause: &str, remedy: &str| Err(Fault::stopped(cause).remedy(remedy));
        if config.pattern.is_empty() {
            return refuse("`match` is empty", "write it like [\"*.csv\"]");
        }
        if config.manifest.as_ref().is_some_and(String::is_empty) {
            return refuse("`manifest` is empty", "write it like \".ok\"");
        }
        if config.timeout.0.is_zero() {
            return refuse("`timeout` is zero", "write it like 30s");
        }
        if !(1..=1_400).contains(&config.listing) {
            return refuse("`listing` is out of range", "write a number from 1 to 1400");
        }
        if let Err((cause, remedy)) = config.csv.check() {
            return refuse(cause, remedy);
        }
        if config.skip.values().chain(config.only.values()).any(Vec::is_empty) {
            return refuse("a field in `skip` or `only` has no texts", "write it like [\"合计\"]");
        }
        let columns = Columns::new(&config.columns).map_err(|cause| {
            Fault::stopped(format!("`columns`: {cause}")).remedy("give each name to one column")
        })?;
        let key_columns = config.key.paths().iter().filter_map(column_name);
        let columns = key_columns.fold(columns, Columns::with_key_column);
        let Limits { total, ratio, entries, record } = config.limits;
        if total == 0 || ratio == 0 || entries == 0 || !(1..=16).contains(&record) {
            return refuse(
                "a value in `limits` is out of range",
                "remove it, or write a number in the range that the schema allows",
            );
        }
        Ok(Arc::new(Self {
            revision: revision_source(&config.revision, context)?,
            columns,
            max_record_bytes: (record as usize) << 20,
            mapped: context.mapped.clone(),
            selection_hash: selection_hash(&config, context),
            key_hash: Fingerprint::of(&format!("{:?}", config.key.paths())),
            config,
        }))
    }

    /// The folder to which a file is moved that was read, or that could not be; `None` if it stays.
    pub(crate) fn folder_of_moved(&self, is_error: bool) -> Option<&str> {
        let Config { archive, error, .. } = &self.config;
        if is_error { error.as_deref() } else { archive.as_deref() }
    }

    /// Whether a file with this name is to be read.
    pub(crate) fn is_selected(&self, name: &str) -> bool {
        self.config.pattern.iter().any(|pattern| matches_pattern(name, pattern))
    }

    /// Whether the mapping may read this field of a record. A path may escape some signs of a name.
    pub(crate) fn is_mapped(&self, field: &str) -> bool {
        self.mapped.as_ref().is_none_or(|texts| {
            field.contains(['\'', '"', '\\'])
                || field.contains(char::is_control)
                || texts.lines().any(|text| text == "$")
                || [field, "$..", "$.*", "$[*", "$[?"].iter().any(|text| texts.contains(text))
        })
    }
}

/// A file that is read again after one of these settings has changed may give other records. `match` is not among
/// them: a file that it selects from now on was not read.
fn selection_hash(config: &Config, context: &ConnectorContext) -> Fingerprint {
    let Config { format, charset, force, malformed, csv, records, null, element, .. } = config;
    let Config { columns, sheet, skip, only, revision, .. } = config;
    let text = (format, charset, force, malformed, csv, records, null, element);
    let others = (columns, sheet, skip, only, revision, context.zone);
    // As it was before there was this setting: without it, no file has to be read again.
    let text = format!("{text:?} {others:?}").replacen(", header: None }", " }", 1);
    Fingerprint::of(&text)
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
        _ => Err(Fault::stopped("`revision` must set either `name` or `at`").remedy(
            "write { name = \"…\" }, { at = \"$.…\" } or { at = \"$.…\", format = \"…\" }",
        )),
    }
}

/// The options of a channel that sets only what is required.
#[cfg(test)]
pub(crate) fn for_tests() -> Options {
    let config = serde_json::json!({
        "url": ".", "match": ["*"], "key": "$.id", "revision": { "at": "$.n" },
    });
    let context = ConnectorContext::new("test".parse().unwrap(), chrono_tz::UTC);
    let options = Options::new(serde_json::from_value(config).unwrap(), &context).unwrap();
    Options { columns: Columns::default(), ..Arc::unwrap_or_clone(options) }
}
