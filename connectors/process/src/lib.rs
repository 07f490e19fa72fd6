//! Runs external programs that read a source: a plugin that uses the line protocol, or an existing
//! Singer tap.
//!
//! A program is a separate process, not a library: it may be written in any language, and if it hangs,
//! crashes or uses too much memory, it affects only itself. Any violation of the protocol stops the
//! channel and ends the program. The next request can start it again, because its whole state is the
//! cursor.
//!
//! Reading order: `message.rs` (the protocol), `session.rs` (a plugin), `singer.rs` (a tap), then
//! `child.rs` (running a program).

#![warn(missing_docs)]

mod config;
mod plan;

mod message;
mod session;

mod singer;

mod child;
mod lines;
mod record;

use std::{fmt, sync::Arc};

use contract::{Batch, Connector, ConnectorContext, Entry, Fault, FaultKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use child::protect;
pub use config::Config;

use crate::{plan::Plan, session::Session, singer::Tap};

/// The connector for programs.
pub struct Process {
    plan: Plan,
    program: Program,
}

/// Maximum size of a plugin's `upto` and of a tap's state, in bytes.
const MAX_CURSOR_BYTES: usize = 64 * 1024;

/// A position, with the kind of program that it belongs to. A channel with the other kind refuses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// The `upto` of a plugin's answer, in cursors of earlier versions.
    Plugin(Value),
    /// The same, with a hash of the settings that the plugin had.
    PluginWith {
        /// The `upto` of its answer.
        upto: Value,
        /// The hash of its settings.
        settings: String,
    },
    /// The position of a tap.
    Singer(TapPosition),
}

/// The position of a tap: the last state that it wrote, and the records after it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TapPosition {
    /// The tap's last state; `None` before the first.
    state: Option<Value>,
    /// Number of records read since that state.
    #[serde(rename = "passed")]
    n_records: u64,
    /// A hash of these records, which shows whether a tap that is started again writes the same ones.
    digest: String,
    /// The names of the key fields of the records that were read; empty before the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key: Vec<String>,
    /// A hash of the settings that the tap had; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<String>,
}

impl TapPosition {
    /// The position behind a state, before any record.
    fn with_state(&self, state: Option<Value>) -> Self {
        let (key, settings) = (self.key.clone(), self.settings.clone());
        Self { state, key, settings, ..Self::default() }
    }
}

enum Program {
    /// The running plugin, if there is one. A request takes it out, so that an interrupted request drops
    /// it.
    Plugin(Option<Box<Session>>),
    Tap(Box<Tap>),
}

impl Connector for Process {
    const KIND: &'static str = "process";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let plan = Plan::new(config, context)?;
        let program = match &plan.config.singer {
            None => Program::Plugin(None),
            Some(singer) => Program::Tap(Box::new(Tap::new(singer))),
        };
        Ok(Self { plan, program })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let gate = Arc::clone(&self.plan.context.gate);
        let _permit = gate.enter().await?;
        let page = usize::try_from(self.plan.config.page).unwrap_or(usize::MAX);
        let batch = self.batch(after, max.clamp(1, page)).await;
        if let Err(fault) = &batch
            && let FaultKind::Throttled(wait) = fault.kind()
        {
            gate.hold(wait); // the other channels of the source wait too
        }
        batch
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Self { plan, program } = self;
        let upto = match upto {
            Cursor::Plugin(upto) => upto,
            Cursor::PluginWith { upto, settings } if *settings == plan.settings_hash => upto,
            // A tap has no such request, and with other settings the position means nothing.
            Cursor::PluginWith { .. } | Cursor::Singer(_) => return Ok(()),
        };
        let Program::Plugin(running) = program else { return Ok(()) };
        request(running, plan, async |session| session.settled(upto, plan).await).await
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        match &self.plan.config.singer {
            None => session::parse_sample(page, &self.plan),
            Some(singer) => singer::parse_sample(page, singer, &self.plan),
        }
    }
}

impl Process {
    async fn batch(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let Self { plan, program } = self;
        match (program, after) {
            (
                Program::Plugin(running),
                None | Some(Cursor::Plugin(_) | Cursor::PluginWith { .. }),
            ) => {
                let after = match after {
                    Some(Cursor::PluginWith { settings, .. })
                        if *settings != plan.settings_hash =>
                    {
                        warn_of_changed_settings();
                        None
                    }
                    Some(Cursor::Plugin(upto) | Cursor::PluginWith { upto, .. }) => Some(upto),
                    _ => None,
                };
                request(running, plan, async |session| session.read(after, max, plan).await).await
            }
            (Program::Tap(tap), None | Some(Cursor::Singer(_))) => {
                let settings = Some(plan.settings_hash.clone());
                let after = match after {
                    Some(Cursor::Singer(after))
                        if after.settings.is_some() && after.settings != settings =>
                    {
                        warn_of_changed_settings();
                        TapPosition { settings, ..after.with_state(None) }
                    }
                    Some(Cursor::Singer(after)) => TapPosition { settings, ..after.clone() },
                    _ => TapPosition { settings, ..TapPosition::default() },
                };
                tap.read(&after, max, plan).await
            }
            (Program::Plugin(_), Some(Cursor::Singer(_)))
            | (Program::Tap(_), Some(Cursor::Plugin(_) | Cursor::PluginWith { .. })) => Err(plan
                .stopped("the stored cursor belongs to another `protocol`")
                .remedy("restore `protocol`, or give the channel a new name")),
        }
    }
}

/// A position means nothing to a program with other settings.
fn warn_of_changed_settings() {
    tracing::warn!("settings of this channel have changed: it is read from its start again");
}

impl fmt::Debug for Process {
    // Settings of a program may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("channel", &self.plan.context.channel)
            .finish_non_exhaustive()
    }
}

/// Sends a request to the running plugin, or starts the plugin first if it is not running.
async fn request<T>(
    running: &mut Option<Box<Session>>,
    plan: &Plan,
    send: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let answer = async {
        let if_alive = |mut session: Box<Session>| (!session.child.has_ended()).then_some(session);
        let mut session = match running.take().and_then(if_alive) {
            Some(session) => session,
            None => Box::new(Session::open(plan).await?),
        };
        Ok((send(&mut session).await?, session))
    };
    let timeout = plan.config.timeout.0;
    let (answer, session) = tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
        let timed_out = plan.stopped(&format!("no complete answer within {timeout:?}"));
        Err(timed_out
            .remedy("let the program answer with the records it has so far, or raise `timeout`"))
    })?;
    *running = Some(session);
    Ok(answer)
}
