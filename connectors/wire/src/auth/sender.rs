//! The signature of a request that somebody sends to us. The settings describe it with the words of `sign`, the
//! signature of our own requests.

mod check;
mod sent;
mod verify;

use chrono::TimeDelta;
use contract::{Fault, Period, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Algorithm, DigestFormat, SignedPart, TimeUnit, merge_tables, parts};

/// The longest difference between the clock of a sender and ours that may be set, in seconds: what DingTalk allows.
const MAX_WINDOW: u64 = 3_600;
/// The fewest bytes of a key: as many as the characters of a secret that is not decoded.
const MIN_KEY_BYTES: usize = 16;
const MISSING: &str = "the signature, its time or its nonce is missing";
const TWICE: &str = "the signature, its time or its nonce occurs twice";

/// A digest or HMAC that a sender puts into each request, over parts of it. A signature over `body` covers the body as
/// it arrives, byte for byte: packed, if the sender packs it. One without `body` does not cover what is sent: who sees
/// it can send another body with it for 15 seconds after its first use, or with `nonce` only before that. One without
/// `timestamp` can be sent again with the same body at any time, so set `revision` there: then an old state never
/// replaces a newer one. One with `timestamp` that covers `body` or `nonce` serves for one request: whoever sends that
/// again gets the answer again, and nothing is taken.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderSignature {
    /// The digest. Where a platform has both, an HMAC is safer than a digest over a secret and the body behind it: whoever
    /// sees such a digest can make that of a longer body.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// How the key is written, if the HMAC has its bytes and not its text, like `base64`. A `whsec_` before it is left
    /// out.
    pub key_coding: Option<DigestFormat>,
    /// What is signed, in this order. Only `body` reads the body: `param`, `params` and `sorted` read the query.
    #[schemars(length(min = 1))]
    pub parts: Vec<SignedPart>,
    /// Whether the parts are put into the order of their bytes before they are joined, as WeChat does it.
    #[serde(default)]
    pub sort: bool,
    /// The text between the parts.
    #[serde(default)]
    pub join: String,
    /// How the digest is written. Hexadecimal digits are taken in upper and lower case.
    #[serde(default)]
    pub coding: DigestFormat,
    /// Where the signature is.
    pub signature: Sent,
    /// What stands before it, like `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// What separates several values in one header or parameter, like the `,` of `t=1764547200,v1=ab,v1=cd`. Each that
    /// begins with `prefix` is a signature, and one of them must be right: a platform that changes its key sends two.
    #[schemars(length(min = 1))]
    pub separator: Option<String>,
    /// The time of the request. It must be among the parts.
    pub timestamp: Option<SentTime>,
    /// Where the random text is. It must be among the parts.
    pub nonce: Option<Sent>,
}

/// Where a sender puts a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum Sent {
    /// In this header.
    Header(String),
    /// In this query parameter.
    Param(String),
}

/// The time of a request that somebody sends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentTime {
    /// Where it is.
    pub from: Sent,
    /// What stands before it, like `t=`.
    #[serde(default)]
    pub prefix: String,
    /// Seconds or milliseconds since 1970.
    #[serde(default = "seconds")]
    pub unit: TimeUnit,
    /// The longest time by which the clock of the sender may differ from ours: at most `1h`. A signature is remembered
    /// as long as its time is accepted.
    #[serde(default = "Period::seconds::<300>")]
    pub window: Period,
}

fn seconds() -> TimeUnit {
    TimeUnit::S
}

impl SenderSignature {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Stopped` if they contradict each other, or if the signature would prove nothing.
    pub fn check(&self) -> Result<(), Fault> {
        let fault = |(what, remedy)| Fault::stopped(what).at("sign").at("auth").remedy(remedy);
        self.checked().map_err(fault)
    }

    /// How far the time of a request may be from ours; `None` if a signature has no time.
    pub fn window(&self) -> Option<TimeDelta> {
        TimeDelta::from_std(self.timestamp.as_ref()?.window.0).ok()
    }

    /// The secrets of which it is made.
    pub fn secrets(&self) -> Vec<&Secret> {
        self.key.iter().chain(parts::secrets(&self.parts)).collect()
    }

    /// Whether no two requests have the same signature: it covers the body or a nonce, and the time.
    pub fn is_used_once(&self) -> bool {
        self.timestamp.is_some() && (self.covers_body() || self.nonce.is_some())
    }

    fn covers_body(&self) -> bool {
        parts::cover_body(&self.parts)
    }

    /// The key of the HMAC; `None` if it is not written as the settings say.
    fn key_bytes(&self) -> Option<Vec<u8>> {
        let key = self.key.as_ref().map_or("", Secret::expose);
        let Some(coding) = self.key_coding else { return Some(key.as_bytes().to_vec()) };
        let bytes = coding.decode(key.strip_prefix("whsec_").unwrap_or(key))?;
        (bytes.len() >= MIN_KEY_BYTES).then_some(bytes)
    }
}
