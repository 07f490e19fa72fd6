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
//! on success: auth.accepted();  refused or expired: if auth.refused() { once more from the top }
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

/// Prefixes of the headers of 政务数据共享交换平台 and 国家政务服务平台.
const EXCHANGE: &str = "gjgxjhpt";
const SERVICE: &str = "gjzwfwpt";

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
    is_proven: bool,
}

/// A token that was fetched.
#[derive(Debug)]
struct Fetched {
    secret: Secret,
    /// When another one must be fetched; `None` where only a refusal shows it.
    until: Option<Timestamp>,
}

impl Fetched {
    /// A token that is fetched again `margin` before it expires, but not before half of its time.
    fn new(secret: Secret, lasts: Option<Duration>, margin: Duration, now: Timestamp) -> Self {
        let until = lasts.and_then(|lasts| {
            let used = TimeDelta::from_std(lasts - margin.min(lasts / 2)).ok()?;
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
            Scheme::ApiKey(own) => own.check()?,
            Scheme::Gjgxjhpt(own) | Scheme::Gjzwfwpt(own) => own.check()?,
            Scheme::Sign(own) => own.check()?,
            _ => {}
        }
        Ok(Self { scheme, fetched: None, is_proven: false })
    }

    /// The request for a token that is missing; `None` where nothing is missing.
    pub fn token_request(&self, context: &SigningContext) -> Option<TokenRequest> {
        if self.secret(context.now).is_some() {
            return None;
        }
        match &self.scheme {
            Scheme::Oauth2(own) => Some(own.token_request()),
            Scheme::Gjgxjhpt(own) => own.token_request(EXCHANGE, context),
            Scheme::Gjzwfwpt(own) => own.token_request(SERVICE, context),
            _ => None,
        }
    }

    /// Reads the answer to the request for a token.
    ///
    /// # Errors
    /// It contains no token: `Transient` where the other side fails, else `Stopped`.
    pub fn fetched(&mut self, status: u16, answer: &[u8], now: Timestamp) -> Result<(), Fault> {
        self.fetched = Some(match &self.scheme {
            Scheme::Oauth2(own) => own.read(status, answer, now)?,
            Scheme::Gjgxjhpt(own) | Scheme::Gjzwfwpt(own) => own.read(status, answer, now)?,
            _ => return Ok(()),
        });
        self.is_proven = false;
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
        let mut national = |own: &National, prefix| {
            let secret = match &own.secret {
                Some(secret) => secret,
                None => fetched()?,
            };
            Ok(own.sign(prefix, secret, request, context))
        };
        match &self.scheme {
            Scheme::None | Scheme::Mtls(_) => Ok(Trace::of("none")),
            Scheme::Basic(own) => Ok(own.sign(request)),
            Scheme::Bearer(token) => Ok(plain::bearer(token, request)),
            Scheme::ApiKey(own) => Ok(own.sign(request)),
            Scheme::Oauth2(_) => Ok(plain::bearer(fetched()?, request)),
            Scheme::BodyToken(own) => own.sign(request),
            Scheme::SharedMd5(own) => own.sign(request),
            Scheme::MessageBoard(own) => own.sign(request),
            Scheme::Gjgxjhpt(own) => national(own, EXCHANGE),
            Scheme::Gjzwfwpt(own) => national(own, SERVICE),
            Scheme::XTif(own) => Ok(own.sign(request, context)),
            Scheme::XBg(own) => Ok(own.sign(request, context)),
            Scheme::Sign(own) => own.sign(request, context),
        }
    }

    /// The token, while it is valid.
    fn secret(&self, now: Timestamp) -> Option<&Secret> {
        let fetched = self.fetched.as_ref()?;
        fetched.until.is_none_or(|until| now < until).then_some(&fetched.secret)
    }

    /// The source accepted the last request, and the token in it.
    pub fn accepted(&mut self) {
        self.is_proven = self.fetched.is_some();
    }

    /// The source refused the last request, or says that the token has expired. `true`: fetch another
    /// one and repeat the request. `false`: repeating cannot help, because the source has refused a
    /// token that was just fetched and would refuse the next one too.
    pub fn refused(&mut self) -> bool {
        self.fetched = None;
        std::mem::take(&mut self.is_proven)
    }

    /// The certificate that authenticates the connection, where that is the scheme.
    pub fn mtls(&self) -> Option<&Mtls> {
        match &self.scheme {
            Scheme::Mtls(own) => Some(own),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
