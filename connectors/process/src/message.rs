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
//! The gateway sends no request before the previous answer is complete. `budget` contains the limits of
//! the source, which the plugin must respect; `zone` is the time zone of times without an offset. An
//! answer that is not caught up must move the cursor.
//! Both sides ignore unknown members of these objects, so that later versions can add some.

use std::time::Duration;

use contract::Fault;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    child::{readable_text, without_secrets},
    plan::Plan,
};

/// The version of the protocol.
pub(crate) const PROTOCOL: u32 = 1;

/// Maximum pause after a fault of a plugin: a wrong number must not stop a channel forever.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// An answer that is not a record. `record.rs` reads records.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Ready {
        #[serde(default)]
        revision: RevisionSource,
    },
    End {
        upto: Value,
        caught_up: bool,
    },
    Ok {},
    Fault(ReportedFault),
}

/// Where the order of the states of one record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RevisionSource {
    /// The `revision` of each record: a whole number or a time.
    #[default]
    Declared,
    /// The order of reads: the state that is read later is newer.
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
    pub(crate) fn into_fault(self, plan: &Plan) -> Fault {
        let message = readable_text(&without_secrets(&self.message, &plan.config.secrets));
        match self.kind {
            ReportedKind::Transient => Fault::transient(message),
            ReportedKind::Throttled => {
                Fault::throttled(Duration::from_millis(self.wait_ms).min(MAX_WAIT), message)
            }
            ReportedKind::Stopped => Fault::stopped(message),
        }
    }
}
