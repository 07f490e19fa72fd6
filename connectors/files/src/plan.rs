//! Settings that were checked once: code behind this point cannot meet a half-valid one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::format::{Item, StrftimeItems};
use chrono_tz::Tz;
use contract::{Fault, Means};
use normalizer_text::Charset;

use crate::{
    config::{Config, CsvConfig, Format, Limits, Malformed, RevisionConfig},
    form::Columns,
    path::Path,
};

/// What to read, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) patterns: Vec<String>,
    pub(crate) manifest: Option<String>,
    pub(crate) stable: Duration,
    pub(crate) archive: Option<PathBuf>,
    pub(crate) error: Option<PathBuf>,
    pub(crate) record: RecordPlan,
    pub(crate) form: FormPlan,
}

/// How a row becomes a record.
#[derive(Debug)]
pub(crate) struct RecordPlan {
    pub(crate) key: Path,
    pub(crate) revision: RevisionPlan,
    pub(crate) malformed: Malformed,
    pub(crate) zone: Tz,
}

/// Where the revision is read from.
#[derive(Debug)]
pub(crate) enum RevisionPlan {
    /// The name of the file.
    Name(String),
    /// A field, in a time format or as a whole number.
    Field(Path, Option<String>),
}

/// How the records of a file are found.
#[derive(Debug, Clone)]
pub(crate) struct FormPlan {
    pub(crate) format: Option<Format>,
    pub(crate) charset: Charset,
    pub(crate) force: Option<Charset>,
    pub(crate) csv: CsvPlan,
    pub(crate) element: Option<String>,
    pub(crate) columns: Columns,
    /// Bytes of one record.
    pub(crate) max_record: usize,
    pub(crate) limits: LimitsPlan,
}

/// How lines are taken apart.
#[derive(Debug, Clone)]
pub(crate) struct CsvPlan {
    pub(crate) delimiter: String,
    pub(crate) quote: char,
    pub(crate) trailing: String,
}

/// How much may be unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitsPlan {
    /// Bytes.
    pub(crate) total: u64,
    pub(crate) ratio: u64,
    pub(crate) entries: usize,
}

impl Plan {
    /// Refuses settings that cannot work.
    pub(crate) fn new(config: &Config, means: &Means) -> Result<Arc<Self>, Fault> {
        if config.pattern.is_empty() {
            return Err(refused("`match` names no file", "write it like [\"*.csv\"]"));
        }
        if config.manifest.as_ref().is_some_and(String::is_empty) {
            return Err(refused("`manifest` is empty", "write it like \".ok\""));
        }
        if config.timeout.0.is_zero() {
            return Err(refused("`timeout` is zero", "write it like 30s"));
        }
        if !(1..=1_400).contains(&config.listing) {
            return Err(refused("`listing` is out of range", "write a number from 1 to 1400"));
        }
        let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
        let record = RecordPlan {
            key: Path::parse(&config.key.0)
                .map_err(|what| Fault::stopped(format!("`key`: {what}")))?,
            revision: revision(&config.revision)?,
            malformed: config.malformed,
            zone: means.zone,
        };
        Ok(Arc::new(Self {
            patterns: config.pattern.clone(),
            manifest: config.manifest.clone(),
            stable: config.stable.0,
            archive: path(&config.archive),
            error: path(&config.error),
            record,
            form: form_of(config)?,
        }))
    }
}

fn revision(config: &RevisionConfig) -> Result<RevisionPlan, Fault> {
    let RevisionConfig { name, at, format } = config;
    for format in name.iter().chain(format) {
        if StrftimeItems::new(format).any(|item| item == Item::Error) {
            return Err(refused(
                &format!("`revision`: `{format}` is not a time format"),
                "write it like \"_%Y%m%d%H%M%S.\"",
            ));
        }
    }
    match (name, at) {
        (Some(name), None) if format.is_none() => Ok(RevisionPlan::Name(name.clone())),
        (None, Some(at)) => {
            let path =
                Path::parse(&at.0).map_err(|what| Fault::stopped(format!("`revision`: {what}")))?;
            Ok(RevisionPlan::Field(path, format.clone()))
        }
        _ => Err(refused(
            "`revision` is read from one place",
            "write { name = \"…\" }, { at = \"$.…\" } or { at = \"$.…\", format = \"…\" }",
        )),
    }
}

fn form_of(config: &Config) -> Result<FormPlan, Fault> {
    let CsvConfig { delimiter, quote, trailing } = &config.csv;
    let is_plain = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', *quote]);
    if !(1..=4).contains(&delimiter.len()) || !is_plain(delimiter) || !quote.is_ascii() {
        return Err(refused(
            "`csv.delimiter` and `csv.quote` cannot be told apart, or are not ASCII",
            "write one to four characters that are no quote and no line end",
        ));
    }
    let columns = Columns::new(&config.columns).map_err(|what| {
        Fault::stopped(format!("`columns`: {what}")).remedy("give each name to one column")
    })?;
    let Limits { total, ratio, entries, record } = config.limits;
    if total == 0 || ratio == 0 || entries == 0 || !(1..=16).contains(&record) {
        return Err(refused("`limits` forbid everything", "leave them out, or raise them"));
    }
    Ok(FormPlan {
        format: config.format,
        charset: config.charset,
        force: config.force,
        csv: CsvPlan { delimiter: delimiter.clone(), quote: *quote, trailing: trailing.clone() },
        element: config.element.clone(),
        columns,
        max_record: (record as usize) << 20,
        limits: LimitsPlan {
            total: u64::from(total) << 20,
            ratio: u64::from(ratio),
            entries: entries as usize,
        },
    })
}

fn refused(what: &str, remedy: &str) -> Fault {
    Fault::stopped(what).remedy(remedy)
}

/// The form of a file where a channel says nothing of it.
#[cfg(test)]
pub(crate) fn form() -> FormPlan {
    let config = serde_json::json!({
        "url": ".", "match": ["*"], "key": "$.id", "revision": { "at": "$.n" },
    });
    form_of(&serde_json::from_value(config).unwrap()).unwrap()
}
