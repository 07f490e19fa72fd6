//! Records exchanges with a source, without secrets, for people who write a channel.

use std::collections::BTreeMap;

use bytes::Bytes;
use connector_wire::auth;
use sha2::{Digest as _, Sha256};

use crate::request::Request;

/// Headers whose values may be secrets.
const SECRET_HEADERS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "token",
    "access-token",
    "x-access-token",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
];

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Trace {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Scheme, host and path.
    pub url: String,
    /// The query.
    pub query: Option<String>,
    /// Headers; `…` replaces values that may be secrets.
    pub headers: Vec<(String, String)>,
    /// Size in bytes and SHA-256 of the body before it was signed.
    pub body: (usize, String),
    /// How the request was signed.
    pub signature: Option<auth::SigningSteps>,
    /// The status of the answer; `None` if no answer arrived, or only one that is too large.
    pub status: Option<u16>,
    /// Headers of the answer.
    pub answer_headers: BTreeMap<String, String>,
    /// Size in bytes and SHA-256 of `page`; `None` like `status`.
    pub answer: Option<(usize, String)>,
    /// The unpacked body of the answer; it may contain personal values.
    pub page: Bytes,
}

impl Trace {
    /// Traces a request as it was before it was signed, so that no secret of a scheme is shown.
    pub(crate) fn new(request: &Request, signature: Option<auth::SigningSteps>) -> Self {
        let mut url = request.url.clone();
        let query = url.query().map(str::to_owned);
        url.set_query(None);
        let headers = request.headers.iter().map(|(name, value)| {
            (name.clone(), if is_secret(name) { "…".to_owned() } else { value.clone() })
        });
        Self {
            method: request.method.name(),
            url: url.to_string(),
            query,
            headers: headers.collect(),
            body: digest(&request.body),
            signature,
            status: None,
            answer_headers: BTreeMap::new(),
            answer: None,
            page: Bytes::new(),
        }
    }
}

/// Headers of an answer without their secrets. The address of a redirect may contain a token in its query.
pub(crate) fn without_secrets(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shown = headers.iter().map(|(name, value)| match name.as_str() {
        name if is_secret(name) => (name.to_owned(), "…".to_owned()),
        "location" => {
            let (address, query) = value.split_once('?').unwrap_or((value, ""));
            let query = if query.is_empty() { "" } else { "?…" };
            (name.clone(), format!("{address}{query}"))
        }
        _ => (name.clone(), value.clone()),
    });
    shown.collect()
}

fn is_secret(name: &str) -> bool {
    SECRET_HEADERS.contains(&name.to_lowercase().as_str())
}

/// The size in bytes, and the SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> (usize, String) {
    (bytes.len(), hex::encode(Sha256::digest(bytes)))
}
