//! The gate of an upstream enforces its limits. All channels of the upstream share it, so the limits
//! hold for all of them together.

use std::{any::Any, fmt, time::Duration};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::Fault;

/// Enforces the limits of one upstream: rate, concurrent requests, requests per day, hours of the day.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Waits until the limits allow a request, which then counts as sent. Cancel-safe: if the future is
    /// dropped, no request is counted.
    ///
    /// # Errors
    /// `Throttled`, with the time to wait, if that time is long: the requests of the day are used up,
    /// the window of allowed hours is closed, or the upstream asked for a pause.
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>>;

    /// Grants no permit for the time `wait`, because the upstream asked for a pause. If a longer pause is in
    /// force, it stays.
    fn hold(&self, wait: Duration);
}

/// The permit for one request: its holder keeps it until the answer is read, then drops it.
#[derive(Debug)]
#[must_use = "the gate counts the request as running until its permit is dropped"]
pub struct Permit(
    #[allow(dead_code, reason = "only its drop matters")] Option<Box<dyn Any + Send + Sync>>,
);

impl Permit {
    /// A permit that drops `slot` when it is dropped itself: the gate then knows that the request has ended.
    pub fn new(slot: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(slot)))
    }
}

/// A gate without limits: for tests, and for push sources.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        ready(Ok(Permit(None))).boxed()
    }

    fn hold(&self, _wait: Duration) {}
}
