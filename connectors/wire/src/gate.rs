//! The limits of one upstream: the implementation of [`contract::Gate`].
//!
//! Requests wait in one fair queue: for earlier requests, then for a free slot, then for the rate limit.
//! If the wait would be long, a request fails at once and says how long, so that a read can return what
//! it has.

mod day;
mod rate;
mod retry_after;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;
use chrono_tz::Tz;
use contract::{Budget, Clock, Fault, Gate, Permit, Window};
use futures_util::future::BoxFuture;
use tokio::{sync::Semaphore, time::Instant};

pub use retry_after::retry_after;

use self::{day::Day, rate::Rate};

/// A request that would have to wait longer than this for the rate limit fails.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The limits of one upstream.
pub struct Limits {
    upstream: String,
    /// One permit for each request that may be in flight.
    slots: Arc<Semaphore>,
    /// The next request holds this lock; all others wait for it, in the order of their arrival.
    queue: tokio::sync::Mutex<Booking>,
    rate: Option<Rate>,
    /// Maximum number of requests a day; `None` without a limit.
    per_day: Option<u32>,
    /// The hours in which requests are allowed; `None` for all.
    window: Option<Window>,
    zone: Tz,
    clock: Clock,
    state: Mutex<State>,
}

/// Stores how many requests of a day may have been sent, so that a restart does not forget them. Its
/// arguments are the day and the number.
pub type BookRequests =
    Box<dyn Fn(NaiveDate, u32) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

/// Books the requests of a day in advance.
#[derive(Default)]
struct Booking {
    book: Option<BookRequests>,
    /// The day and the number that were stored last.
    booked: (NaiveDate, u32),
}

struct State {
    day: Day,
    /// The end of a pause that the source has asked for; `None` without a pause.
    paused_until: Option<Instant>,
}

impl Limits {
    /// The gate of `upstream`. Days and hours are counted in `zone`.
    pub fn new(upstream: &str, budget: Budget, zone: Tz, clock: Clock) -> Self {
        let Budget { interval, burst, concurrent, per_day, window } = budget;
        let day = Day::new(day::local_date(clock.now(), zone));
        let concurrent = usize::try_from(concurrent.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            upstream: upstream.to_owned(),
            slots: Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS))),
            queue: tokio::sync::Mutex::default(),
            rate: interval.and_then(|interval| Rate::new(interval, burst)),
            per_day,
            window,
            zone,
            clock,
            state: Mutex::new(State { day, paused_until: None }),
        }
    }

    /// The current day, and the number of its requests.
    pub fn requests_today(&self) -> (NaiveDate, u32) {
        let now = self.clock.now();
        self.state().day.update(day::local_date(now, self.zone))
    }

    /// Like [`Limits::requests_today`]; `None` if the upstream has no daily limit.
    pub fn limited_requests_today(&self) -> Option<(NaiveDate, u32)> {
        self.per_day.map(|_| self.requests_today())
    }

    /// Takes over the count of requests that were sent before this process started, or by another process.
    /// A smaller count, or a count of a past day, changes nothing.
    pub fn restore(&self, day: NaiveDate, n_requests: u32) {
        let today = day::local_date(self.clock.now(), self.zone);
        self.state().day.restore(day, n_requests, today);
    }

    /// Sets the function that stores requests before they are sent; `None` removes it. Storing each request
    /// would take longer than the request itself, so a hundredth of the daily limit is booked in advance; a
    /// crash loses what is not used of it.
    pub async fn book_with(&self, book: Option<BookRequests>) {
        *self.queue.lock().await = Booking { book, booked: Default::default() };
    }

    /// Checks all limits except the rate and the number of concurrent requests. Returns the current day
    /// and the number of its requests.
    fn check(&self) -> Result<(NaiveDate, u32), Fault> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(left) = state.paused_until.map(|until| until - Instant::now())
            && !left.is_zero()
        {
            return Err(self.throttled(left, "has asked for a pause".to_owned()));
        }
        state.paused_until = None;
        if let Some(window) = self.window
            && let Some(wait) = day::time_until_open(window, now, self.zone)
        {
            return Err(self.throttled(wait, format!("accepts requests only at {window}")));
        }
        let (day, n_requests) = state.day.update(day::local_date(now, self.zone));
        if let Some(per_day) = self.per_day.filter(|per_day| n_requests >= *per_day) {
            let wait = day::time_until_end(day, now, self.zone);
            let what = format!("allows {per_day} requests a day, and those of {day} are used up");
            return Err(self.throttled(wait, what));
        }
        Ok((day, n_requests))
    }

    fn throttled(&self, wait: Duration, what: String) -> Fault {
        Fault::throttled(wait, format!("the upstream {what}"))
            .at(format!("upstream {}", self.upstream))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Limits {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        Box::pin(async move {
            let mut queue = self.queue.lock().await;
            self.check()?;
            let slot = Arc::clone(&self.slots)
                .acquire_owned()
                .await
                .map_err(|closed| Fault::transient("the gate is closed").because(closed))?;
            loop {
                // A limit may be reached, or a pause begin, while the request waits.
                let (day, n_requests) = self.check()?;
                if let Some(per_day) = self.per_day {
                    queue.reserve(day, n_requests + 1, per_day).await?;
                }
                match self.rate.as_ref().and_then(Rate::try_acquire) {
                    None => break,
                    Some(wait) if wait > MAX_WAIT => {
                        return Err(self.throttled(wait, "allows no request yet".to_owned()));
                    }
                    Some(wait) => tokio::time::sleep(wait).await,
                }
            }
            self.state().day.count();
            Ok(Permit::new(slot))
        })
    }

    fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait.min(retry_after::MAX_PAUSE);
        let mut state = self.state();
        state.paused_until = state.paused_until.max(Some(until));
    }
}

impl Booking {
    /// Ensures that at least `n_requests` requests are stored for `day`.
    async fn reserve(
        &mut self,
        day: NaiveDate,
        n_requests: u32,
        per_day: u32,
    ) -> Result<(), Fault> {
        let Some(book) = &self.book else { return Ok(()) };
        if self.booked.0 != day || self.booked.1 < n_requests {
            let n_booked = n_requests.saturating_add(per_day / 100).min(per_day);
            book(day, n_booked).await?;
            self.booked = (day, n_booked);
        }
        Ok(())
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limits({})", self.upstream)
    }
}
