//! Settings that were checked once: code behind this point relies on them.

use contract::{ConnectorContext, Fault};
use serde_json::{Map, Value};

use crate::config::{Config, Protocol};

/// How a program is run, and its limits.
pub(crate) struct Plan {
    pub(crate) config: Config,
    /// Each read enters the gate once. How often the program itself asks the source is not
    /// controlled: it is told the budget.
    pub(crate) context: ConnectorContext,
    /// Settings of the program, with their secrets: never shown.
    pub(crate) settings: Map<String, Value>,
}

impl Plan {
    pub(crate) fn new(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let Config { command, protocol, config: plain, secrets, timeout, page, singer, .. } =
            &config;
        let twice = secrets.keys().find(|name| plain.contains_key(*name));
        let (what, remedy) = match (protocol, singer) {
            _ if command.first().is_none_or(String::is_empty) => {
                ("`command` names no program", "write it like [\"python3\", \"plugin.py\"]")
            }
            _ if timeout.0.is_zero() => ("`timeout` is zero", "write it like 60s"),
            _ if *page == 0 => ("`page` is zero", "write a number from 1 to 10000"),
            _ if let Some(twice) = twice => {
                let what = format!("`{twice}` is in `config` and in `secrets`");
                return Err(Fault::stopped(what).remedy("keep one of the two"));
            }
            (Protocol::Singer, None) => {
                ("no stream of the tap is named", "add [process.singer] with `stream`")
            }
            (Protocol::Tonghui, Some(_)) => (
                "[process.singer] is for taps, but `protocol` is not \"singer\"",
                "add protocol = \"singer\"",
            ),
            (Protocol::Singer, Some(_)) | (Protocol::Tonghui, None) => {
                let secret = |(name, secret): (&String, &contract::Secret)| {
                    (name.clone(), Value::from(secret.expose()))
                };
                let settings = plain.clone().into_iter().chain(secrets.iter().map(secret));
                return Ok(Self { settings: settings.collect(), config, context });
            }
        };
        Err(Fault::stopped(what).remedy(remedy))
    }

    /// A fault of the program that somebody must correct.
    pub(crate) fn stopped(&self, what: &str) -> Fault {
        Fault::stopped(what).at(self.place())
    }

    /// The place of a fault.
    pub(crate) fn place(&self) -> String {
        let what = if self.config.singer.is_some() { "tap" } else { "plugin" };
        format!("{what} {}", self.config.command.first().map_or("", String::as_str))
    }
}
