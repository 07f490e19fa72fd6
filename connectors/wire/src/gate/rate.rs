//! Limits the rate of requests, but allows a burst after a pause (GCRA, from the governor crate). It uses
//! tokio's clock, which a test can advance by hours.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, ReasonablyRealtime},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

/// The limit of the rate of requests.
pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>,
    clock: TokioClock,
}

impl Rate {
    /// Limits requests to one per `interval`; `None` if it is zero, because then there is no limit.
    pub(super) fn new(interval: Duration, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval)?.allow_burst(burst);
        let clock = TokioClock { start: Instant::now() };
        Some(Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock })
    }

    /// Counts a request and returns `None`; if it is not allowed yet, only returns how long to wait.
    pub(super) fn try_acquire(&self) -> Option<Duration> {
        self.limiter.check().err().map(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }
}

#[derive(Debug, Clone)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.start.elapsed().into()
    }
}

impl ReasonablyRealtime for TokioClock {}
