//! Checks the settings of a channel; all other code relies on the checked ones.

use contract::{ConnectorContext, Fault};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Protocol};

/// How a program is run, and with which limits.
pub(crate) struct Plan {
    pub(crate) config: Config,
    /// Its gate admits each read once. It does not count the program's own requests to the source: the
    /// program gets the budget and must respect it.
    pub(crate) context: ConnectorContext,
    /// Settings for the program, including secrets. They are never shown.
    pub(crate) settings: Map<String, Value>,
    /// A hash of those that are not secret, and of the name of a tap's stream.
    pub(crate) settings_hash: String,
}

impl Plan {
    pub(crate) fn new(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let Config { command, protocol, config: plain, secrets, timeout, page, singer, .. } =
            &config;
        let repeated = secrets.keys().find(|name| plain.contains_key(*name));
        let (cause, remedy) = match (protocol, singer) {
            _ if command.first().is_none_or(String::is_empty) => {
                ("`command` is empty", "write it like [\"python3\", \"plugin.py\"]")
            }
            _ if timeout.0.is_zero() => ("`timeout` is zero", "write it like 60s"),
            _ if *page == 0 => ("`page` is zero", "write a number from 1 to 10000"),
            _ if let Some(repeated) = repeated => {
                let cause = format!("`{repeated}` is in `config` and in `secrets`");
                return Err(Fault::stopped(cause).remedy("keep one of the two"));
            }
            (Protocol::Singer, None) => {
                ("no stream of the tap is selected", "add [process.singer] with `stream`")
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
                let (settings, settings_hash) = (settings.collect(), settings_hash(&config));
                return Ok(Self { settings, settings_hash, config, context });
            }
        };
        Err(Fault::stopped(cause).remedy(remedy))
    }

    /// A fault that an operator must fix, at the place of the program.
    pub(crate) fn stopped(&self, cause: &str) -> Fault {
        Fault::stopped(cause).at(self.place())
    }

    /// The place of the program's faults: `plugin` or `tap`, and the command.
    pub(crate) fn place(&self) -> String {
        let kind = if self.config.singer.is_some() { "tap" } else { "plugin" };
        format!("{kind} {}", self.config.command.first().map_or("", String::as_str))
    }
}

fn settings_hash(config: &Config) -> String {
    let stream = config.singer.as_ref().map(|singer| &singer.stream);
    let text = json!([config.config, stream]).to_string();
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}
