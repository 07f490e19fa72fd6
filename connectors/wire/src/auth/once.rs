//! What is different in every request: its time and a random text, in the forms that sources want.

use std::fmt::Write as _;

use chrono_tz::Tz;
use contract::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use super::{Destination, SigningContext, merge_tables};
use crate::zone::{have_same_offsets, literal_zone};

/// Maximum number of characters of a random text: those that one digest gives.
const MAX_NONCE: u8 = 64;

const DIGITS: &[u8; 10] = b"0123456789";
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// How the time of a request is sent, and signed: in a unit or in a format.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampField {
    /// Where the time is put.
    pub put: Destination,
    /// Seconds or milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// How the time is written, like `%Y%m%d%H%M%S` or `%Y-%m-%dT%H:%M:%SZ`; set this or `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The time zone of `format`, like `UTC` or `Asia/Shanghai`; by default, the one that its end names, like the `Z` in
    /// `%H:%M:%SZ`, or else the zone of the configuration.
    #[schemars(with = "Option<String>", extend("format" = "timezone"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
}

/// The unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
}

/// The form of a random text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum NonceForm {
    /// A UUID with hyphens.
    Uuid,
    /// A UUID without hyphens.
    PlainUuid,
    /// So many decimal digits, of which the first is not 0.
    Digits(#[schemars(range(min = 1, max = 64))] u8),
    /// So many letters.
    Letters(#[schemars(range(min = 1, max = 64))] u8),
    /// So many letters and digits.
    Alphanumeric(#[schemars(range(min = 1, max = 64))] u8),
    /// So many hexadecimal digits in lower case.
    Hex(#[schemars(range(min = 1, max = 64))] u8),
}

impl TimestampField {
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let Some(format) = &self.format else {
            return match self.unit {
                Some(_) => Ok(()),
                None => Err(("the form of the time is missing", "set `unit` or `format`")),
            };
        };
        if self.unit.is_some() {
            Err(("the time has two forms", "set `unit` or `format`, not both"))
        } else if !format.contains('%')
            // Some items, like `%#z`, can be read but not written.
            || write!(String::new(), "{}", Timestamp::UNIX_EPOCH.format(format)).is_err()
        {
            Err(("`format` is not a time format", "write it like %Y%m%d%H%M%S"))
        } else if let (Some(literal), Some(zone)) = (literal_zone(format), self.zone)
            && !have_same_offsets(literal, zone)
        {
            Err((
                "`format` ends with another zone than `zone`",
                "remove `zone`, or the end of `format`",
            ))
        } else {
            Ok(())
        }
    }

    /// The time of a request.
    pub(super) fn text(&self, context: &SigningContext) -> String {
        match (&self.format, self.unit) {
            (Some(format), _) => {
                let zone = literal_zone(format).or(self.zone).unwrap_or(context.zone);
                context.now.with_timezone(&zone).format(format).to_string()
            }
            (None, Some(TimeUnit::Ms)) => context.now.timestamp_millis().to_string(),
            (None, _) => context.now.timestamp().to_string(),
        }
    }
}

impl NonceForm {
    pub(super) fn check(self) -> Result<(), (&'static str, &'static str)> {
        match self {
            Self::Digits(n) | Self::Letters(n) | Self::Alphanumeric(n) | Self::Hex(n)
                if !(1..=MAX_NONCE).contains(&n) =>
            {
                Err(("a nonce has 1 to 64 characters", "set another length in `nonce_form`"))
            }
            _ => Ok(()),
        }
    }

    /// A random text of this form.
    pub(super) fn text(self, bytes: [u8; 16]) -> String {
        // As many bytes as the longest text has characters.
        let many = Sha512::digest(bytes);
        let of = |alphabet: &[u8], n: u8| -> String {
            let pick = |byte: &u8| alphabet.get(usize::from(*byte) % alphabet.len());
            many.iter().filter_map(pick).map(|c| char::from(*c)).take(n.into()).collect()
        };
        match self {
            Self::Uuid => hyphenated(&uuid(bytes)),
            Self::PlainUuid => uuid(bytes),
            Self::Digits(n) => {
                // A number must keep its length.
                format!("{}{}", bytes[0] % 9 + 1, of(DIGITS, n.saturating_sub(1)))
            }
            Self::Letters(n) => of(LETTERS, n),
            Self::Alphanumeric(n) => of(ALPHANUMERIC, n),
            Self::Hex(n) => of(b"0123456789abcdef", n),
        }
    }
}

/// A random UUID (RFC 9562 §5.4), without hyphens.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    hex::encode(bytes)
}

fn hyphenated(uuid: &str) -> String {
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|group| uuid.get(group).unwrap_or_default()).join("-")
}
