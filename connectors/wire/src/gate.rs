//! The limits of one upstream: the implementation of [`contract::Gate`].
//!
//! Requests wait in one fair queue: for earlier requests, then for a free slot, then for the rate. A long
//! wait is refused at once, with the time to wait, so that a read can return what it has.

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

/// Maximum wait within a read.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The limits of one upstream.
pub struct Limits {
    upstream: String,
    slots: Arc<Semaphore>,
    /// Locked by the next request: all others wait for this lock, in the order of their arrival.
    queue: tokio::sync::Mutex<Booking>,
    rate: Option<Rate>,
    per_day: Option<u32>,
    window: Option<Window>,
    zone: Tz,
    clock: Clock,
    state: Mutex<State>,
}

/// Stores the number of requests of a day, so that a restart does not forget them.
pub type Book = Box<dyn Fn(NaiveDate, u32) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

#[derive(Default)]
struct Booking {
    book: Option<Book>,
    /// The day and number that were stored last.
    booked: (NaiveDate, u32),
}

struct State {
    day: Day,
    held_until: Option<Instant>,
}

impl Limits {
    /// The gate of `upstream`. Days and hours are counted in `zone`.
    pub fn new(upstream: &str, budget: Budget, zone: Tz, clock: Clock) -> Self {
        let Budget { interval, burst, concurrent, per_day, window } = budget;
        let day = Day::new(day::today(clock.now(), zone));
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
            state: Mutex::new(State { day, held_until: None }),
        }
    }

    /// The day, and the requests that were sent on it.
    pub fn spent_today(&self) -> (NaiveDate, u32) {
        let now = self.clock.now();
        self.state().day.at(day::today(now, self.zone))
    }

    /// The same, if the upstream has a daily limit.
    pub fn booked_today(&self) -> Option<(NaiveDate, u32)> {
        self.per_day.map(|_| self.spent_today())
    }

    /// Takes over the count of requests that were sent before this process started, or by another process.
    /// A smaller count, or that of a past day, changes nothing.
    pub fn restore(&self, day: NaiveDate, n_requests: u32) {
        let today = day::today(self.clock.now(), self.zone);
        self.state().day.restore(day, n_requests, today);
    }

    /// From now on requests are counted in the store before they are sent. Storing each one would take
    /// longer than the request itself, so a hundredth of the daily limit is stored in advance; after a
    /// crash, what was not used of it is lost. `None` ends the counting.
    pub async fn book_with(&self, book: Option<Book>) {
        *self.queue.lock().await = Booking { book, booked: Default::default() };
    }

    /// Checks all limits except the rate and the number of concurrent requests. Returns the day and the
    /// number of its requests.
    fn check(&self) -> Result<(NaiveDate, u32), Fault> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(left) = state.held_until.map(|until| until - Instant::now())
            && !left.is_zero()
        {
            return Err(self.throttled(left, "asked for a pause".to_owned()));
        }
        state.held_until = None;
        if let Some(wait) = self.window.and_then(|window| day::opens_in(window, now, self.zone)) {
            let window = self.window.map(|window| window.to_string()).unwrap_or_default();
            return Err(self.throttled(wait, format!("may be asked at {window} only")));
        }
        let (day, spent) = state.day.at(day::today(now, self.zone));
        if let Some(per_day) = self.per_day.filter(|per_day| spent >= *per_day) {
            let wait = day::ends_in(day, now, self.zone);
            let what = format!("allows {per_day} requests a day, and those of {day} are spent");
            return Err(self.throttled(wait, what));
        }
        Ok((day, spent))
    }

    fn throttled(&self, wait: Duration, what: String) -> Fault {
        Fault::throttled(wait, format!("the upstream {what}"))
            .at(format!("upstream {}", self.upstream))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent after a panic too.
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
                .map_err(|closed| Fault::transient("the gate was taken down").because(closed))?;
            loop {
                // Limits may have changed while it waited.
                let (day, spent) = self.check()?;
                if let Some(per_day) = self.per_day {
                    queue.reserve(day, spent + 1, per_day).await?;
                }
                match self.rate.as_ref().and_then(Rate::take) {
                    None => break,
                    Some(wait) if wait > MAX_WAIT => {
                        return Err(self.throttled(wait, "allows no request so soon".to_owned()));
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
        state.held_until = state.held_until.max(Some(until));
    }
}

impl Booking {
    async fn reserve(
        &mut self,
        day: NaiveDate,
        n_requests: u32,
        per_day: u32,
    ) -> Result<(), Fault> {
        let Some(book) = &self.book else { return Ok(()) };
        if self.booked.0 != day || self.booked.1 < n_requests {
            let upto = n_requests.saturating_add(per_day / 100).min(per_day);
            book(day, upto).await?;
            self.booked = (day, upto);
        }
        Ok(())
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limits({})", self.upstream)
    }
}
