//! Records exchanges with a source, without secrets, for people who write a channel.

use std::collections::BTreeMap;

use bytes::Bytes;
use connector_wire::{auth, reason::visible, secrets};
use contract::Exchange;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use crate::{credentials::Credentials, request::Request};

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The method, like `GET`.
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
    /// The redirects that were followed: status, from where and to where, without secrets and without the query of
    /// the request.
    pub redirects: Vec<String>,
    /// The status of the answer; `None` if no answer arrived, or only one that is too large.
    pub status: Option<u16>,
    /// Headers of the answer.
    pub answer_headers: BTreeMap<String, String>,
    /// Size of the unpacked body of the answer, in bytes.
    pub size: usize,
    /// The unpacked body of the answer, or the beginning of a long one; it may contain personal values.
    pub page: Bytes,
}

/// The exchanges that are kept.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// In order.
    pub(crate) list: Vec<Trace>,
    /// Whether all are kept, each with its whole answer. Otherwise only the last one is.
    pub(crate) keeps_all: bool,
}

/// Headers of requests whose values are shown. Any other header of the settings may contain a secret.
const SHOWN_HEADERS: [&str; 7] = [
    "accept",
    "accept-charset",
    "accept-language",
    "content-type",
    "soapaction",
    "user-agent",
    "x-requested-with",
];

/// What stands in the place of an answer with a token.
pub const HIDDEN_ANSWER: &str = "(not shown: it may contain a token)";

/// Maximum size in bytes of the part of an answer that is kept of the last exchange.
const MAX_KEPT: usize = 64 * 1024;

impl Traces {
    /// Forgets the last exchange, unless all are kept.
    pub(crate) fn forget_last(&mut self) {
        if !self.keeps_all {
            self.list.clear();
        }
    }

    /// Adds a request that is about to be sent.
    pub(crate) fn add(&mut self, request: Trace) {
        self.forget_last();
        self.list.push(request);
    }

    /// Adds the answer to the last request.
    pub(crate) fn add_answer(
        &mut self,
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &Bytes,
    ) {
        let page = match self.keeps_all {
            true => body.clone(),
            // A copy, so that the long answer is not kept in memory.
            false => Bytes::copy_from_slice(&body[..body.len().min(MAX_KEPT)]),
        };
        if let Some(trace) = self.list.last_mut() {
            trace.status = Some(status);
            trace.answer_headers = without_secrets(headers);
            trace.size = body.len();
            trace.page = page;
        }
    }

    /// Adds a redirect of the last request that is about to be followed.
    pub(crate) fn add_redirect(&mut self, status: u16, from: &Url, to: &Url) {
        if let Some(trace) = self.list.last_mut() {
            trace.redirects.push(format!("{status} {} → {}", shown(from).0, shown_whole(to)));
        }
    }

    /// Hides the secrets of the channel in the addresses of the last exchange, and in the headers of its answer, which
    /// may repeat the request.
    pub(crate) fn hide_in_last(&mut self, credentials: &Credentials) {
        let Some(trace) = self.list.last_mut() else { return };
        let Trace { url, query, redirects, answer_headers, .. } = trace;
        let addresses = [url].into_iter().chain(query).chain(redirects);
        let texts = addresses.chain(answer_headers.values_mut());
        texts.for_each(|text| *text = credentials.hide(text));
    }

    /// Removes the body of the last answer, because it contains a token.
    pub(crate) fn hide_last_answer(&mut self) {
        if let Some(trace) = self.list.last_mut() {
            trace.page = Bytes::from_static(HIDDEN_ANSWER.as_bytes());
        }
    }
}

impl Trace {
    /// Traces a request as it was before it was signed, so that no secret of a scheme is shown.
    pub(crate) fn new(request: &Request, signature: Option<auth::SigningSteps>) -> Self {
        let (url, query) = shown(&request.url);
        let headers = request.headers.iter().map(|(name, value)| {
            let is_shown = SHOWN_HEADERS.iter().any(|shown| shown.eq_ignore_ascii_case(name));
            (name.clone(), if is_shown { value.clone() } else { "…".to_owned() })
        });
        let signature = signature.map(|mut signature| {
            for (_, value) in &mut signature.steps {
                *value = secrets::hide(value);
            }
            signature
        });
        Self {
            method: request.method.name(),
            url,
            query,
            headers: headers.collect(),
            body: digest(&request.body),
            signature,
            redirects: Vec::new(),
            status: None,
            answer_headers: BTreeMap::new(),
            size: 0,
            page: Bytes::new(),
        }
    }

    /// The exchange, with the decoded text of the answer.
    pub(crate) fn exchange(&self, body: String) -> Exchange {
        let is_refusal = self.status.is_none_or(|status| status >= 400);
        Exchange { head: self.head(), is_refusal, body }
    }

    /// Draws the request, and the answer without its body.
    pub fn head(&self) -> String {
        let Self { method, url, query, headers, body, signature, status, .. } = self;
        let query = query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let mut lines = vec![format!("→ {method} {url}{query}")];
        lines.extend(headers.iter().map(|(name, value)| format!("  {name}: {value}")));
        if body.0 > 0 {
            lines.push(format!("  {} bytes, sha256 {}", body.0, body.1));
        }
        if let Some(signature) = signature {
            lines.push(format!("  signed: {}", signature.scheme));
            let steps = signature.steps.iter();
            lines
                .extend(steps.map(|(what, value)| format!("    {what}: {}", value.escape_debug())));
        }
        lines.extend(self.redirects.iter().map(|redirect| format!("↪ {redirect}")));
        let Some(status) = status else {
            lines.push("← no answer".to_owned());
            return lines.join("\n");
        };
        lines.push(format!("← {status}"));
        let answer_headers = self.answer_headers.iter();
        lines.extend(answer_headers.map(|(name, value)| format!("  {name}: {}", visible(value))));
        let (size, digest) = digest(&self.page);
        lines.push(match size == self.size {
            true => format!("  {size} bytes, sha256 {digest}"),
            false => format!("  {} bytes", self.size),
        });
        lines.join("\n")
    }
}

/// An address without its query, and the query without secrets.
fn shown(url: &Url) -> (String, Option<String>) {
    let query = url.query().map(secrets::hide);
    let mut url = url.clone();
    url.set_query(None);
    (url.to_string(), query)
}

/// A whole address without secrets.
fn shown_whole(url: &Url) -> String {
    let (url, query) = shown(url);
    match query {
        Some(query) => format!("{url}?{query}"),
        None => url,
    }
}

/// Headers of an answer without their secrets. The address of a redirect may contain a token in its query.
fn without_secrets(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shown = headers.iter().map(|(name, value)| match name.as_str() {
        name if secrets::is_name(name) => (name.to_owned(), "…".to_owned()),
        "location" => {
            let (address, query) = value.split_once('?').unwrap_or((value, ""));
            let query = if query.is_empty() { "" } else { "?…" };
            (name.clone(), format!("{address}{query}"))
        }
        _ => (name.clone(), secrets::hide(value)),
    });
    shown.collect()
}

/// The size in bytes, and the SHA-256 in hexadecimal.
fn digest(bytes: &[u8]) -> (usize, String) {
    (bytes.len(), hex::encode(Sha256::digest(bytes)))
}
