//! What all simulated HTTP sources have in common. They have items (demands), which are filed and go
//! through states; they answer requests; and they record everything that they serve as [`Truth`].
//!
//! Each kind of source implements [`Upstream`]: how an item looks, and how the source answers. An answer
//! depends only on the seed, the clock, the items and their changes, and the requests so far.

pub(crate) mod http;
pub(crate) mod limit;
pub(crate) mod register;
pub(crate) mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use self::http::{HttpServer, Reply, Request};
pub use self::limit::Limits;
use self::register::{Change, Entry};
pub(crate) use self::state::{Item, SourceState};
use crate::dice::Dice;
use crate::time::{fraction, http_date};
use crate::truth::ServedState;
use crate::{Clock, Corpus, QuirkRates, QuirkSet, Retention, Storage, Truth};

/// How a simulated source behaves. `Q` is the type of its quirks.
#[derive(Clone, Debug)]
pub struct Behaviour<Q> {
    /// The seed of the items; the same seed gives the same items.
    pub seed: u64,
    /// The clock of the city.
    pub clock: Clock,
    /// What goes wrong, and how often.
    pub quirks: QuirkRates<Q>,
    /// How many requests the source allows.
    pub limits: Limits,
    /// The first call that files items spreads their times evenly over this time span before now. Later
    /// calls file items with the present time.
    pub spread: Duration,
    /// Which states of an item the source keeps.
    pub retention: Retention,
    /// The type of the hotline's long text columns; other sources ignore it.
    pub storage: Storage,
    /// Where the hotline's texts come from; the other sources generate theirs.
    pub corpus: Corpus,
}

impl<Q: QuirkSet> Behaviour<Q> {
    /// A source without quirks, with the limits of the real source and generated texts. Its first items
    /// are up to six hours old.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            quirks: QuirkRates::none(),
            limits: Limits::Real,
            spread: Duration::from_secs(6 * 3_600),
            retention: Retention::All,
            storage: Storage::default(),
            corpus: Corpus::default(),
        }
    }
}

/// One kind of source: how it represents its items, and how it answers.
pub(crate) trait Upstream: Send + Sized + std::fmt::Debug + 'static {
    /// The quirks of this kind of source.
    type Quirk: QuirkSet + Send + std::fmt::Debug;
    /// The name of the channel, which is also the name of its configuration folder.
    const CHANNEL: &'static str;
    /// The environment variables that the channel's configuration needs: made-up access keys.
    const ENVIRONMENT: &'static [(&'static str, &'static str)];

    fn new(behaviour: &Behaviour<Self::Quirk>) -> Self;

    /// The key of item `number`, counted from 1.
    fn key(number: u64) -> String;

    /// How many states item `number` goes through, including the first one.
    fn steps(number: u64) -> usize;

    /// One state of an item: how the source serves it, and the demand that it must become.
    fn served_state(
        behaviour: &Behaviour<Self::Quirk>,
        entry: &Entry,
        change: Change,
    ) -> ServedState;

    /// The answer to a request.
    fn answer(&mut self, source: &mut SourceState<Self::Quirk>, request: &Request) -> Reply;

    /// Applies quirks to an item that was just filed, or records to which list it belongs.
    fn on_filed(&mut self, _source: &mut SourceState<Self::Quirk>, _number: u64) {}
}

/// A simulated source with its HTTP server, which answers until this value is dropped.
#[derive(Debug)]
#[expect(private_bounds, reason = "the kinds of sources are a closed set, which this crate names")]
pub struct Simulator<U: Upstream> {
    shared: Arc<Mutex<Shared<U>>>,
    server: HttpServer,
}

/// What a simulator shares with its HTTP server.
#[derive(Debug)]
pub(crate) struct Shared<U: Upstream> {
    /// What only this kind of source stores.
    pub(crate) upstream: U,
    /// What every kind of source stores.
    pub(crate) source: SourceState<U::Quirk>,
}

/// Counts of the requests to a source since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests by kind: `list`, `detail`, `secret` and so on, including refused ones.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Refused requests by reason: `signature`, `clock`, `cookie`, `limit` and so on.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests that came too early, although an answer had told the reader to wait.
    pub early: u64,
    /// Requests above the limits of the source.
    pub over_budget: u64,
}

#[expect(private_bounds, reason = "the kinds of sources are a closed set, which this crate names")]
impl<U: Upstream> Simulator<U> {
    /// Opens an empty source on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is no free port.
    // `Q` is a parameter, because callers outside this crate cannot name `U::Quirk`.
    pub async fn open<Q>(behaviour: Behaviour<Q>) -> anyhow::Result<Self>
    where
        U: Upstream<Quirk = Q>,
        Q: QuirkSet + Send + std::fmt::Debug,
    {
        let upstream = U::new(&behaviour);
        let shared = Arc::new(Mutex::new(Shared { upstream, source: SourceState::new(behaviour) }));
        let server_shared = Arc::clone(&shared);
        let server = HttpServer::open(move |request| lock(&server_shared).answer(request)).await?;
        Ok(Self { shared, server })
    }

    /// The address of the source, `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The environment variables that the channel's configuration needs: made-up access keys.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        U::ENVIRONMENT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    /// Counts of the requests to the source so far.
    #[must_use]
    pub fn request_counts(&self) -> RequestCounts {
        self.lock().source.request_counts.clone()
    }

    /// Everything that the source has ever served.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let shared = self.lock();
        let SourceState { behaviour, register, .. } = &shared.source;
        let mut truth = Truth::new(U::CHANNEL);
        for entry in &register.entries {
            let key = U::key(entry.number);
            for change in &entry.changes {
                truth.add(&key, U::served_state(behaviour, entry, *change));
            }
            if let Some(at) = entry.deleted_at {
                truth.history.delete(&key, at);
            }
        }
        truth
    }

    /// Files `n` new items, and returns the keys of those that are visible, in order. The first call
    /// spreads the items over [`Behaviour::spread`].
    pub fn file(&self, n: u64) -> Vec<String> {
        self.file_with(n, |_, at| vec![at])
    }

    /// Like [`file`](Self::file), but most items are in a later state already: they were received up to some
    /// days earlier, and only their last state was ever visible.
    pub fn file_in_progress(&self, n: u64) -> Vec<String> {
        let seed = self.lock().source.behaviour.seed ^ PROGRESS_STREAM;
        self.file_with(n, |number, at| {
            let mut dice = Dice::new(seed, number);
            let last = u32::try_from(U::steps(number) - 1).unwrap_or_default();
            let n_before = if dice.one_in(40) { 0 } else { dice.between(last.min(1), last) };
            let mut reached = vec![at];
            for _ in 0..n_before {
                let wait = TimeDelta::minutes(i64::from(dice.between(20, 2_400)));
                reached.insert(0, reached[0] - wait);
            }
            reached
        })
    }

    /// Files items; `reached` gives the times at which an item reached its states, from its number and the
    /// time of the last one.
    fn file_with(
        &self,
        n: u64,
        reached: impl Fn(u64, NaiveDateTime) -> Vec<NaiveDateTime>,
    ) -> Vec<String> {
        let mut shared = self.lock();
        let Shared { upstream, source } = &mut *shared;
        let now = source.now();
        let spread = if source.n_filed == 0 { source.behaviour.spread } else { Duration::ZERO };
        let mut keys = Vec::new();
        for n_after in (0..n).rev() {
            source.n_filed += 1;
            let number = source.n_filed;
            let at = now - fraction(spread, n_after, n);
            source.register.add(number, reached(number, at));
            upstream.on_filed(source, number);
            if source.register.entry(number).is_some_and(|entry| entry.deleted_at.is_none()) {
                keys.push(U::key(number));
            }
        }
        keys
    }

    /// Advances `n` randomly chosen items to their next state. Returns their keys. A key can occur
    /// twice; there can be fewer than `n` keys if most items are in their last state.
    pub fn advance_random(&self, n: u64) -> Vec<String> {
        let mut shared = self.lock();
        let source = &mut shared.source;
        let now = source.now();
        let mut keys = Vec::new();
        for i in 0..n {
            // Each choice has its own random stream, so it does not depend on what was drawn before.
            let mut dice = Dice::new(source.behaviour.seed ^ ADVANCE_STREAM, source.n_advances + i);
            let entries = &source.register.entries;
            let chosen =
                (0..20).find_map(|_| next_step::<U>(entries.get(dice.below(entries.len()))?));
            let Some((number, step)) = chosen else { continue };
            source.register.add_change(number, now, step);
            keys.push(U::key(number));
        }
        source.n_advances += n;
        keys
    }

    /// Advances one item to its next state. Returns false if there is no such item, or if it was deleted or
    /// is in its last state.
    pub fn advance(&self, key: &str) -> bool {
        let mut shared = self.lock();
        let now = shared.source.now();
        let register = &mut shared.source.register;
        let entry = register.entries.iter().find(|entry| U::key(entry.number) == key);
        let Some((number, step)) = entry.and_then(next_step::<U>) else { return false };
        register.add_change(number, now, step);
        true
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared<U>> {
        lock(&self.shared)
    }
}

/// The number of an item and the index of its next state; `None` if it was deleted or is in its last state.
fn next_step<U: Upstream>(entry: &Entry) -> Option<(u64, usize)> {
    let step = entry.last().step + 1;
    let can_advance = entry.deleted_at.is_none() && step < U::steps(entry.number);
    can_advance.then_some((entry.number, step))
}

/// XORed with the seed, likewise for `file_in_progress`.
const PROGRESS_STREAM: u64 = 0x7072_6f67_7265_7373;
/// XORed with the seed, so that `advance_random` and the items use different random numbers.
const ADVANCE_STREAM: u64 = 0x746f_7563_6869_6e67;

impl<U: Upstream> Shared<U> {
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        self.source.n_requests += 1;
        let mut reply = self.upstream.answer(&mut self.source, request);
        // The header `date` has the simulated time, not that of the machine.
        if reply.headers.iter().all(|(name, _)| *name != "date") {
            reply.headers.push(("date", http_date(self.source.now())));
        }
        reply
    }
}

/// Ignores poisoning: only a test that fails already can panic while it holds the lock.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
