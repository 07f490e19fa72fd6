//! Sends one request and receives its answer, within the limits of the source and of this machine.
//!
//! The client decides which hosts are contacted, how long a request may take and how much is read;
//! `rules.rs` decides what an answer means. Bytes are counted while they are unpacked, so the client
//! stops at the limit even if a kilobyte unpacks to a gigabyte.

use std::{
    collections::BTreeMap, error::Error, io, iter, net::SocketAddr, sync::Arc, time::Duration,
};

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use connector_wire::{auth, gate, reason::visible};
use contract::{
    Clock, ConnectFailure, Fault, Gate, ServerSettings, Timestamp, causes_text, is_tls_failure,
    tls_fault,
};
use document::{MessageError, delta, gunzip, unpack};
use reqwest::{
    Certificate, Identity, Url, Version,
    header::{self, HeaderValue},
    redirect,
};
use tokio::time::Instant;

use crate::{
    config::{Config, Method},
    network, origin,
    request::Request,
    rules,
    session::Cookies,
    trace::{Trace, Traces},
};

/// Maximum number of redirects of one request.
const MAX_REDIRECTS: usize = 5;

/// Sends requests to the source.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) gate: Arc<dyn Gate>,
    /// Our clock, which is used until the first answer says the time at the source.
    clock: Clock,
    /// The time at the source according to its last answer, and when that answer arrived.
    source_time: Option<(Timestamp, Instant)>,
    pub(crate) cookies: Cookies,
    /// Other hosts that a redirect may name.
    allowed_hosts: Vec<Url>,
    timeout: Duration,
    max_bytes: usize,
    has_proxy: bool,
    pub(crate) traces: Traces,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The address that answered, after redirects.
    pub(crate) url: Box<Url>,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    /// Whether it says where its body ends; if not, the end may be that of a connection that was lost.
    pub(crate) has_end: bool,
    /// The pause that `Retry-After` asks for.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the source has redirected the request to a login page.
    pub(crate) is_login: bool,
}

impl Answer {
    /// The schemes of authentication that a refusal offers.
    pub(crate) fn challenges(&self) -> &str {
        self.headers.get("www-authenticate").map_or("", String::as_str)
    }

    /// Its status, its content type and its size, for messages.
    pub(crate) fn description(&self) -> String {
        let kind = self.headers.get("content-type").map_or("no Content-Type", String::as_str);
        let kind = visible(kind);
        format!("status {}, {kind} and {} bytes", self.status, self.body.len())
    }
}

/// Why there is no usable answer.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// The answer cannot be read, even after several requests.
    Unreadable {
        /// The reason.
        what: String,
        answer: Answer,
    },
    /// The answer is larger than `limit_mib`, or takes too much memory.
    TooLarge(Fault),
    /// The source does not accept the parameters of the request: perhaps there is no such page.
    Refused(Fault),
    Fault(Fault),
}

impl FetchError {
    /// The answer is larger than `limit_mib`.
    pub(crate) fn above_limit() -> Self {
        let fault = Fault::stopped("an unpacked answer is larger than `limit_mib`");
        Self::TooLarge(fault.remedy("raise `limit_mib`, or request smaller pages"))
    }
}

impl From<Fault> for FetchError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Client {
    /// Builds a client, without using the network. `identity` is our key and certificate in PEM.
    pub(crate) fn new(
        config: &Config,
        allowed_hosts: Vec<Url>,
        identity: Option<String>,
        gate: Arc<dyn Gate>,
        clock: Clock,
    ) -> Result<Self, Fault> {
        let timeout = config.timeout.0;
        let max_bytes = usize::try_from(config.limit_mib).unwrap_or(1) << 20;
        if timeout.is_zero() {
            return Err(Fault::stopped("`timeout` is zero").remedy("set a period like 30s"));
        }
        let proxy = config.proxy.as_ref().map(network::proxy).transpose()?.flatten();
        let codings = HeaderValue::from_static("gzip, zstd");
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            // Less than the limit of the whole exchange, so that its own error says what was slow.
            .connect_timeout(timeout * 9 / 10)
            .user_agent(concat!("tonghui/", env!("CARGO_PKG_VERSION")))
            // The client would unpack only the first member of gzip, and leave out the headers that say whether the
            // answer has an end. So `send` unpacks it.
            .no_gzip()
            .no_zstd()
            .default_headers([(header::ACCEPT_ENCODING, codings)].into_iter().collect())
            .no_proxy();
        if let Some(pem) = &config.ca {
            let certificates = Certificate::from_pem_bundle(pem.as_bytes());
            let certificates = certificates.ok().filter(|list| !list.is_empty());
            let certificates = certificates.ok_or_else(|| {
                Fault::stopped("`ca` contains no certificate").remedy("set it to a PEM file")
            })?;
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(proxy) = &proxy {
            builder = builder.proxy(proxy.clone());
        }
        for (host, address) in &config.resolve {
            // Port 0 is that of the request.
            builder = builder.resolve(host, SocketAddr::new(*address, 0));
        }
        if let Some(pem) = identity {
            let identity = Identity::from_pem(pem.as_bytes()).map_err(|_| {
                Fault::stopped("the client certificate and its key cannot be read")
                    .remedy("use PEM for both, and do not encrypt the key")
            })?;
            builder = builder.identity(identity);
        }
        let http = builder
            .build()
            .map_err(|error| Fault::stopped("TLS cannot be set up").because(error.without_url()))?;
        let (source_time, cookies, traces) = (None, Cookies::default(), Traces::default());
        Ok(Self {
            http,
            gate,
            clock,
            source_time,
            cookies,
            allowed_hosts,
            timeout,
            max_bytes,
            has_proxy: proxy.is_some(),
            traces,
        })
    }

    /// The time at the source; `None` before its first answer. Time windows and days follow the source's
    /// clock, which differs from ours. Our clock only measures the time since the last answer.
    pub(crate) fn source_time(&self) -> Option<Timestamp> {
        let (time, arrival) = self.source_time?;
        // Dates are cut to whole seconds and an answer takes time, so this is never ahead of the source.
        time.checked_add_signed(delta(arrival.elapsed().min(Duration::from_secs(86_400))))
    }

    /// The time by the source's clock, or by ours before its first answer.
    pub(crate) fn now(&self) -> Timestamp {
        self.source_time().unwrap_or_else(|| self.clock.now())
    }

    /// Sends a request and follows the redirects of a GET, except a redirect whose status `is_answer`
    /// accepts. `follow` prepares each request that follows one, to the same host (`true`) or to another one: an answer
    /// to a challenge covers the address, and secrets stay here. The trace shows `unsigned` and `signature`.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request,
        unsigned: &Request,
        signature: Option<auth::SigningSteps>,
        is_answer: impl Fn(u16) -> bool,
        mut follow: impl FnMut(&mut Request, bool) -> Result<(), Fault>,
    ) -> Result<Answer, FetchError> {
        self.traces.add(Trace::new(unsigned, signature));
        let home = request.url.clone();
        let (mut is_login, mut is_first_host) = (false, true);
        for n_followed in 0..=MAX_REDIRECTS {
            let answer = self.send(&request).await?;
            let status = answer.status;
            let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308) && !is_answer(status);
            let location = answer.headers.get("location").filter(|_| is_redirect);
            is_login |= location.is_some_and(|location| names_login(location));
            let (Some(location), Method::Get) = (location, request.method) else {
                return Ok(Answer { is_login, ..answer });
            };
            let next = origin::resolve(&request.url, location, &self.allowed_hosts);
            // The caller knows what a login page means, wherever it is.
            if is_login && (next.is_err() || n_followed == MAX_REDIRECTS) {
                return Ok(Answer { is_login, ..answer });
            }
            let from = std::mem::replace(&mut request.url, next?);
            is_first_host &= origin::is_same_origin(&request.url, &from);
            if !is_first_host {
                // Only the first host gets credentials.
                request.headers.clear();
            }
            if is_first_host || !origin::is_same_origin(&request.url, &home) {
                follow(&mut request, is_first_host)?;
            }
            self.traces.add_redirect(status, &from, &request.url);
        }
        Err(Fault::transient("the source redirects too often").into())
    }

    /// Sends a request and stores the time and the cookies of its answer.
    async fn send(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let _permit = self.gate.enter().await?;
        let Request { method, url, headers, body } = request;
        let mut builder = match method {
            Method::Get => self.http.get(url.clone()),
            Method::Post => self.http.post(url.clone()),
            Method::Put => self.http.put(url.clone()),
            Method::Patch => self.http.patch(url.clone()),
            Method::Delete => self.http.delete(url.clone()),
        };
        let (own_cookies, headers): (Vec<_>, Vec<_>) =
            headers.iter().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let cookies = own_cookies.into_iter().map(|(_, value)| value.clone());
        let cookies: Vec<String> = cookies.chain(self.cookies.header(url)).collect();
        if !cookies.is_empty() {
            // In one header: some servers read only the first.
            builder = builder.header(header::COOKIE, cookies.join("; "));
        }
        if !body.is_empty() {
            builder = builder.body(body.clone());
        }
        let timeout = self.timeout;
        let max_bytes = self.max_bytes;
        let receiving = async {
            let mut response = builder.send().await?;
            let status = response.status().as_u16();
            let mut has_end = response.version() > Version::HTTP_11;
            let mut headers: BTreeMap<String, String> = BTreeMap::new();
            let mut cookies = Vec::new();
            for (name, value) in response.headers() {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                // What is packed has an end of its own.
                let is_coding =
                    [header::TRANSFER_ENCODING, header::CONTENT_ENCODING].contains(name);
                let is_coded = is_coding && !value.trim().eq_ignore_ascii_case("identity");
                has_end |= name == header::CONTENT_LENGTH || is_coded;
                if name == header::SET_COOKIE {
                    cookies.push(value);
                } else if [header::LINK, header::WWW_AUTHENTICATE].contains(name) {
                    // Several headers with one name are one list (RFC 9110 §5.3).
                    let list: &mut String = headers.entry(name.as_str().to_owned()).or_default();
                    list.push_str(if list.is_empty() { "" } else { ", " });
                    list.push_str(&value);
                } else {
                    headers.insert(name.as_str().to_owned(), value);
                }
            }
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > max_bytes {
                    return Ok((status, headers, cookies, has_end, None));
                }
                body.extend_from_slice(&chunk);
            }
            Ok((status, headers, cookies, has_end, Some(body.freeze())))
        };
        let received = tokio::time::timeout(timeout, receiving).await;
        let is_https = url.scheme() == "https";
        let fault = |error| exchange_fault(error, timeout, is_https, self.has_proxy);
        let received = received
            .map_err(|_| timeout_fault(timeout))
            .and_then(|received| received.map_err(fault))
            .map_err(|fault| fault.at(source_name(url)))?;
        let (status, mut headers, cookies, has_end, body) = received;
        cookies.iter().for_each(|cookie| self.cookies.store(url, cookie));
        let date_header = headers.get("date").cloned();
        let date =
            date_header.as_deref().and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        let date = date.map(|date| date.to_utc());
        if let Some(date) = date {
            self.source_time = Some((date, Instant::now()));
        }
        let body = body.ok_or_else(FetchError::above_limit)?;
        let body = unpack_body(&mut headers, body, max_bytes).map_err(|why| match why {
            MessageError::TooLarge(_) => FetchError::above_limit(),
            MessageError::Unreadable(why) => FetchError::Fault(
                Fault::transient(NOT_ITS_ENCODING).because(why).at(source_name(url)),
            ),
        })?;
        self.traces.add_answer(status, &headers, &body);
        let retry_after = headers
            .get("retry-after")
            .and_then(|value| gate::retry_after(value, date_header.as_deref(), self.now()));
        let url = Box::new(url.clone());
        Ok(Answer { status, url, headers, body, has_end, retry_after, is_login: false })
    }
}

const NOT_ITS_ENCODING: &str =
    "the answer cannot be unpacked: it is not what its Content-Encoding says";

/// Unpacks a body that is gzip or zstd by its header, which is removed.
fn unpack_body(
    headers: &mut BTreeMap<String, String>,
    body: Bytes,
    max_bytes: usize,
) -> Result<Bytes, MessageError> {
    let coding = headers.get("content-encoding").map(|coding| coding.trim()).unwrap_or_default();
    let unpacked = match coding {
        _ if body.is_empty() => return Ok(body),
        "gzip" | "x-gzip" => gunzip(&body, max_bytes),
        "zstd" => zstd::Decoder::new(&*body)
            .map_err(|_| MessageError::Unreadable("zstd cannot be unpacked".to_owned()))
            .and_then(|decoder| unpack(decoder, "zstd", max_bytes)),
        _ => return Ok(body),
    };
    headers.remove("content-encoding");
    unpacked.map(Bytes::from)
}

/// The name of the source in messages, without the parts of its address that may be secret.
pub(crate) fn source_name(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("source {}:{port}", url.host_str().unwrap_or_default())
}

/// Whether an address is that of a login page, by its host or path.
fn names_login(address: &str) -> bool {
    let address = address.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    let address = address.replace(['-', '_'], "");
    ["login", "logon", "signin"].iter().any(|name| address.contains(name))
}

fn timeout_fault(timeout: Duration) -> Fault {
    Fault::transient(format!("no answer within {timeout:?}"))
        .remedy("ask the operator of the source why it is slow, or raise `timeout`")
}

/// The names of the settings, for remedies.
const SETTINGS: ServerSettings = ServerSettings { address: "`url`", ca: "`ca`" };
/// With a proxy, it is the only server that is connected to.
const PROXY_SETTINGS: ServerSettings = ServerSettings { address: "`proxy`", ca: "`ca`" };

/// Turns the error of an exchange into a fault, without the address: it may contain a token.
fn exchange_fault(
    error: reqwest::Error,
    timeout: Duration,
    is_https: bool,
    has_proxy: bool,
) -> Fault {
    let error = error.without_url();
    let settings = if has_proxy { PROXY_SETTINGS } else { SETTINGS };
    let port_remedy = || {
        format!("check the port in {}, and whether it should be http or https", settings.address)
    };
    let causes = causes_text(&error);
    let io_errors = || {
        let causes = iter::successors(error.source(), |&error| error.source());
        causes.filter_map(|error| error.downcast_ref::<io::Error>())
    };
    let is_tls = causes.contains("certificate")
        || error.is_connect()
            && (causes.contains("corrupt message") || io_errors().any(is_tls_failure));
    if is_tls {
        tls_fault(&causes, SETTINGS)
    } else if error.is_builder() {
        Fault::stopped("the request cannot be sent: a header contains a forbidden character")
            .remedy(
                "check the headers and secrets of this channel, and a token that the source gave, for line breaks",
            )
    } else if error.is_timeout() && error.is_connect() && is_https && !has_proxy {
        Fault::transient("no encrypted connection came about in time").remedy(
            "check the host and port in `url`, the firewall in between, and whether it should be http",
        )
    } else if error.is_timeout() && error.is_connect() {
        ConnectFailure::Silent.fault(settings)
    } else if error.is_timeout() {
        timeout_fault(timeout)
    } else if let Some(failure) = io_errors().find_map(ConnectFailure::of) {
        failure.fault(settings)
    } else if causes.contains("proxy auth") {
        rules::proxy_refusal()
    } else if causes.contains("tunnel error") {
        Fault::transient("the proxy does not connect to the source").because(causes).remedy(
            "check `proxy`, and ask who runs it whether it may connect to the host in `url`",
        )
    } else if error.is_connect() {
        Fault::transient("the connection was closed before the request was sent")
            .because(causes)
            .remedy(port_remedy())
    } else if causes.contains("invalid HTTP version") {
        Fault::stopped("the server at this port does not answer as a web server does")
            .because(causes)
            .remedy(port_remedy())
    } else {
        Fault::transient("the connection was lost before the answer was complete").because(causes)
    }
}
