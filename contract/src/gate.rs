//! What one upstream allows. All channels of an upstream share one gate, so that two of them
//! together ask no more often than one alone may.

use std::{fmt, time::Duration};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::Fault;

/// The limits of one upstream: rate, requests at a time, requests a day, hours of the day.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Waits for its turn within the limits; the request counts as sent when this returns.
    /// Cancel-safe: who stops waiting has spent nothing.
    ///
    /// # Errors
    /// `Throttled`, with the time until it is worth asking again, where that is long: the day's
    /// requests are spent, the upstream is closed at this hour, or it asked for a pause.
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>>;

    /// The upstream asked for a pause: nobody enters for `wait` from now on. A shorter pause never
    /// ends a longer one.
    fn hold(&self, wait: Duration);
}

/// Permission for one request: keep it until the answer is read, then drop it.
#[must_use = "the request has ended for the gate when its permit is dropped"]
pub struct Permit(
    #[allow(dead_code, reason = "only its drop matters")] Option<Box<dyn Send + Sync>>,
);

impl Permit {
    /// A permit that gives `held` back when the request has ended.
    pub fn holding(held: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(held)))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// A gate without limits: for fixtures on the desk, and for sources that are not asked at all.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        ready(Ok(Permit(None))).boxed()
    }

    fn hold(&self, _wait: Duration) {}
}
