//! Requests per time, with a burst after a pause (GCRA, by the governor crate). It uses the clock of
//! the runtime, so a test can advance it by hours.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, ReasonablyRealtime},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

/// Limits the rate of requests.
pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Nanos>>,
    clock: RuntimeClock,
}

impl Rate {
    /// `None` where the interval is zero.
    pub(super) fn new(interval: Duration, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval)?.allow_burst(burst);
        let clock = RuntimeClock { start: Instant::now() };
        Some(Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock })
    }

    /// Takes a slot, or gives the time until the next one.
    pub(super) fn take(&self) -> Option<Duration> {
        self.limiter.check().err().map(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }
}

#[derive(Debug, Clone)]
struct RuntimeClock {
    start: Instant,
}

impl Clock for RuntimeClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.start.elapsed().into()
    }
}

impl ReasonablyRealtime for RuntimeClock {}
