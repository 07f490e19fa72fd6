//! What the simulated sources that are asked over HTTP have in common: they hold items that come in
//! and move along their ways, answer for what they hold, and keep the truth.
//!
//! A source is a pure function of its seed, of what was filed and changed, and of the requests so
//! far. So a channel is described by how it words an item and how it answers ([`Upstream`]); its
//! life, its address, its counts and its truth are here, once.

mod life;
pub(crate) mod limit;
pub(crate) mod office;
pub(crate) mod register;
pub(crate) mod site;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::limit::Limits;
pub(crate) use self::office::Office;
use self::register::{Entry, Mark};
use self::site::{Ask, Reply, Site};
use crate::truth::Told;
use crate::{Clock, Corpus, Faults, Memory, Switch, Truth};

/// How a simulated source behaves; `F` are its faults.
#[derive(Clone, Debug)]
pub struct Conduct<F> {
    /// Same seed, same items.
    pub seed: u64,
    /// The city's time.
    pub clock: Clock,
    /// Where the texts come from.
    pub corpus: Corpus,
    /// What goes wrong, and how often.
    pub faults: Faults<F>,
    /// How often it may be called.
    pub limits: Limits,
    /// How far back the times of the first [`Simulator::file`] reach: they fill this span evenly,
    /// up to now. Later ones come now.
    pub spread: Duration,
    /// How much of the past is remembered.
    pub memory: Memory,
}

impl<F: Switch> Conduct<F> {
    /// A source without faults, with generated texts and the real limits, whose first items reach
    /// six hours back.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            corpus: Corpus::Generated,
            faults: Faults::none(),
            limits: Limits::Real,
            spread: Duration::from_secs(6 * 3_600),
            memory: Memory::All,
        }
    }
}

/// What one kind of source is: how it words what it holds, and how it answers.
pub(crate) trait Upstream: Send + Sized + std::fmt::Debug + 'static {
    /// Its fault switches.
    type Fault: Switch + Send + std::fmt::Debug;
    /// The name of the channel, which is the name of its folder.
    const CHANNEL: &'static str;

    fn new(conduct: &Conduct<Self::Fault>) -> Self;

    /// The key of an item.
    fn key(number: u64) -> String;

    /// How many states an item has on its way, its first one included.
    fn steps(conduct: &Conduct<Self::Fault>, number: u64) -> usize;

    /// One state of an item.
    fn told(conduct: &Conduct<Self::Fault>, entry: &Entry, mark: Mark) -> Told;

    /// The answer to a request.
    fn answer(&mut self, office: &mut Office<Self::Fault>, ask: &Ask) -> Reply;

    /// Called when an item has come in, to spoil it or to note where it belongs.
    fn filed(&mut self, _office: &mut Office<Self::Fault>, _number: u64) {}

    /// The variables that the folder of the channel needs: its keys, all made up.
    fn environment() -> Vec<(&'static str, String)>;
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

/// What was asked of a source since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Requests by kind: `list`, `detail`, `ack` and so on, the refused ones among them.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Requests that were refused, by reason: `signature`, `clock`, `cookie`, `limit` and so on.
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
    // The faults by a name of their own: whoever opens a source cannot see where they come from.
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

    /// The variables that the folder of the channel needs: its keys, all made up.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        U::environment()
    }

    /// What was asked of it so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.locked().office.calls.clone()
    }

    /// Everything it ever said, up to now.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let shared = self.locked();
        let Office { conduct, register, .. } = &shared.office;
        let mut truth = Truth::new(U::CHANNEL);
        for entry in register.entries() {
            let key = U::key(entry.number);
            for mark in &entry.marks {
                truth.told(&key, U::told(conduct, entry, *mark));
            }
            if let Some(at) = entry.gone {
                truth.gone(&key, at);
            }
        }
        truth
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, Shared<U>> {
        lock(&self.shared)
    }
}

impl<U: Upstream> Shared<U> {
    pub(crate) fn answer(&mut self, ask: &Ask) -> Reply {
        self.office.requests += 1;
        let mut reply = self.upstream.answer(&mut self.office, ask);
        // Its server says what time it is there, which is the city's and not the machine's.
        if reply.headers.iter().all(|(name, _)| *name != "date") {
            reply.headers.push(("date", office::http_date(self.office.now())));
        }
        reply
    }
}

/// What is behind the lock is whole between any two statements: a panic elsewhere spoils nothing.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
