//! An exchange with a source, for people who write a channel. No secret is in it.

use std::collections::BTreeMap;

use bytes::Bytes;
use connector_wire::auth;
use sha2::{Digest as _, Sha256};

use crate::ask::Ask;

/// Headers whose values are nobody's business.
const HIDDEN: [&str; 6] =
    ["authorization", "cookie", "proxy-authorization", "x-api-key", "api-key", "token"];

/// What was asked and what came back.
#[derive(Debug, Clone)]
pub struct Trace {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Scheme, host and path.
    pub url: String,
    /// The query.
    pub query: Option<String>,
    /// Headers, those with secrets hidden.
    pub headers: Vec<(String, String)>,
    /// Size of the body before it was signed, and its SHA-256.
    pub body: (usize, String),
    /// What was signed, and how.
    pub signature: Option<auth::Trace>,
    /// The status; `None` where no answer came.
    pub status: Option<u16>,
    /// Headers of the answer.
    pub answer_headers: BTreeMap<String, String>,
    /// Size of the answer, and its SHA-256.
    pub answer: Option<(usize, String)>,
    /// The answer as it came: it may hold personal values.
    pub page: Bytes,
}

impl Trace {
    /// Of a request before it was signed: what a scheme has put into it stays hidden.
    pub(crate) fn of(ask: &Ask, signature: Option<auth::Trace>) -> Self {
        let mut url = ask.url.clone();
        let query = url.query().map(str::to_owned);
        url.set_query(None);
        let headers = ask.headers.iter().map(|(name, value)| {
            let is_hidden = HIDDEN.contains(&name.to_lowercase().as_str());
            (name.clone(), if is_hidden { "…".to_owned() } else { value.clone() })
        });
        Self {
            method: ask.method.name(),
            url: url.to_string(),
            query,
            headers: headers.collect(),
            body: digest(&ask.body),
            signature,
            status: None,
            answer_headers: BTreeMap::new(),
            answer: None,
            page: Bytes::new(),
        }
    }

    pub(crate) fn answered(
        &mut self,
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &Bytes,
    ) {
        self.status = Some(status);
        self.answer_headers.clone_from(headers);
        self.answer = Some(digest(body));
        self.page = body.clone();
    }
}

fn digest(bytes: &[u8]) -> (usize, String) {
    (bytes.len(), hex::encode(Sha256::digest(bytes)))
}
