//! How a request proves who asks.
//!
//! A scheme changes a request and says what it signed; it never sends one. Where it needs a secret
//! that has to be fetched first, it hands out the request for it ([`Auth::errand`]) and reads the
//! answer ([`Auth::fetched`]). So everything here is a pure function or a small state machine, and
//! whoever owns the connection does this:
//!
//! ```text
//! while let Some(errand) = auth.errand(&occasion) { send it; auth.fetched(status, body, now)?; }
//! auth.sign(&mut request, &occasion)?;  send the request;
//! on success: auth.accepted();  refused or expired: if auth.refused() { once more from the top }
//! ```

mod request;
mod trace;

mod keep;
mod scheme;

mod api_key;
mod basic;
mod body_token;
mod message_board;
mod mtls;
mod national;
mod oauth2;
mod sign;
mod x_bg;
mod x_tif;

mod digest;

use contract::{Fault, Secret, Timestamp};

pub use self::{
    api_key::ApiKey,
    basic::Basic,
    body_token::{BodyToken, SharedMd5},
    digest::{Algorithm, Coding},
    message_board::MessageBoard,
    mtls::Mtls,
    national::{National, Refresh},
    oauth2::{Credentials, Oauth2},
    request::{Request, percent_encoded},
    scheme::{Scheme, one_table},
    sign::{Part, Place, Sign, Stamp, Unit},
    trace::{Step, Trace},
    x_bg::XBg,
    x_tif::XTif,
};
use self::{keep::Keep, national::Platform};

/// When a request is signed, and a number that no other request has.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// Now, by the clock that the source believes.
    pub now: Timestamp,
    /// Random; a new one for every request.
    pub nonce: [u8; 16],
}

/// A request for a secret, to be sent as it is.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The whole address.
    pub url: String,
    /// Method, headers and body; the address has its path and query.
    pub request: Request,
    /// What was signed.
    pub trace: Trace,
}

/// A scheme at work: its settings, and the secret it has fetched.
#[derive(Debug)]
pub struct Auth {
    scheme: Scheme,
    keep: Keep,
}

impl Auth {
    /// Checks settings. Touches no network.
    ///
    /// # Errors
    /// Settings that contradict each other, as `Stopped`.
    pub fn build(scheme: Scheme) -> Result<Self, Fault> {
        match &scheme {
            Scheme::ApiKey(own) => own.check()?,
            Scheme::Gjgxjhpt(own) | Scheme::Gjzwfwpt(own) => own.check()?,
            Scheme::Sign(own) => own.check()?,
            Scheme::None
            | Scheme::Basic(_)
            | Scheme::Bearer(_)
            | Scheme::Oauth2(_)
            | Scheme::Mtls(_)
            | Scheme::BodyToken(_)
            | Scheme::SharedMd5(_)
            | Scheme::MessageBoard(_)
            | Scheme::XTif(_)
            | Scheme::XBg(_) => {}
        }
        Ok(Self { scheme, keep: Keep::default() })
    }

    /// What has to be fetched before a request can be signed; `None` where everything is there.
    pub fn errand(&self, occasion: &Occasion) -> Option<Errand> {
        if self.keep.secret(occasion.now).is_some() {
            return None;
        }
        match &self.scheme {
            Scheme::Oauth2(own) => Some(own.errand()),
            Scheme::Gjgxjhpt(own) => own.errand(Platform::Exchange, occasion),
            Scheme::Gjzwfwpt(own) => own.errand(Platform::Service, occasion),
            _ => None,
        }
    }

    /// Reads the answer to an errand.
    ///
    /// # Errors
    /// It holds no secret: `Transient` where the other side is in trouble, else `Stopped`.
    pub fn fetched(&mut self, status: u16, answer: &[u8], now: Timestamp) -> Result<(), Fault> {
        let fetched = match &self.scheme {
            Scheme::Oauth2(own) => own.read(status, answer, now)?,
            Scheme::Gjgxjhpt(own) | Scheme::Gjzwfwpt(own) => own.read(status, answer, now)?,
            _ => return Ok(()),
        };
        self.keep.take(fetched);
        Ok(())
    }

    /// Changes the request so that it proves who asks. Nothing may change it afterwards.
    ///
    /// # Errors
    /// The request lacks what the scheme signs, or a secret has to be fetched first: `Stopped`.
    pub fn sign(&self, request: &mut Request, occasion: &Occasion) -> Result<Trace, Fault> {
        let kept = || -> Result<&Secret, Fault> {
            let kept = self.keep.secret(occasion.now);
            kept.ok_or_else(|| Fault::stopped("the secret for the signature was not fetched"))
        };
        match &self.scheme {
            Scheme::None | Scheme::Mtls(_) => Ok(Trace::of("none")),
            Scheme::Basic(own) => Ok(own.sign(request)),
            Scheme::Bearer(token) => Ok(basic::bearer(token, request)),
            Scheme::ApiKey(own) => Ok(own.sign(request)),
            Scheme::Oauth2(_) => Ok(basic::bearer(kept()?, request)),
            Scheme::BodyToken(own) => own.sign(request),
            Scheme::SharedMd5(own) => own.sign(request),
            Scheme::MessageBoard(own) => own.sign(request),
            Scheme::Gjgxjhpt(own) => {
                let secret = own.secret.as_ref().map_or_else(kept, Ok)?;
                Ok(own.sign(Platform::Exchange, secret, request, occasion))
            }
            Scheme::Gjzwfwpt(own) => {
                let secret = own.secret.as_ref().map_or_else(kept, Ok)?;
                Ok(own.sign(Platform::Service, secret, request, occasion))
            }
            Scheme::XTif(own) => Ok(own.sign(request, occasion)),
            Scheme::XBg(own) => Ok(own.sign(request, occasion)),
            Scheme::Sign(own) => own.sign(request, occasion),
        }
    }

    /// The source took the last request: the secret in use is a good one.
    pub fn accepted(&mut self) {
        self.keep.accepted();
    }

    /// The source refused the last request, or says that the secret has expired. `true`: fetch
    /// another one and ask once more. `false`: asking again cannot help.
    pub fn refused(&mut self) -> bool {
        self.keep.refused()
    }

    /// The certificate with which a connection proves who it is, where that is the scheme.
    pub fn mtls(&self) -> Option<&Mtls> {
        match &self.scheme {
            Scheme::Mtls(own) => Some(own),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
