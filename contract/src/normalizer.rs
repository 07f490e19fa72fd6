//! What makes a demand out of a record, and what it may answer.
//!
//! Pure and total: no I/O, no clock, no randomness, and every record gets an answer. A normaliser
//! cannot fail; it can refuse.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DemandId, Digest, SealedBytes, demand::DemandBody, raw::RawRecord};

/// Maps records of one channel and seals what is personal in them.
pub trait Normalizer: Send + Sync {
    /// What becomes of `record`. The same record always gets the same answer, byte for byte.
    fn normalize(&self, record: &RawRecord) -> Verdict;

    /// Seals the bytes of a record that was not accepted, for quarantine.
    fn seal(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes;
}

/// What the normaliser says of one record.
#[derive(Debug)]
pub enum Verdict {
    /// It is a demand.
    Accept(Box<Accepted>),
    /// It is none, by a rule of the channel: counted, not published.
    Skip(Reason),
    /// It cannot be taken: goes to quarantine with its bytes.
    Reject(Reason),
}

/// A demand without identity: `pack` adds id and version, mapping code never sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The mapped fields, personal values sealed.
    pub body: DemandBody,
    /// Keyed hash of the mapped fields before they were sealed.
    pub digest: Digest,
    /// The record as the source said it, compressed and sealed.
    pub raw: SealedBytes,
}

/// Why something was not accepted. Never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Stable word to group by: `malformed_bytes`, `missing_key`, `too_large`, …
    pub code: Cow<'static, str>,
    /// For people: where and how.
    pub detail: String,
}

impl Reason {
    /// A reason with its stable word and its explanation.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), detail: detail.into() }
    }
}
