//! The protocol, a JSON object a line: what is asked and what may be answered.
//!
//! ```text
//! -> {"open":{"protocol":1,"config":{…}}}      <- {"ready":{}}
//! -> {"read":{"after":null,"max":500}}         <- {"record":{"key":"7","revision":3,"body":{…}}} …
//!                                              <- {"end":{"upto":{…},"caught_up":true}}
//! -> {"settled":{"upto":{…}}}                  <- {"ok":{}}
//! instead of any answer: {"fault":{"kind":"throttled","wait_ms":2000,"message":"…"}}
//! ```
//!
//! Half duplex: nothing is asked before the answer is whole. Names that are not known here are
//! passed over, so that a later version of either side may say more.

use std::{borrow::Cow, time::Duration};

use contract::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::child::presentable;

/// The version of the protocol.
pub(crate) const PROTOCOL: u32 = 1;

/// Nobody is sent away for longer by a plugin: a wrong number must not silence a channel for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What is asked.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question<'a> {
    Open {
        protocol: u32,
        config: &'a Map<String, Value>,
        /// The zone of source times that name none.
        zone: &'a str,
        budget: Allowance,
    },
    Read {
        after: Option<&'a Value>,
        max: usize,
    },
    Settled {
        upto: &'a Value,
    },
}

/// What the source allows; the plugin keeps to it.
#[derive(Serialize)]
pub(crate) struct Allowance {
    /// Least time between two requests, on average; 0 where the source sets none.
    pub(crate) interval_ms: u64,
    pub(crate) burst: u32,
    pub(crate) concurrent: u32,
}

/// What may be answered, beside records: those are read like documents, see `record.rs`.
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
    /// The reads: the plugin gives current states, a later read is newer.
    None,
}

/// A fault, in a plugin's words.
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
