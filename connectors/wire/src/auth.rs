//! Authentication of requests.
//!
//! A scheme changes a request and says what it signed; it never sends one. Where it needs a token
//! that must be fetched first, it gives the request for it ([`Auth::token_request`]) and reads the
//! answer ([`Auth::fetched`]). So everything here is a pure function or a small state machine, and
//! whoever owns the connection does this:
//!
//! ```text
//! while let Some(needed) = auth.token_request(&context) {
//!     send it; auth.fetched(status, body, now)?;
//! }
//! auth.sign(&mut request, &context)?;  send the request;
//! on success: auth.accepted();  refused or expired: if auth.refused() { repeat all of this }
//! ```

mod request;
mod trace;

mod scheme;

mod national;
mod oauth2;
mod plain;
mod platforms;
mod sign;

mod digest;

use std::time::Duration;

use chrono::TimeDelta;
use contract::{Fault, Secret, Timestamp};

pub use self::{
    digest::{Algorithm, Coding},
    national::{National, Refresh},
    oauth2::{Credentials, Oauth2},
    plain::{ApiKey, Basic, BodyToken, Mtls, SharedMd5},
    platforms::{MessageBoard, XBg, XTif},
    request::{Request, percent_encoded},
    scheme::{Scheme, one_table},
    sign::{Part, Place, Sign, Stamp, Unit},
    trace::Trace,
};

/// The time of a signature, and a random number for it.
#[derive(Debug, Clone, Copy)]
pub struct SigningContext {
    /// Now, by the source's clock.
    pub now: Timestamp,
    /// Random; a new one for every request.
    pub nonce: [u8; 16],
}

/// Prefix of the headers of the exchange platforms for government data (政务数据共享交换平台).
const EXCHANGE_PREFIX: &str = "gjgxjhpt";
/// Prefix of the headers of the national platform for government services (国家政务服务平台).
const SERVICE_PREFIX: &str = "gjzwfwpt";

/// A request for a token, to be sent as it is.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The whole address.
    pub url: String,
    /// Method, headers and body; the address has its path and query.
    pub request: Request,
    /// What was signed.
    pub trace: Trace,
}

/// A scheme: its settings, and the token it has fetched.
#[derive(Debug)]
pub struct Auth {
    scheme: Scheme,
    fetched: Option<Fetched>,
    /// The source has accepted the fetched token at least once.
    was_accepted: bool,
}

/// A token that was fetched.
#[derive(Debug)]
struct Fetched {
    secret: Secret,
    /// When the next one must be fetched; `None` where the source does not say how long a token lasts.
    until: Option<Timestamp>,
}

impl Fetched {
    /// A token that is replaced `margin` before it expires, but not before half of its lifetime.
    fn new(secret: Secret, lifetime: Option<Duration>, margin: Duration, now: Timestamp) -> Self {
        let until = lifetime.and_then(|lifetime| {
            let used = TimeDelta::from_std(lifetime - margin.min(lifetime / 2)).ok()?;
            now.checked_add_signed(used)
        });
        Self { secret, until }
    }
}

impl Auth {
    /// Checks settings. Uses no network.
    ///
    /// # Errors
    /// Settings that contradict each other, as `Stopped`.
    pub fn build(scheme: Scheme) -> Result<Self, Fault> {
        match &scheme {
            Scheme::ApiKey(settings) => settings.check()?,
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => settings.check()?,
            Scheme::Sign(settings) => settings.check()?,
            _ => {}
        }
        Ok(Self { scheme, fetched: None, was_accepted: false })
    }

    /// The request for a token that is missing; `None` where nothing is missing.
    pub fn token_request(&self, context: &SigningContext) -> Option<TokenRequest> {
        if self.secret(context.now).is_some() {
            return None;
        }
        match &self.scheme {
            Scheme::Oauth2(settings) => Some(settings.token_request()),
            Scheme::Gjgxjhpt(settings) => settings.token_request(EXCHANGE_PREFIX, context),
            Scheme::Gjzwfwpt(settings) => settings.token_request(SERVICE_PREFIX, context),
            _ => None,
        }
    }

    /// Reads the answer to the request for a token.
    ///
    /// # Errors
    /// It contains no token: `Transient` where the other side fails, else `Stopped`.
    pub fn fetched(&mut self, status: u16, answer: &[u8], now: Timestamp) -> Result<(), Fault> {
        self.fetched = Some(match &self.scheme {
            Scheme::Oauth2(settings) => settings.read(status, answer, now)?,
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => {
                settings.read(status, answer, now)?
            }
            _ => return Ok(()),
        });
        self.was_accepted = false;
        Ok(())
    }

    /// Authenticates the request. It must not be changed afterwards.
    ///
    /// # Errors
    /// The request lacks a signed part, or a token must be fetched first: `Stopped`.
    pub fn sign(&self, request: &mut Request, context: &SigningContext) -> Result<Trace, Fault> {
        let fetched = || {
            let secret = self.secret(context.now);
            secret.ok_or_else(|| Fault::stopped("the token for the request was not fetched"))
        };
        let mut national = |settings: &National, prefix| {
            let secret = match &settings.secret {
                Some(secret) => secret,
                None => fetched()?,
            };
            Ok(settings.sign(prefix, secret, request, context))
        };
        match &self.scheme {
            Scheme::None | Scheme::Mtls(_) => Ok(Trace::of("none")),
            Scheme::Basic(settings) => Ok(settings.sign(request)),
            Scheme::Bearer(token) => Ok(plain::bearer(token, request)),
            Scheme::ApiKey(settings) => Ok(settings.sign(request)),
            Scheme::Oauth2(_) => Ok(plain::bearer(fetched()?, request)),
            Scheme::BodyToken(settings) => settings.sign(request),
            Scheme::SharedMd5(settings) => settings.sign(request),
            Scheme::MessageBoard(settings) => settings.sign(request),
            Scheme::Gjgxjhpt(settings) => national(settings, EXCHANGE_PREFIX),
            Scheme::Gjzwfwpt(settings) => national(settings, SERVICE_PREFIX),
            Scheme::XTif(settings) => Ok(settings.sign(request, context)),
            Scheme::XBg(settings) => Ok(settings.sign(request, context)),
            Scheme::Sign(settings) => settings.sign(request, context),
        }
    }

    /// The token, while it is valid.
    fn secret(&self, now: Timestamp) -> Option<&Secret> {
        let fetched = self.fetched.as_ref()?;
        fetched.until.is_none_or(|until| now < until).then_some(&fetched.secret)
    }

    /// The source accepted the last request, and the token in it.
    pub fn accepted(&mut self) {
        self.was_accepted = self.fetched.is_some();
    }

    /// The source refused the last request, or says that the token has expired. Returns whether to fetch a
    /// new token and repeat the request. It cannot help if the source has refused a token that was just
    /// fetched: it would refuse the next one too.
    pub fn refused(&mut self) -> bool {
        self.fetched = None;
        std::mem::take(&mut self.was_accepted)
    }

    /// The certificate that authenticates the connection, where that is the scheme.
    pub fn mtls(&self) -> Option<&Mtls> {
        match &self.scheme {
            Scheme::Mtls(settings) => Some(settings),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
