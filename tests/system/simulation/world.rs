//! What survives a crash, what the seed decides, and the time. Time is paused: it moves only when everything waits,
//! the threads that map records too. Each part of a process acts at times of its own, so never two of them at once:
//! that makes a run repeatable.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use contract::{ChannelId, Clock, Cursor, Fault, Message};
use gateway::stop::Stop;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sink::{bus::MemoryBroker, store::Memory as MemoryStore};
use tokio::{sync::Notify, time::Instant};

use super::{
    bugs::{Bug, Planter},
    fate::{Await, Fate, Harm, Moment, Plan},
    notes::Notes,
    settings::Settings,
    source::{Source, began},
};

/// Number of the parts that act at times of their own.
const LANES: u64 = 8;
/// A run that awaits more often does not come to an end; most await some hundred times.
const MAX_AWAITS: usize = 30_000;

pub(crate) fn hotline() -> ChannelId {
    "hotline".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) source: Mutex<Source>,
    pub(crate) store: Arc<MemoryStore>,
    /// `None` if the bus is in the process.
    pub(crate) broker: Option<MemoryBroker>,
    pub(crate) notes: Mutex<Notes>,
    pub(crate) planter: Mutex<Planter>,
    /// The last messages that the bus delivered.
    pub(crate) delivered: Mutex<VecDeque<Message>>,
    /// Requested when the source was read to its end in quiet.
    pub(crate) quiet: Stop,
    /// Another process takes the lease.
    pub(crate) takeover: Notify,
    /// Faults and changes are over.
    pub(crate) calmed: Notify,
    /// It has awaited so much that it does not come to an end.
    pub(crate) exhausted: Notify,
    fate: Mutex<Fate>,
    start: Instant,
}

/// A process: its number, 0 or 1, and how its parts end.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    number: u64,
    pub(crate) signals: Arc<Signals>,
}

#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// The process is dropped.
    pub(crate) crash: Notify,
    /// The loop is dropped.
    pub(crate) ingest: Notify,
    pub(crate) sink: Notify,
    /// The process ends after the batch in flight.
    pub(crate) stop: Stop,
}

/// A part of a process that acts at times of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Reader,
    Publisher,
    Sink,
    Supervisor,
}

/// Who acts.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) process: Process,
    pub(crate) part: Part,
}

impl Process {
    /// A process that also stops in `quiet`.
    pub(crate) fn new(number: u64, quiet: &Stop) -> Self {
        let signals = Signals { stop: quiet.child(), ..Signals::default() };
        Self { number, signals: Arc::new(signals) }
    }

    pub(crate) fn part(&self, part: Part) -> Actor {
        Actor { process: self.clone(), part }
    }
}

impl Actor {
    fn lane(&self) -> u64 {
        let part = match self.part {
            Part::Reader => 0,
            Part::Publisher => 1,
            Part::Sink => 2,
            Part::Supervisor => 3,
        };
        self.process.number * 4 + part
    }
}

impl World {
    /// A world before its first process. `is_calm`: nothing disturbs it, and all states have come.
    pub(crate) fn new(seed: u64, bug: Option<Bug>, is_calm: bool) -> Arc<Self> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let settings = Settings::new(&mut dice);
        let Settings { listing, order, n_records, n_changes, .. } = settings;
        let mut source = Source::new(listing, order, (n_records, n_changes), dice);
        if is_calm {
            source.change(n_records + n_changes);
            source.is_calm = true;
        }
        let broker = (!settings.is_embedded).then(|| MemoryBroker::new(64 << 20));
        Arc::new(Self {
            source: Mutex::new(source),
            store: Arc::new(MemoryStore::new()),
            broker,
            notes: Mutex::default(),
            planter: Mutex::new(Planter::new(seed, bug)),
            delivered: Mutex::default(),
            quiet: Stop::default(),
            takeover: Notify::new(),
            calmed: Notify::new(),
            exhausted: Notify::new(),
            fate: Mutex::new(Fate::new(seed, settings.clone(), is_calm)),
            start: Instant::now(),
            settings,
        })
    }

    pub(crate) fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap()
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    pub(crate) fn planter(&self) -> MutexGuard<'_, Planter> {
        self.planter.lock().unwrap()
    }

    pub(crate) fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap()
    }

    /// The time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The clock of the process.
    pub(crate) fn clock(self: &Arc<Self>) -> Clock {
        let world = Arc::clone(self);
        Clock::new(move || {
            let ahead = world.fate().clock_ahead;
            began() + world.now() + chrono::TimeDelta::milliseconds(ahead)
        })
    }

    /// Waits so many ticks, until it is the turn of `actor`.
    pub(crate) async fn pause(&self, actor: &Actor, ticks: u64) {
        let now = u64::try_from(self.now().as_millis()).unwrap();
        let at = Duration::from_millis((now / LANES + 1 + ticks) * LANES + actor.lane());
        let _ = tokio::time::timeout_at(self.start + at, pending::<()>()).await;
    }

    /// Waits as long as the seed decides.
    pub(crate) async fn pause_a_while(&self, actor: &Actor) {
        let ticks = self.fate().ticks();
        self.pause(actor, ticks).await;
    }

    /// Lets the source and the clock go on, and decides what happens at this await.
    pub(crate) fn plan(&self, actor: &Actor, at: Await) -> Plan {
        let (mut fate, mut source, now) = (self.fate(), self.source(), self.now());
        if !fate.is_calm {
            let n = fate.n_changes();
            source.change(n);
            fate.jump(now);
            if fate.takes_over(now) {
                self.takeover.notify_one();
            }
            if fate.stops(now) {
                actor.process.signals.stop.request();
            }
        }
        let plan = fate.plan(now, at);
        if fate.n_awaits > MAX_AWAITS {
            self.exhausted.notify_one();
        }
        if !fate.is_calm && fate.is_over() && source.has_all_come() {
            (fate.is_calm, source.is_calm) = (true, true);
            self.calmed.notify_one();
        }
        plan
    }

    /// Runs `work` with what the plan says.
    pub(crate) async fn run<T>(
        &self,
        actor: &Actor,
        plan: Plan,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.pause(actor, plan.before).await;
        if let Some((Moment::Before, harm)) = plan.harm {
            return strike(actor, harm).await;
        }
        let done = work.await?;
        self.pause(actor, plan.after).await;
        match plan.harm {
            Some((_, harm)) => strike(actor, harm).await,
            None => Ok(done),
        }
    }

    /// Runs `work` with what the seed decides.
    pub(crate) async fn around<T>(
        &self,
        actor: &Actor,
        at: Await,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let plan = self.plan(actor, at);
        self.run(actor, plan, work).await
    }

    /// Tells the source that everything up to `upto` is in custody.
    pub(crate) fn settle(&self, upto: &Cursor) -> Result<(), Fault> {
        self.notes().settled(upto);
        self.source().settle(upto)
    }
}

async fn strike<T>(actor: &Actor, harm: Harm) -> Result<T, Fault> {
    let signals = &actor.process.signals;
    match harm {
        Harm::Fault(kind) => return Err(Fault::new(kind, "injected")),
        Harm::Partly => return Err(Fault::transient("injected")),
        Harm::Crash => signals.crash.notify_one(),
        Harm::Dropped if actor.part == Part::Sink => signals.sink.notify_one(),
        Harm::Dropped => signals.ingest.notify_one(),
    }
    pending().await
}
