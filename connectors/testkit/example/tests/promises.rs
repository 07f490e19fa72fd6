//! Runs the suite with a journal: the connector must find everything that the suite writes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs::OpenOptions, io::Write, time::Duration};

use connector_journal::{Config, Journal};
use connector_testkit::Source;
use contract::{Connector as _, ConnectorContext};
use tempfile::NamedTempFile;

struct Office {
    journal: NamedTempFile,
}

impl Office {
    fn new() -> Self {
        Self { journal: NamedTempFile::new().unwrap() }
    }

    fn append(&self, key: &str, state: &str) {
        let mut journal = OpenOptions::new().append(true).open(self.journal.path()).unwrap();
        writeln!(journal, "{key}\t{{\"state\":\"{state}\"}}").unwrap();
    }
}

impl Source for Office {
    type Connector = Journal;
    /// Lines have no time: a new line is found because it is at the end.
    const MAX_DELAY: Duration = Duration::from_secs(3600);

    fn connector(&self) -> Journal {
        let config = Config { file: self.journal.path().to_owned() };
        let context = ConnectorContext::new("journal".parse().unwrap(), chrono_tz::Asia::Shanghai);
        Journal::build(config, context).unwrap()
    }

    async fn add(&mut self, keys: &[String], _age: Duration) {
        keys.iter().for_each(|key| self.append(key, "open"));
    }

    async fn change(&mut self, key: &str) {
        self.append(key, "done");
    }
}

connector_testkit::suite!(Office::new());
