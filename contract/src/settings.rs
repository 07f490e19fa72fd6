//! The types that the settings of all crates share.
//!
//! In the JSON Schema of the settings, each of them has its own `format`. The crate `config` checks these
//! formats, so it reports a wrong period or a missing secret with file, line and column.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in settings: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(
    extend("format" = "period"),
    description = "a whole number and one of ms, s, m, h, d: 30s, 5m, 1h, 7d"
)]
pub struct Period(#[schemars(with = "String")] pub Duration);

/// The units of a period, in milliseconds.
const MILLIS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The number `N`, for defaults: `#[serde(default = "contract::default_number::<500>")]`.
pub fn default_number<const N: u32>() -> u32 {
    N
}

impl Period {
    /// A period of `N` seconds, for defaults: `#[serde(default = "Period::seconds::<30>")]`.
    pub fn seconds<const N: u64>() -> Self {
        Self(Duration::from_secs(N))
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_amount(text, &MILLIS)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| format!("`{text}` is not a period: write it like 30s, 5m, 1h or 7d"))
    }
}

/// Parses a whole number with a unit, and multiplies it by the factor of the unit; `None` if number or unit
/// is missing, or the product is too large.
fn parse_amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}ms", self.0.as_millis()))
    }
}

/// The units of a size, in bytes, the largest first.
const BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes in settings: a whole number and one of `B`, `KiB`, `MiB`, `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(
    extend("format" = "size"),
    description = "a whole number and one of B, KiB, MiB, GiB: 256MiB"
)]
pub struct Size(#[schemars(with = "String")] pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_amount(text, &BYTES)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size: write it like 64KiB, 256MiB or 1GiB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = BYTES.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A secret, which `Debug` does not show. In a settings file it is written as `{ env = "NAME" }` or
/// `{ file = "PATH" }`; the crate `config` replaces that with the value.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the code that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The proxy for requests to sources.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Proxy {
    /// Its address, like `http://proxy.example:3128` or `socks5h://proxy.example:1080`; `none` for no proxy.
    Address(String),
    /// A proxy that asks for credentials.
    Account(ProxyAccount),
}

/// A proxy that asks for credentials. With `http://`, everybody on the way to it can read them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyAccount {
    /// Its address, like `http://proxy.example:3128`.
    #[schemars(extend("allow" = "address"))]
    pub url: String,
    /// The name of the account.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl Proxy {
    /// The address of the proxy; `None` if there is to be none.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Address(address) => Some(address.as_str()).filter(|address| *address != "none"),
            Self::Account(account) => Some(&account.url),
        }
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": "secret",
            "description": "a reference to a secret: { env = \"NAME\" } or { file = \"PATH\" }",
            "properties": {
                "env": { "type": "string", "description": "name of an environment variable" },
                "file": {
                    "type": "string",
                    "description": "a file whose first line is the secret, or a PEM file; relative to the configuration folder",
                },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_a_number_and_a_unit() {
        for (text, millis) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1d", 86_400_000)]
        {
            assert_eq!(text.parse(), Ok(Period(Duration::from_millis(millis))));
        }
        for text in ["", "s", "5", "5 m", "-5m", "1.5h", "五分钟", "99999999999999999999d"] {
            assert!(text.parse::<Period>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }
}
