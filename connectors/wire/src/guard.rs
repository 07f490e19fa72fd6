//! Authenticates incoming requests, for push channels and for the console.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta};
use contract::{Fault, Secret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::auth::{SenderSignature, XBg};

/// Maximum difference between the clock of a sender and ours, in seconds.
const MAX_CLOCK_SKEW: i64 = 90;

const NO_BEARER_TOKEN: &str = "the header Authorization contains no bearer token";

/// How a sender is authenticated. Only `sign` over `body` proves what is sent too; all others prove who sends it, so
/// protect the connection by TLS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// No authentication.
    None,
    /// By a token in the header `Authorization: Bearer …`.
    Bearer(Secret),
    /// By a secret in a header, like `X-Gitlab-Token` or `X-Gitee-Token`.
    Header(SecretHeader),
    /// By a signature in `X-BG` headers (the IRS platform of Zhejiang). The clock of the sender may
    /// differ from ours by 90 seconds. It does not cover the body.
    XBg(XBg),
    /// By a digest or HMAC over parts of the request, in an order that the settings give.
    Sign(Box<SenderSignature>),
}

/// A header that contains a secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretHeader {
    /// Name of the header.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The secret.
    pub value: Secret,
}

impl Guard {
    /// Whether requests need no authentication.
    pub fn admits_anybody(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// `Stopped` if they contradict each other, or would prove nothing.
    pub fn check(&self) -> Result<(), Fault> {
        if let Self::Sign(signature) = self { signature.check() } else { Ok(()) }
    }

    /// How far the time of a signature may be from ours; `None` if requests have no signature with a time.
    pub fn window(&self) -> Option<TimeDelta> {
        match self {
            Self::XBg(_) => Some(TimeDelta::seconds(MAX_CLOCK_SKEW)),
            Self::Sign(signature) => signature.window(),
            Self::None | Self::Bearer(_) | Self::Header(_) => None,
        }
    }

    /// Whether a signature serves for one request: no two have the same.
    pub fn is_used_once(&self) -> bool {
        matches!(self, Self::Sign(signature) if signature.is_used_once())
    }

    /// The secrets that senders share with us, and what each of them is.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer(token) => vec![("token", token)],
            Self::Header(header) => vec![("token", &header.value)],
            Self::XBg(account) => vec![("key", &account.secret_key)],
            Self::Sign(signature) => {
                signature.secrets().into_iter().map(|secret| ("secret", secret)).collect()
            }
        }
    }

    /// Authenticates a request, as far as its head can.
    ///
    /// # Errors
    /// The request is refused; the error says why.
    pub fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str> {
        // A header whose value is not text counts as missing.
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        match self {
            Self::None => Ok(()),
            Self::Bearer(secret) => {
                let value = header("authorization").ok_or("the header Authorization is missing")?;
                let (scheme, token) = value.split_once(' ').ok_or(NO_BEARER_TOKEN)?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err(NO_BEARER_TOKEN);
                }
                check_secret(token.trim(), secret)
            }
            Self::Header(expected) => {
                let value = header(&expected.name).ok_or("the configured header is missing")?;
                check_secret(value, &expected.value)
            }
            Self::XBg(account) => {
                let required = |name: &str| header(name).ok_or("an X-BG header is missing");
                let date = required("x-bg-date-time")?;
                let sent = DateTime::parse_from_rfc2822(date)
                    .map_err(|_| "X-BG-DATE-TIME is not a date")?;
                if (now - sent.to_utc()).num_seconds().abs() > MAX_CLOCK_SKEW {
                    return Err("the clocks differ by more than 90 seconds");
                }
                if required("x-bg-hmac-access-key")? != account.access_key {
                    return Err("the access key is unknown");
                }
                if !required("x-bg-hmac-algorithm")?.eq_ignore_ascii_case("hmac-sha256") {
                    return Err("the algorithm is not hmac-sha256");
                }
                let signature = STANDARD.decode(required("x-bg-hmac-signature")?);
                let signature = signature.map_err(|_| "the signature is not Base64")?;
                let text = signed_text(request, &account.access_key, date);
                let key = account.secret_key.expose().as_bytes();
                let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| "the key is unusable")?;
                let verified = mac.chain_update(text).verify_slice(&signature);
                verified.map_err(|_| "the signature is wrong")
            }
            Self::Sign(signature) => signature.admit(request, now),
        }
    }

    /// Authenticates an admitted request together with its body. Returns its signature if that has a time: it serves
    /// for no other request later.
    ///
    /// # Errors
    /// The request is refused; the error says why.
    pub fn verify(&self, request: &Parts, body: &[u8]) -> Result<Option<String>, &'static str> {
        match self {
            Self::None | Self::Bearer(_) | Self::Header(_) => Ok(None),
            Self::XBg(_) => {
                let signature = request.headers.get("x-bg-hmac-signature");
                Ok(signature.and_then(|text| text.to_str().ok()).map(str::to_owned))
            }
            Self::Sign(signature) => signature.verify(request, body),
        }
    }
}

/// The text that an `X-BG` signature covers: `METHOD\nPATH\nSORTED_QUERY\nACCESS_KEY\nDATE\n`.
fn signed_text(request: &Parts, access_key: &str, date: &str) -> String {
    let (method, path) = (&request.method, request.uri.path());
    let query = request.uri.query().unwrap_or_default();
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    format!("{method}\n{path}\n{}\n{access_key}\n{date}\n", pairs.join("&"))
}

/// Compares the hashes of two texts, so that the time it takes does not reveal where they differ.
///
/// # Errors
/// The texts differ.
pub fn check_secret(text: &str, secret: &Secret) -> Result<(), &'static str> {
    let is_same = Sha256::digest(text) == Sha256::digest(secret.expose());
    if is_same { Ok(()) } else { Err("the secret is wrong") }
}

#[cfg(test)]
mod tests;
