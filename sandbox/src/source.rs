//! What the simulated sources that are queried over HTTP have in common: they hold items that are
//! filed and move from state to state, answer requests, and record the truth.
//!
//! A source is a pure function of its seed, of what was filed and changed, and of the requests so
//! far. Each kind of source implements [`Upstream`]: how it represents an item, and how it answers.
//! The life cycle, the address, the counts and the truth are the same for all kinds, and are here.

pub(crate) mod http;
pub(crate) mod limit;
pub(crate) mod register;
pub(crate) mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::http::{HttpServer, Reply, Request};
pub use self::limit::Limits;
use self::register::{Change, Entry};
pub(crate) use self::state::{Item, SourceState};
use crate::dice::Dice;
use crate::truth::ServedState;
use crate::when::{http_date, part};
use crate::{Clock, Corpus, Faults, QuirkSet, Retention, Storage, Truth};

/// How a simulated source behaves. `Q` are its quirks.
#[derive(Clone, Debug)]
pub struct Behaviour<Q> {
    /// Same seed, same items.
    pub seed: u64,
    /// The city's time.
    pub clock: Clock,
    /// What goes wrong, and how often.
    pub faults: Faults<Q>,
    /// How often it may be called.
    pub limits: Limits,
    /// The first items that are filed are spread evenly over this time span, up to now. Later items
    /// are filed now.
    pub spread: Duration,
    /// How much of the past is kept.
    pub retention: Retention,
    /// Width of the hotline's long text columns.
    pub storage: Storage,
    /// Where the hotline's texts come from; the other sources generate theirs.
    pub corpus: Corpus,
}

impl<Q: QuirkSet> Behaviour<Q> {
    /// A source without quirks, with the real limits and generated texts, whose first items are up to
    /// six hours old.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            faults: Faults::none(),
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
    /// Its quirk switches.
    type Quirk: QuirkSet + Send + std::fmt::Debug;
    /// The name of the channel, which is the name of its folder.
    const CHANNEL: &'static str;
    /// The environment variables that the channel's folder needs: its access keys, all made up.
    const ENVIRONMENT: &'static [(&'static str, &'static str)];

    fn new(behaviour: &Behaviour<Self::Quirk>) -> Self;

    /// The key of an item.
    fn key(number: u64) -> String;

    /// How many states an item goes through, the first one included.
    fn steps(number: u64) -> usize;

    /// One state of an item, as it is served and what must come of it.
    fn served_state(
        behaviour: &Behaviour<Self::Quirk>,
        entry: &Entry,
        change: Change,
    ) -> ServedState;

    /// The answer to a request.
    fn answer(&mut self, source: &mut SourceState<Self::Quirk>, request: &Request) -> Reply;

    /// Called after an item was filed, to apply a quirk or to note where the item belongs.
    fn on_filed(&mut self, _source: &mut SourceState<Self::Quirk>, _number: u64) {}
}

/// A simulated source with its server. It answers until it is dropped.
#[derive(Debug)]
#[expect(private_bounds, reason = "the kinds of sources are a closed set, named beside it")]
pub struct Simulator<U: Upstream> {
    shared: Arc<Mutex<Shared<U>>>,
    server: HttpServer,
}

#[derive(Debug)]
pub(crate) struct Shared<U: Upstream> {
    pub(crate) upstream: U,
    pub(crate) source: SourceState<U::Quirk>,
}

/// The requests to a source since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Requests by kind: `list`, `detail`, `ack` and so on, including refused ones.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Refused requests by reason: `signature`, `clock`, `cookie`, `limit` and so on.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests that came before the end of a wait that the source had demanded.
    pub early: u64,
    /// Requests above the limits of the source.
    pub over_budget: u64,
}

#[expect(private_bounds, reason = "the kinds of sources are a closed set, named beside it")]
impl<U: Upstream> Simulator<U> {
    /// Opens the source on a free port of 127.0.0.1, empty.
    ///
    /// # Errors
    /// When there is no free port.
    // `Q` is a parameter because callers cannot see `U::Quirk`.
    pub async fn open<Q>(behaviour: Behaviour<Q>) -> anyhow::Result<Self>
    where
        U: Upstream<Quirk = Q>,
        Q: QuirkSet + Send + std::fmt::Debug,
    {
        let upstream = U::new(&behaviour);
        let shared = Arc::new(Mutex::new(Shared { upstream, source: SourceState::new(behaviour) }));
        let answering = Arc::clone(&shared);
        let server = HttpServer::open(move |request| lock(&answering).answer(request)).await?;
        Ok(Self { shared, server })
    }

    /// Where it answers, `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The environment variables that the channel's folder needs: its access keys, all made up.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        U::ENVIRONMENT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    /// The requests to it so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.locked().source.calls.clone()
    }

    /// Everything it has ever served.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let shared = self.locked();
        let SourceState { behaviour, register, .. } = &shared.source;
        let mut truth = Truth::new(U::CHANNEL);
        for entry in &register.entries {
            let key = U::key(entry.number);
            for change in &entry.changes {
                truth.add(&key, U::served_state(behaviour, entry, *change));
            }
            if let Some(at) = entry.gone {
                truth.history.delete(&key, at);
            }
        }
        truth
    }

    /// Files `n` new items and returns their keys in order. The first call spreads them over
    /// [`Behaviour::spread`].
    pub fn file(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let Shared { upstream, source } = &mut *shared;
        let now = source.now();
        let spread = if source.n_filed == 0 { source.behaviour.spread } else { Duration::ZERO };
        let mut keys = Vec::new();
        for n_later in (0..n).rev() {
            source.n_filed += 1;
            let number = source.n_filed;
            source.register.add(number, now - part(spread, n_later, n));
            upstream.on_filed(source, number);
            if source.register.entry(number).is_some_and(|entry| entry.gone.is_none()) {
                keys.push(U::key(number));
            }
        }
        keys
    }

    /// Moves `n` randomly chosen items one state further, now. Returns their keys; a key may occur
    /// twice, and there are fewer when most items are in their last state.
    pub fn touch(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let source = &mut shared.source;
        let now = source.now();
        let mut moved = Vec::new();
        for i in 0..n {
            // Another random stream for each choice, so that filing between two calls changes none.
            let mut dice = Dice::new(source.behaviour.seed ^ MOVE_STREAM, source.n_moved + i);
            let entries = &source.register.entries;
            let chosen =
                (0..20).find_map(|_| next_step::<U>(entries.get(dice.below(entries.len()))?));
            let Some((number, step)) = chosen else { continue };
            source.register.record_move(number, now, step);
            moved.push(U::key(number));
        }
        source.n_moved += n;
        moved
    }

    /// Moves one item a state further, now; false if there is no such item or it is in its last
    /// state.
    pub fn advance(&self, key: &str) -> bool {
        let mut shared = self.locked();
        let now = shared.source.now();
        let register = &mut shared.source.register;
        let entry = register.entries.iter().find(|entry| U::key(entry.number) == key);
        let Some((number, step)) = entry.and_then(next_step::<U>) else { return false };
        register.record_move(number, now, step);
        true
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, Shared<U>> {
        lock(&self.shared)
    }
}

/// The number and the next step of an item; `None` if it is in its last state.
fn next_step<U: Upstream>(entry: &Entry) -> Option<(u64, usize)> {
    let step = entry.last().step + 1;
    let can_move = entry.gone.is_none() && step < U::steps(entry.number);
    can_move.then_some((entry.number, step))
}

/// Changes the seed for the choice of the items that move, so that filing does not affect it.
const MOVE_STREAM: u64 = 0x746f_7563_6869_6e67;

impl<U: Upstream> Shared<U> {
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        self.source.requests += 1;
        let mut reply = self.upstream.answer(&mut self.source, request);
        // The server's date is the city's time, not the machine's.
        if reply.headers.iter().all(|(name, _)| *name != "date") {
            reply.headers.push(("date", http_date(self.source.now())));
        }
        reply
    }
}

/// The data behind the lock is consistent between any two statements, so a panic elsewhere does no
/// harm.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
