//! The `[webhook]` section of a channel file, as an author writes it. The comments below are what
//! an editor shows.

use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// A source that sends: `POST /intake/<channel>` with one JSON record or an array of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How a sender shows who it is. `"none"` only where nobody else can reach the listener.
    pub auth: Auth,
    /// Where in a record its key is: unique and never changed.
    #[schemars(extend("format" = "jsonpath"))]
    pub key: String,
    /// Where in a record the whole number or time is that orders its states. A record in which it
    /// cannot be read goes to quarantine. Left out where senders have none: what arrives later is
    /// newer then.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub revision: Option<String>,
}

/// How a sender shows who it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Not at all.
    None,
    /// By `Authorization: Bearer …`.
    Bearer(Secret),
    /// By a header that holds a shared secret.
    Header(Header),
    /// By `X-BG` headers (IRS of Zhejiang): HMAC-SHA256, clocks differ by 90 seconds at most.
    XBg(XBg),
}

/// A header that holds a shared secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What it holds.
    pub value: Secret,
}

/// The account of a sender that signs by `X-BG` headers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XBg {
    /// The access key, which names the sender.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
}
