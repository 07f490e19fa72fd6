//! One request and its answer, within the limits of the source and of this machine.
//!
//! What an answer means is decided elsewhere. Here it is decided which hosts are contacted, how long
//! a request may take and how much is read. Bytes are counted while they are unpacked: a kilobyte
//! that unpacks to a gigabyte ends at the limit.

use std::{collections::BTreeMap, error::Error, iter, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use connector_wire::{auth, gate};
use contract::{Fault, Gate, Timestamp, chain, no_connection};
use document::delta;
use reqwest::{Certificate, Identity, Url, header, redirect};
use tokio::time::Instant;

use crate::{
    config::{Config, Method},
    origin,
    request::Request,
    session::Cookies,
    trace::{self, Trace},
};

/// Maximum number of redirects of one request.
const MAX_REDIRECTS: usize = 5;

/// Sends requests to the source.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) gate: Arc<dyn Gate>,
    /// What time the last answer said it is at the source, and when that answer came.
    source_time: Option<(Timestamp, Instant)>,
    pub(crate) cookies: Cookies,
    redirects: Vec<Url>,
    timeout: Duration,
    limit: usize,
    /// All exchanges, for `tonghui preview`; `None` where nobody wants to see them.
    pub(crate) traces: Option<Vec<Trace>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    /// What `Retry-After` says.
    pub(crate) retry_after: Option<Duration>,
}

/// Why an answer could not be read.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// It cannot be read, however often it is requested.
    Unreadable {
        what: String,
        answer: Answer,
    },
    /// It is larger than the limit.
    TooLarge,
    Fault(Fault),
}

impl From<Fault> for FetchError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Client {
    /// Uses no network. `identity` is our key and certificate in PEM.
    pub(crate) fn new(
        config: &Config,
        redirects: Vec<Url>,
        identity: Option<String>,
        gate: Arc<dyn Gate>,
    ) -> Result<Self, Fault> {
        let timeout = config.timeout.0;
        let limit = usize::try_from(config.limit_mib).unwrap_or(1) << 20;
        if timeout.is_zero() {
            return Err(Fault::stopped("`timeout` is zero").remedy("write it like 30s"));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(timeout)
            .user_agent(concat!("tonghui/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if let Some(pem) = &config.ca {
            let certificates = Certificate::from_pem_bundle(pem.as_bytes());
            let certificates = certificates.ok().filter(|found| !found.is_empty());
            let certificates = certificates.ok_or_else(|| {
                Fault::stopped("`ca` contains no certificate").remedy("name a file in PEM")
            })?;
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(pem) = identity {
            let identity = Identity::from_pem(pem.as_bytes()).map_err(|_| {
                Fault::stopped("the client certificate and its key cannot be read")
                    .remedy("write both in PEM, the key not encrypted")
            })?;
            builder = builder.identity(identity);
        }
        let http = builder
            .build()
            .map_err(|error| Fault::stopped("TLS cannot be set up").because(error.without_url()))?;
        let (source_time, cookies, traces) = (None, Cookies::default(), None);
        Ok(Self { http, gate, source_time, cookies, redirects, timeout, limit, traces })
    }

    /// The time at the source; `None` before its first answer. Time windows and days are those of the
    /// source, whose clock differs from ours. Between answers our own clock goes on.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (time, arrival) = self.source_time?;
        // Dates are whole seconds and an answer takes time: this is never ahead of the source.
        time.checked_add_signed(delta(arrival.elapsed().min(Duration::from_secs(86_400))))
    }

    /// Sends a request, and follows redirects unless `is_answer` takes their status for an answer.
    /// Traces keep `unsigned`, and how it was signed.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request,
        unsigned: &Request,
        signature: Option<auth::Trace>,
        is_answer: impl Fn(u16) -> bool,
    ) -> Result<Answer, FetchError> {
        if let Some(traces) = &mut self.traces {
            traces.push(Trace::of(unsigned, signature));
        }
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&request).await?;
            let status = answer.status;
            let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308) && !is_answer(status);
            let location = answer.headers.get("location").filter(|_| is_redirect);
            let (Some(location), Method::Get) = (location, request.method) else {
                return Ok(answer);
            };
            let next = origin::follow(&request.url, location, &self.redirects)?;
            if !origin::is_same(&next, &request.url) {
                // Credentials are for the first host only.
                request.headers.clear();
            }
            request.url = next;
        }
        Err(Fault::transient("the redirects of the source do not end").into())
    }

    async fn send(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let _permit = self.gate.enter().await?;
        let Request { method, url, headers, body } = request;
        let mut sending = match method {
            Method::Get => self.http.get(url.clone()),
            Method::Post => self.http.post(url.clone()),
        };
        for (name, value) in headers {
            sending = sending.header(name, value);
        }
        if let Some(cookies) = self.cookies.header(url) {
            sending = sending.header(header::COOKIE, cookies);
        }
        if !body.is_empty() {
            sending = sending.body(body.clone());
        }
        let timeout = self.timeout;
        let limit = self.limit;
        let receiving = async {
            let mut response = sending.send().await?;
            let status = response.status().as_u16();
            let mut headers = BTreeMap::new();
            let mut cookies = Vec::new();
            for (name, value) in response.headers() {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                if name == header::SET_COOKIE {
                    cookies.push(value);
                } else {
                    headers.insert(name.as_str().to_owned(), value);
                }
            }
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > limit {
                    return Ok((status, headers, cookies, None));
                }
                body.extend_from_slice(&chunk);
            }
            Ok((status, headers, cookies, Some(body.freeze())))
        };
        let received = tokio::time::timeout(timeout, receiving).await;
        let received = received
            .map_err(|_| timeout_fault(timeout))
            .and_then(|received| received.map_err(|error| exchange_fault(error, timeout)))
            .map_err(|fault| fault.at(host(url)))?;
        let (status, headers, cookies, body) = received;
        cookies.iter().for_each(|cookie| self.cookies.store(url, cookie));
        let date_header = headers.get("date").map(String::as_str);
        let date = date_header.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        let date = date.map(|date| date.to_utc());
        if let Some(date) = date {
            self.source_time = Some((date, Instant::now()));
        }
        let body = body.ok_or(FetchError::TooLarge)?;
        if let Some(trace) = self.traces.as_mut().and_then(|traces| traces.last_mut()) {
            trace.status = Some(status);
            trace.answer_headers.clone_from(&headers);
            trace.answer = Some(trace::digest(&body));
            trace.page = body.clone();
        }
        let retry_after = headers
            .get("retry-after")
            .and_then(|value| gate::retry_after(value, date_header, date.unwrap_or_default()));
        Ok(Answer { status, headers, body, retry_after })
    }
}

/// The source, without the parts of its address that may be secret.
pub(crate) fn host(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("source {}:{port}", url.host_str().unwrap_or_default())
}

fn timeout_fault(timeout: Duration) -> Fault {
    Fault::transient(format!("no answer within {timeout:?}"))
        .remedy("ask whoever runs the source, or raise `timeout`")
}

/// What the error of an exchange means. The address is left out: it may contain a token.
fn exchange_fault(error: reqwest::Error, timeout: Duration) -> Fault {
    let error = error.without_url();
    let causes = chain(&error);
    let refused = iter::successors(error.source(), |&error| error.source())
        .find_map(|error| error.downcast_ref().and_then(no_connection));
    if causes.contains("certificate") {
        Fault::stopped("the certificate of the source is not trusted")
            .because(causes)
            .remedy("name the file of its authority in `ca`, or have the source renew it")
    } else if error.is_builder() {
        Fault::stopped("the request cannot be sent: a header contains a forbidden character")
            .remedy("check the headers and secrets of this channel for line breaks")
    } else if error.is_timeout() {
        timeout_fault(timeout)
    } else if let Some(why) = refused {
        Fault::transient("cannot connect")
            .because(why)
            .remedy("check host and port in `url`, and that the source runs there")
    } else if error.is_connect() {
        Fault::transient("cannot connect").because(causes)
    } else if error.is_decode() {
        Fault::transient("the answer cannot be unpacked").because(causes)
    } else {
        Fault::transient("the answer broke off").because(causes)
    }
}
