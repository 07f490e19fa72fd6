//! The limits of one upstream: the implementation of [`contract::Gate`].
//!
//! Requests wait in one fair queue: for those before them, then for a free slot, then for the rate. A
//! long wait is refused at once, with the time to wait, so that a read can give what it has.

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

/// The longest wait within a read.
const PATIENCE: Duration = Duration::from_secs(30);

/// The limits of one upstream.
pub struct Limits {
    upstream: String,
    places: Arc<Semaphore>,
    /// Held by the next request: all others wait for it, in the order of their arrival.
    front: tokio::sync::Mutex<Front>,
    rate: Option<Rate>,
    per_day: Option<u32>,
    window: Option<Window>,
    zone: Tz,
    clock: Clock,
    state: Mutex<State>,
}

/// Stores that a day has this many requests, so that a restart does not forget them.
pub type Book = Box<dyn Fn(NaiveDate, u32) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

#[derive(Default)]
struct Front {
    book: Option<Book>,
    /// What was stored last.
    booked: (NaiveDate, u32),
}

struct State {
    day: Day,
    held_until: Option<Instant>,
}

impl Limits {
    /// The gate of `upstream`; days and hours are those of `zone`.
    pub fn new(upstream: &str, budget: Budget, zone: Tz, clock: Clock) -> Self {
        let Budget { interval, burst, concurrent, per_day, window } = budget;
        let day = Day::new(day::today(clock.now(), zone));
        let concurrent = usize::try_from(concurrent.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            upstream: upstream.to_owned(),
            places: Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS))),
            front: tokio::sync::Mutex::default(),
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

    /// The same where the upstream has a daily limit.
    pub fn booked_today(&self) -> Option<(NaiveDate, u32)> {
        self.per_day.map(|_| self.spent_today())
    }

    /// Adds requests that were sent before this process started, or by another one. A count that is
    /// smaller than our own of that day, or of a past day, changes nothing.
    pub fn restore(&self, day: NaiveDate, n_requests: u32) {
        let today = day::today(self.clock.now(), self.zone);
        self.state().day.restore(day, n_requests, today);
    }

    /// From now on every request is stored before it is sent. Storing each one alone would cost more
    /// than the request, so a hundredth of the day is stored ahead; after a crash the rest of that is
    /// lost. `None` ends it.
    pub async fn book_with(&self, book: Option<Book>) {
        *self.front.lock().await = Front { book, booked: Default::default() };
    }

    /// Checks everything but the rate and the slots. Gives the day and its requests.
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
            let mut front = self.front.lock().await;
            self.check()?;
            let place = Arc::clone(&self.places)
                .acquire_owned()
                .await
                .map_err(|closed| Fault::transient("the gate was taken down").because(closed))?;
            loop {
                // Limits may have changed while it waited.
                let (day, spent) = self.check()?;
                if let Some(per_day) = self.per_day {
                    front.cover(day, spent + 1, per_day).await?;
                }
                match self.rate.as_ref().and_then(Rate::take) {
                    None => break,
                    Some(wait) if wait > PATIENCE => {
                        return Err(self.throttled(wait, "allows no request so soon".to_owned()));
                    }
                    Some(wait) => tokio::time::sleep(wait).await,
                }
            }
            self.state().day.count();
            Ok(Permit::holding(place))
        })
    }

    fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait.min(retry_after::LONGEST);
        let mut state = self.state();
        state.held_until = state.held_until.max(Some(until));
    }
}

impl Front {
    async fn cover(&mut self, day: NaiveDate, n_requests: u32, per_day: u32) -> Result<(), Fault> {
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
