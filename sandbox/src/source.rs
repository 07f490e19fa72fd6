//! What the simulated sources that are queried over HTTP have in common: they hold items that are
//! filed and move from state to state, answer requests about them, and record the truth.
//!
//! A source is a pure function of its seed, of what was filed and changed, and of the requests so
//! far. A channel is described by how it represents an item and answers ([`Upstream`]); its life
//! cycle, its address, its counts and its truth are implemented once, here.

pub(crate) mod limit;
pub(crate) mod office;
pub(crate) mod register;
pub(crate) mod site;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::limit::Limits;
pub(crate) use self::office::{Item, Office};
use self::register::{Entry, Mark};
use self::site::{Ask, Reply, Site};
use crate::dice::Dice;
use crate::truth::Told;
use crate::when::{http_date, part};
use crate::{Clock, Faults, Memory, Switch, Truth};

/// How a simulated source behaves; `F` are its faults.
#[derive(Clone, Debug)]
pub struct Conduct<F> {
    /// Same seed, same items.
    pub seed: u64,
    /// The city's time.
    pub clock: Clock,
    /// What goes wrong, and how often.
    pub faults: Faults<F>,
    /// How often it may be called.
    pub limits: Limits,
    /// The first [`Simulator::file`] spreads its items evenly over this time span, up to now. Later
    /// items are filed now.
    pub spread: Duration,
    /// How much of the past is kept.
    pub memory: Memory,
}

impl<F: Switch> Conduct<F> {
    /// A source without faults, with the real limits, whose first items are up to six hours old.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            faults: Faults::none(),
            limits: Limits::Real,
            spread: Duration::from_secs(6 * 3_600),
            memory: Memory::All,
        }
    }
}

/// One kind of source: how it represents its items, and how it answers.
pub(crate) trait Upstream: Send + Sized + std::fmt::Debug + 'static {
    /// Its fault switches.
    type Fault: Switch + Send + std::fmt::Debug;
    /// The name of the channel, which is the name of its folder.
    const CHANNEL: &'static str;
    /// The environment variables that the channel's folder needs: its access keys, all made up.
    const ENVIRONMENT: &'static [(&'static str, &'static str)];

    fn new(conduct: &Conduct<Self::Fault>) -> Self;

    /// The key of an item.
    fn key(number: u64) -> String;

    /// How many states an item goes through, the first one included.
    fn steps(number: u64) -> usize;

    /// One state of an item.
    fn told(conduct: &Conduct<Self::Fault>, entry: &Entry, mark: Mark) -> Told;

    /// The answer to a request.
    fn answer(&mut self, office: &mut Office<Self::Fault>, ask: &Ask) -> Reply;

    /// Called after an item was filed, to apply a fault or to note where it belongs.
    fn filed(&mut self, _office: &mut Office<Self::Fault>, _number: u64) {}
}

/// A simulated source with its server. It answers until it is dropped.
#[derive(Debug)]
#[expect(private_bounds, reason = "the kinds of sources are a closed set, named beside it")]
pub struct Simulator<U: Upstream> {
    shared: Arc<Mutex<Shared<U>>>,
    site: Site,
}

#[derive(Debug)]
pub(crate) struct Shared<U: Upstream> {
    pub(crate) upstream: U,
    pub(crate) office: Office<U::Fault>,
}

/// What has been asked of a source since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Requests by kind: `list`, `detail`, `ack` and so on, including refused ones.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Refused requests by reason: `signature`, `clock`, `cookie`, `limit` and so on.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests that came earlier than the source had told the caller to wait.
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
    // `F` is a parameter because callers cannot see `U::Fault`.
    pub async fn open<F>(conduct: Conduct<F>) -> anyhow::Result<Self>
    where
        U: Upstream<Fault = F>,
        F: Switch + Send + std::fmt::Debug,
    {
        let upstream = U::new(&conduct);
        let shared = Arc::new(Mutex::new(Shared { upstream, office: Office::new(conduct) }));
        let answering = Arc::clone(&shared);
        let site = Site::open(move |ask| lock(&answering).answer(ask)).await?;
        Ok(Self { shared, site })
    }

    /// Where it answers, `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.site.url()
    }

    /// The environment variables that the channel's folder needs: its access keys, all made up.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        U::ENVIRONMENT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    /// What has been asked of it so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.locked().office.calls.clone()
    }

    /// Everything it has ever served.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let shared = self.locked();
        let Office { conduct, register, .. } = &shared.office;
        let mut truth = Truth::new(U::CHANNEL);
        for entry in &register.entries {
            let key = U::key(entry.number);
            for mark in &entry.marks {
                truth.told(&key, U::told(conduct, entry, *mark));
            }
            if let Some(at) = entry.gone {
                truth.history.gone(&key, at);
            }
        }
        truth
    }

    /// Files `n` new items and returns their keys in order. The first call spreads them over
    /// [`Conduct::spread`].
    pub fn file(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let Shared { upstream, office } = &mut *shared;
        let now = office.now();
        let spread = if office.filed == 0 { office.conduct.spread } else { Duration::ZERO };
        let mut keys = Vec::new();
        for left in (0..n).rev() {
            office.filed += 1;
            let number = office.filed;
            office.register.add(number, now - part(spread, left, n));
            upstream.filed(office, number);
            if office.register.entry(number).is_some_and(|entry| entry.gone.is_none()) {
                keys.push(U::key(number));
            }
        }
        keys
    }

    /// Moves `n` randomly chosen items one state further, now. Returns their keys; a key may occur
    /// twice, and there are fewer when most items are in their last state.
    pub fn touch(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let office = &mut shared.office;
        let now = office.now();
        let mut moved = Vec::new();
        for i in 0..n {
            // Its own random stream, so that filing between two calls does not change the choice.
            let mut dice = Dice::new(office.conduct.seed ^ TOUCHING, office.touched + i);
            let entries = &office.register.entries;
            let chosen = (0..20).find_map(|_| next::<U>(entries.get(dice.below(entries.len()))?));
            let Some((number, step)) = chosen else { continue };
            office.register.moved(number, now, step);
            moved.push(U::key(number));
        }
        office.touched += n;
        moved
    }

    /// Moves one item a state further, now; false if there is no such item or it is in its last
    /// state.
    pub fn advance(&self, key: &str) -> bool {
        let mut shared = self.locked();
        let now = shared.office.now();
        let register = &mut shared.office.register;
        let entry = register.entries.iter().find(|entry| U::key(entry.number) == key);
        let Some((number, step)) = entry.and_then(next::<U>) else { return false };
        register.moved(number, now, step);
        true
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, Shared<U>> {
        lock(&self.shared)
    }
}

/// The number and the next step of an item, if it has one.
fn next<U: Upstream>(entry: &Entry) -> Option<(u64, usize)> {
    let step = entry.last().step + 1;
    let moves = entry.gone.is_none() && step < U::steps(entry.number);
    moves.then_some((entry.number, step))
}

/// Separates the random stream that chooses which items move from the one for filing.
const TOUCHING: u64 = 0x746f_7563_6869_6e67;

impl<U: Upstream> Shared<U> {
    pub(crate) fn answer(&mut self, ask: &Ask) -> Reply {
        self.office.requests += 1;
        let mut reply = self.upstream.answer(&mut self.office, ask);
        // The server's date is the city's time, not the machine's.
        if reply.headers.iter().all(|(name, _)| *name != "date") {
            reply.headers.push(("date", http_date(self.office.now())));
        }
        reply
    }
}

/// The data behind the lock is consistent between any two statements, so a panic elsewhere does no
/// harm.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
