//! The protocol, one JSON object per line: requests and answers.
//!
//! ```text
//! -> {"open":{"protocol":1,"config":{…},"zone":"…","budget":{…}}}   <- {"ready":{}}
//! -> {"read":{"after":null,"max":500}}         <- {"record":{"key":"7","revision":3,"body":{…}}} …
//!                                              <- {"end":{"upto":{…},"caught_up":true}}
//! -> {"settled":{"upto":{…}}}                  <- {"ok":{}}
//! in place of any answer: {"fault":{"kind":"throttled","wait_ms":2000,"message":"…"}}
//! ```
//!
//! Half duplex: no request is sent before the answer is complete. `budget` is what the source
//! allows, and the plugin has to respect it; `zone` is for times that have none. Unknown names are
//! ignored, so that later versions may add some.

use std::time::Duration;

use contract::Fault;
use serde::Deserialize;
use serde_json::Value;

use crate::child::presentable;

/// The version of the protocol.
pub(crate) const PROTOCOL: u32 = 1;

/// The longest pause that a plugin may request: a wrong number must not stop a channel forever.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// An answer that is not a record; records are read like documents, see `record.rs`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Ready {
        #[serde(default)]
        revision: Revisions,
    },
    End {
        upto: Value,
        caught_up: bool,
    },
    Ok {},
    Fault(ReportedFault),
}

/// What orders the states of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revisions {
    /// The `revision` of each record: a whole number or a time.
    #[default]
    Declared,
    /// The order of reads: a later read has the newer states.
    None,
}

/// A fault as a plugin reports it.
#[derive(Deserialize)]
pub(crate) struct ReportedFault {
    kind: ReportedKind,
    #[serde(default)]
    wait_ms: u64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportedKind {
    Transient,
    Throttled,
    Stopped,
}

impl ReportedFault {
    pub(crate) fn into_fault(self) -> Fault {
        let message = presentable(&self.message);
        match self.kind {
            ReportedKind::Transient => Fault::transient(message),
            ReportedKind::Throttled => {
                Fault::throttled(Duration::from_millis(self.wait_ms).min(MAX_WAIT), message)
            }
            ReportedKind::Stopped => Fault::stopped(message),
        }
    }
}
