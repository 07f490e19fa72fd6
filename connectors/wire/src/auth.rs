//! Authentication of requests.
//!
//! A scheme changes a request and shows how the request was signed; it never sends one. If it needs a
//! token that must be fetched first, it makes the request for the token ([`Auth::token_request`]) and
//! reads the answer ([`Auth::read_token`]). So everything here is a pure function or a small state
//! machine, and the code that owns the connection does this:
//!
//! ```text
//! if let Some(token_request) = auth.token_request(&context) {
//!     send it; auth.read_token(status, answer, now)?;
//! }
//! auth.sign(&mut request, &context)?;  auth.answer_challenge(…);  send the request;
//! if refused with a challenge: if auth.take_challenge(…)? { repeat all of this }
//! on success: auth.confirm_token();
//! if refused or expired: if auth.discard_token() { repeat all of this }
//! ```

mod request;
mod signable;
mod steps;

mod scheme;

mod challenge;
mod http_digest;
mod national;
mod oauth2;
mod plain;
mod platforms;
mod sender;
mod sign;
mod soap;
mod ws_security;

mod once;
mod parts;
mod sorted;

mod digest;
mod escaped;
mod token;

pub mod solve;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono_tz::Tz;
use contract::{Fault, Timestamp};

pub use self::{
    digest::{Algorithm, DigestFormat},
    http_digest::{HttpDigest, SentRequest},
    national::{National, Refresh},
    oauth2::{Credentials, Oauth2},
    once::{NonceForm, TimeUnit, TimestampField},
    parts::{InnerDigest, SignedPart},
    plain::{ApiKey, Basic, BodyToken, Mtls, SharedMd5},
    platforms::{MessageBoard, XBg, XTif},
    request::{Request, percent_encoded},
    scheme::{Scheme, merge_tables},
    sender::{SenderSignature, Sent, SentTime},
    sign::{CustomSignature, Destination, SentSecret},
    sorted::{Fate, Fields, Sorted},
    steps::SigningSteps,
    token::HeldToken,
    ws_security::{PasswordKind, WsSecurity},
};
use self::{http_digest::Challenges, token::FetchedToken};
use crate::secrets;

/// The time and the random bytes for a signature.
#[derive(Debug, Clone, Copy)]
pub struct SigningContext {
    /// Now, by the source's clock.
    pub now: Timestamp,
    /// Random bytes, different for every request.
    pub nonce: [u8; 16],
    /// The zone of times that are written in a format without one.
    pub zone: Tz,
}

/// Prefix of the headers for the exchange platforms for government data (政务数据共享交换平台).
const EXCHANGE_PREFIX: &str = "gjgxjhpt";
/// Prefix of the headers for the national platform for government services (国家政务服务平台).
const SERVICE_PREFIX: &str = "gjzwfwpt";

/// A request for a token. It is sent unchanged.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The whole address.
    pub url: String,
    /// Method, headers and body; path and query are only in `url`.
    pub request: Request,
    /// How it was signed.
    pub steps: SigningSteps,
}

/// An authentication scheme, with its settings, the token that was fetched for it and the challenges to it.
#[derive(Debug)]
pub struct Auth {
    scheme: Scheme,
    token: HeldToken,
    challenges: Challenges,
}

impl Auth {
    /// Checks the settings, without using the network.
    ///
    /// # Errors
    /// `Stopped` if settings contradict each other.
    pub fn build(scheme: Scheme) -> Result<Self, Fault> {
        match &scheme {
            Scheme::ApiKey(settings) => settings.check()?,
            Scheme::Digest(settings) => settings.check()?,
            Scheme::Oauth2(settings) => settings.check()?,
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => settings.check()?,
            Scheme::Sign(settings) => settings.check()?,
            Scheme::WsSecurity(settings) => settings.check()?,
            _ => {}
        }
        Ok(Self { scheme, token: HeldToken::default(), challenges: Challenges::default() })
    }

    /// Checks that this scheme finds its place in a body, of which the placeholders are not filled yet.
    ///
    /// # Errors
    /// `Stopped` if it needs a SOAP envelope and there is none.
    pub fn check_body(&self, body: Option<&str>) -> Result<(), Fault> {
        match &self.scheme {
            Scheme::WsSecurity(_) => WsSecurity::check_body(body),
            _ => Ok(()),
        }
    }

    /// The request for a token; `None` if the scheme fetches no token, or has one that is still valid.
    pub fn token_request(&self, context: &SigningContext) -> Option<TokenRequest> {
        if self.token.valid(context.now).is_some() {
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
    /// The answer contains no token: `Transient` if trying again may help, else `Stopped`.
    pub fn read_token(&mut self, status: u16, answer: &[u8], now: Timestamp) -> Result<(), Fault> {
        let token = match &self.scheme {
            Scheme::Oauth2(settings) => settings.read_token(status, answer, now)?,
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => {
                settings.read_token(status, answer, now)?
            }
            _ => return Ok(()),
        };
        self.token.hold(token);
        Ok(())
    }

    /// Authenticates the request, which must not be changed afterwards.
    ///
    /// # Errors
    /// The request lacks a signed part, or a token must be fetched first: `Stopped`.
    pub fn sign(
        &self,
        request: &mut Request,
        context: &SigningContext,
    ) -> Result<SigningSteps, Fault> {
        let missing = || Fault::stopped("the token for the request was not fetched");
        let token = || self.token.valid(context.now).ok_or_else(missing);
        let mut sign_national = |settings: &National, prefix| {
            let secret = match &settings.secret {
                Some(secret) => secret,
                None => token()?,
            };
            Ok(settings.sign(prefix, secret, request, context))
        };
        match &self.scheme {
            // A challenge is answered last: the answer covers the address as it is sent.
            Scheme::None | Scheme::Mtls(_) | Scheme::Digest(_) => Ok(SigningSteps::new("none")),
            Scheme::Basic(settings) => Ok(settings.apply(request)),
            Scheme::Bearer(token) => Ok(plain::apply_bearer(token, request)),
            Scheme::ApiKey(settings) => Ok(settings.apply(request)),
            Scheme::Oauth2(_) => Ok(plain::apply_bearer(token()?, request)),
            Scheme::BodyToken(settings) => settings.apply(request),
            Scheme::SharedMd5(settings) => settings.apply(request),
            Scheme::MessageBoard(settings) => settings.sign(request),
            Scheme::Gjgxjhpt(settings) => sign_national(settings, EXCHANGE_PREFIX),
            Scheme::Gjzwfwpt(settings) => sign_national(settings, SERVICE_PREFIX),
            Scheme::XTif(settings) => Ok(settings.sign(request, context)),
            Scheme::XBg(settings) => Ok(settings.sign(request, context)),
            Scheme::Sign(settings) => settings.sign(request, context),
            Scheme::WsSecurity(settings) => settings.sign(request, context),
        }
    }

    /// Whether requests are repeated with an answer to a challenge.
    pub fn answers_challenges(&self) -> bool {
        matches!(self.scheme, Scheme::Digest(_))
    }

    /// Begins a request: a challenge is forgotten if nothing came back from the request that has answered it.
    pub fn begin_request(&mut self) {
        self.challenges.begin();
    }

    /// The value of the header `Authorization` that answers the challenge of this origin, if the source has sent one,
    /// and how it was made. `None` if that is not the scheme.
    pub fn answer_challenge(
        &mut self,
        origin: &str,
        request: SentRequest<'_>,
    ) -> Option<(Option<String>, SigningSteps)> {
        match &self.scheme {
            Scheme::Digest(settings) => {
                Some(settings.answer(&mut self.challenges, origin, request))
            }
            _ => None,
        }
    }

    /// Takes the challenge of an answer with status 401 from this origin; `header` is its `WWW-Authenticate`. Returns
    /// whether to repeat the request. If not, the source refuses the user or the password.
    ///
    /// # Errors
    /// The challenge cannot be answered: `Stopped`. The source calls each nonce stale: `Transient`.
    pub fn take_challenge(
        &mut self,
        origin: &str,
        header: &str,
        context: &SigningContext,
    ) -> Result<bool, Fault> {
        if !self.answers_challenges() {
            return Ok(false);
        }
        self.challenges.take(origin, header, context.nonce)
    }

    /// Notes that this origin has accepted the answer to its challenge. `info` is the header `Authentication-Info`.
    pub fn accept_challenge(&mut self, origin: &str, info: Option<&str>) {
        self.challenges.accept(origin, info);
    }

    /// What an answer with status 401 means, to which [`Auth::take_challenge`] has found nothing to repeat.
    pub fn explain_refusal(&self, header: &str, fault: Fault) -> Fault {
        match self.answers_challenges() {
            true => HttpDigest::explain(header, fault),
            false => fault,
        }
    }

    /// Notes that the source has accepted the last request, and so the token in it.
    pub fn confirm_token(&mut self) {
        self.token.confirm();
    }

    /// Discards the token, because the source has refused the last request or says that the token has
    /// expired. Returns whether to repeat the request with a new token. If the source has never accepted
    /// this token, that is `false`: it would refuse a new one too.
    pub fn discard_token(&mut self) -> bool {
        self.token.discard()
    }

    /// The query parameters in which this scheme sends secrets with every request.
    pub fn secret_params(&self) -> Vec<&str> {
        match &self.scheme {
            Scheme::ApiKey(settings) => settings.param().into_iter().collect(),
            Scheme::Sign(settings) => settings.secret_params(),
            _ => Vec::new(),
        }
    }

    /// The query parameter in which this scheme sends a signature: whoever has it may send the request again.
    pub fn signature_param(&self) -> Option<&str> {
        match &self.scheme {
            Scheme::Sign(settings) => settings.signature_param(),
            _ => None,
        }
    }

    /// Whether this scheme reads the query or the body of a request, which it can do in UTF-8 only.
    pub fn reads_parameters(&self) -> bool {
        use Scheme::{ApiKey, Basic, Bearer, Digest, Mtls, None, Oauth2, WsSecurity};
        let reads_nothing =
            matches!(self.scheme, None | Basic(_) | Bearer(_) | ApiKey(_) | Oauth2(_) | Mtls(_));
        // The envelope is not read as parameters.
        !reads_nothing && !matches!(self.scheme, Digest(_) | WsSecurity(_))
    }

    /// The address of the token server, if the scheme fetches tokens.
    pub fn token_address(&self) -> Option<&str> {
        match &self.scheme {
            Scheme::Oauth2(settings) => Some(&settings.token_url),
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => {
                settings.refresh.as_ref().map(|refresh| refresh.url.as_str())
            }
            _ => None,
        }
    }

    /// A text with `…` in the place of the secrets in use, in every form in which requests carry them. A
    /// source may repeat its request in what it says about a failure.
    pub fn hide(&self, text: &str) -> String {
        let mut forms = match &self.scheme {
            Scheme::None | Scheme::Mtls(_) => Vec::new(),
            Scheme::Basic(settings) => settings.secrets(),
            Scheme::Bearer(token) => vec![token.expose().to_owned()],
            Scheme::ApiKey(settings) => settings.secrets(),
            Scheme::Oauth2(settings) => settings.secrets(),
            Scheme::BodyToken(settings) => settings.secrets(),
            Scheme::SharedMd5(settings) => settings.secrets(),
            Scheme::MessageBoard(settings) => settings.secrets(),
            Scheme::Gjgxjhpt(settings) | Scheme::Gjzwfwpt(settings) => settings.secrets(),
            Scheme::XTif(settings) => settings.secrets(),
            Scheme::XBg(settings) => settings.secrets(),
            Scheme::Sign(settings) => settings.secrets(),
            Scheme::Digest(settings) => settings.secrets(),
            Scheme::WsSecurity(settings) => settings.secrets(),
        };
        forms.extend(self.token.secret().map(|token| token.expose().to_owned()));
        hide_forms(text, forms)
    }

    /// The certificate that authenticates the connection, if that is the scheme.
    pub fn mtls(&self) -> Option<&Mtls> {
        match &self.scheme {
            Scheme::Mtls(settings) => Some(settings),
            _ => None,
        }
    }
}

/// A text with `…` in the place of these secrets, also where they are encoded: as requests carry them, or as who
/// repeats a request may write it.
pub fn hide_forms(text: &str, mut secrets: Vec<String>) -> String {
    let text = escaped::hide(text, &secrets);
    let others: Vec<String> = secrets.iter().flat_map(|secret| escaped::forms(secret)).collect();
    let encode =
        |secret: &String| [percent_encoded(secret).to_string(), STANDARD.encode(secret.as_bytes())];
    let encoded: Vec<String> = secrets.iter().flat_map(encode).collect();
    secrets.extend(encoded);
    secrets::hide_values(&text, secrets, &others)
}

#[cfg(test)]
mod tests;
