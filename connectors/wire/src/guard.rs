//! Authenticates incoming requests, for push channels and for the console.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use contract::{Secret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::auth::XBg;

/// Maximum difference between the clock of a sender and ours, in seconds.
const MAX_CLOCK_SKEW: i64 = 90;

const NO_BEARER_TOKEN: &str = "the header Authorization contains no bearer token";

/// How a sender is authenticated.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// No authentication.
    None,
    /// By a token in the header `Authorization: Bearer …`.
    Bearer(Secret),
    /// By a secret in a header.
    Header(SecretHeader),
    /// By a signature in `X-BG` headers (the IRS platform of Zhejiang). The clock of the sender may
    /// differ from ours by 90 seconds.
    XBg(XBg),
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

    /// Authenticates a request.
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
fn check_secret(text: &str, secret: &Secret) -> Result<(), &'static str> {
    let is_same = Sha256::digest(text) == Sha256::digest(secret.expose());
    if is_same { Ok(()) } else { Err("the secret is wrong") }
}

#[cfg(test)]
mod tests;
