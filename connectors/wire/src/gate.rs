//! The limits of one upstream: the implementation of [`contract::Gate`].
//!
//! Whoever comes waits in one fair line: behind the one in front, then for a free place, then for
//! its turn in the rate. What would be a long wait is answered at once instead, with the time until
//! it is worth asking again, so that a read can give what it has.

mod day;
mod hours;
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

/// A turn that is further away than this is no wait within a read.
const PATIENCE: Duration = Duration::from_secs(30);

/// The limits of one upstream.
pub struct Limits {
    upstream: String,
    places: Arc<Semaphore>,
    /// Held by the one whose turn is next: everybody else waits behind it, in the order of coming.
    front: tokio::sync::Mutex<Front>,
    rate: Option<Rate>,
    per_day: Option<u32>,
    window: Option<Window>,
    zone: Tz,
    clock: Clock,
    state: Mutex<State>,
}

/// Writes down, so that no restart forgets it, that a day has this many requests.
pub type Book = Box<dyn Fn(NaiveDate, u32) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

#[derive(Default)]
struct Front {
    book: Option<Book>,
    /// What was written down last.
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
        let day = Day::new(hours::today(clock.now(), zone));
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

    /// The day and the requests that were sent on it: what a restart must not forget.
    pub fn spent_today(&self) -> (NaiveDate, u32) {
        let now = self.clock.now();
        self.state().day.at(hours::today(now, self.zone))
    }

    /// The same where the upstream counts; `None` where it does not.
    pub fn booked_today(&self) -> Option<(NaiveDate, u32)> {
        self.per_day.map(|_| self.spent_today())
    }

    /// What was sent before this process began, or by another one. A count that is smaller than
    /// the own one of that day, or of a day that is over, changes nothing.
    pub fn restore(&self, day: NaiveDate, n_requests: u32) {
        let today = hours::today(self.clock.now(), self.zone);
        self.state().day.restore(day, n_requests, today);
    }

    /// From now on no request is sent that is not booked before. To book each one alone would cost
    /// more than the request: a hundredth of the day is booked ahead, and what a crash leaves of
    /// that is not used any more. `None` ends it.
    pub async fn book_with(&self, book: Option<Book>) {
        *self.front.lock().await = Front { book, booked: Default::default() };
    }

    /// Everything but the rate and the places; counts nothing. Gives the day and what it has spent.
    fn check(&self) -> Result<(NaiveDate, u32), Fault> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(left) = state.held_until.map(|until| until - Instant::now())
            && !left.is_zero()
        {
            return Err(self.throttled(left, "asked for a pause".to_owned()));
        }
        state.held_until = None;
        if let Some(wait) = self.window.and_then(|window| hours::opens_in(window, now, self.zone)) {
            let window = self.window.map(|window| window.to_string()).unwrap_or_default();
            return Err(self.throttled(wait, format!("may be asked at {window} only")));
        }
        let (day, spent) = state.day.at(hours::today(now, self.zone));
        if let Some(per_day) = self.per_day.filter(|per_day| spent >= *per_day) {
            let wait = hours::ends_in(day, now, self.zone);
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
        // Numbers and moments hold together after a panic too.
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
                // Anything may have changed while it waited.
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
