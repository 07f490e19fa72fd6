//! The protocol, one JSON object per line: questions and answers.
//!
//! ```text
//! -> {"open":{"protocol":1,"config":{…},"zone":"…","budget":{…}}}   <- {"ready":{}}
//! -> {"read":{"after":null,"max":500}}         <- {"record":{"key":"7","revision":3,"body":{…}}} …
//!                                              <- {"end":{"upto":{…},"caught_up":true}}
//! -> {"settled":{"upto":{…}}}                  <- {"ok":{}}
//! instead of any answer: {"fault":{"kind":"throttled","wait_ms":2000,"message":"…"}}
//! ```
//!
//! Half duplex: no question is sent before the answer is complete. `budget` is what the source
//! allows, and the plugin keeps to it; `zone` is for times that name none. Unknown names are ignored,
//! so that a later version of either side may say more.

use std::{borrow::Cow, time::Duration};

use contract::Fault;
use serde::Deserialize;
use serde_json::Value;

use crate::child::presentable;

/// The version of the protocol.
pub(crate) const PROTOCOL: u32 = 1;

/// The longest pause that a plugin may ask for: a wrong number must not stop a channel forever.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// An answer that is not a record; records are read like documents, see `record.rs`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer<'a> {
    Ready {
        #[serde(default)]
        revision: Revisions,
    },
    End {
        upto: Value,
        caught_up: bool,
    },
    Ok {},
    #[serde(borrow)]
    Fault(Complaint<'a>),
}

/// What orders the states of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revisions {
    /// The `revision` of each: a whole number or a time.
    #[default]
    Declared,
    /// The order of reads: the plugin gives current states, a later read is newer.
    None,
}

/// A fault as a plugin reports it.
#[derive(Deserialize)]
pub(crate) struct Complaint<'a> {
    kind: ComplaintKind,
    #[serde(default)]
    wait_ms: u64,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ComplaintKind {
    Transient,
    Throttled,
    Stopped,
}

impl Complaint<'_> {
    pub(crate) fn into_fault(self) -> Fault {
        let message = presentable(&self.message);
        match self.kind {
            ComplaintKind::Transient => Fault::transient(message),
            ComplaintKind::Throttled => {
                Fault::throttled(Duration::from_millis(self.wait_ms).min(LONGEST_WAIT), message)
            }
            ComplaintKind::Stopped => Fault::stopped(message),
        }
    }
}
