//! Settings that cannot contradict each other, made once from what the author wrote.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono_tz::Tz;
use contract::{Budget, ChannelId, ConnectorContext, Fault, Gate};
use serde_json::{Map, Value};

use crate::config::{Config, Protocol, Singer};

/// How a program is run and what it may use.
pub(crate) struct Plan {
    pub(crate) channel: ChannelId,
    pub(crate) command: Vec<String>,
    pub(crate) folder: PathBuf,
    /// Settings of the program, secrets in their places: never shown.
    pub(crate) config: Map<String, Value>,
    pub(crate) timeout: Duration,
    pub(crate) memory: u64,
    pub(crate) page: usize,
    pub(crate) zone: Tz,
    pub(crate) budget: Budget,
    /// Each read passes through it once. What a program asks its source meanwhile is its own affair:
    /// it is told the budget.
    pub(crate) gate: Arc<dyn Gate>,
    /// `None` for a plugin.
    pub(crate) singer: Option<Singer>,
}

impl Plan {
    pub(crate) fn new(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let Config { command, protocol, config, secrets, timeout, memory, page, singer } = config;
        let ConnectorContext { channel, zone, budget, gate, folder, .. } = context;
        let wrong = |what: &str, remedy: &str| Err(Fault::stopped(what).remedy(remedy));
        if command.first().is_none_or(String::is_empty) {
            return wrong(
                "`command` names no program",
                "write it like [\"python3\", \"plugin.py\"]",
            );
        }
        if timeout.0.is_zero() {
            return wrong("`timeout` is zero", "write it like 60s");
        }
        if page == 0 {
            return wrong("`page` is zero", "write a number from 1 to 10000");
        }
        if let Some(twice) = secrets.keys().find(|name| config.contains_key(*name)) {
            return wrong(
                &format!("`{twice}` stands in `config` and in `secrets`"),
                "keep one of the two",
            );
        }
        match (protocol, &singer) {
            (Protocol::Singer, None) => {
                return wrong(
                    "no stream of the tap is named",
                    "add [process.singer] with `stream`",
                );
            }
            (Protocol::Tonghui, Some(_)) => {
                return wrong(
                    "[process.singer] is for taps, and `protocol` says nothing of one",
                    "add protocol = \"singer\"",
                );
            }
            (Protocol::Singer, Some(_)) | (Protocol::Tonghui, None) => {}
        }
        let secrets = secrets
            .into_iter()
            .map(|(name, secret)| (name, Value::String(secret.expose().to_owned())));
        Ok(Self {
            command,
            folder,
            config: config.into_iter().chain(secrets).collect(),
            timeout: timeout.0,
            memory: memory.0,
            page: usize::try_from(page).unwrap_or(usize::MAX),
            zone,
            budget,
            gate,
            singer,
            channel,
        })
    }

    /// Where a fault happened.
    pub(crate) fn place(&self) -> String {
        let what = if self.singer.is_some() { "tap" } else { "plugin" };
        format!("{what} {}", self.command.first().map_or("", String::as_str))
    }
}
