//! Settings that were checked once: code behind this point cannot meet a half-valid one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use contract::{ConnectorContext, Fault};

use crate::{config::Config, form::FormOptions, pick::fits, record::RecordOptions};

/// What to read, and how.
#[derive(Debug)]
pub(crate) struct Options {
    patterns: Vec<String>,
    pub(crate) manifest: Option<String>,
    pub(crate) stable: Duration,
    pub(crate) archive: Option<PathBuf>,
    pub(crate) error: Option<PathBuf>,
    pub(crate) record: RecordOptions,
    pub(crate) form: FormOptions,
}

impl Options {
    /// Refuses settings that cannot work.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Arc<Self>, Fault> {
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
        Ok(Arc::new(Self {
            patterns: config.pattern.clone(),
            manifest: config.manifest.clone(),
            stable: config.stable.0,
            archive: path(&config.archive),
            error: path(&config.error),
            record: RecordOptions::new(config, context)?,
            form: FormOptions::new(config)?,
        }))
    }

    /// Whether a file of this name is meant.
    pub(crate) fn is_meant(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| fits(name, pattern))
    }
}

fn refused(what: &str, remedy: &str) -> Fault {
    Fault::stopped(what).remedy(remedy)
}
