//! One shipped channel that reads a simulated source. Its configuration, connector, mapping and ingest loop
//! are real; its store is in memory, and a test can give it the clock of the city.

use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use chrono::NaiveDateTime;
use chrono_tz::Asia::Shanghai;
use contract::{
    Channel, Checkpoints, ConnectorContext, Demand, DemandId, Fault, Gate, Intake, Message,
    OpenGate, Permit, Publisher, RecordKey, Store as _, demand::Cause,
};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use gateway::{
    assemble,
    brake::Brake,
    channel::{ChannelHandle, LiveChannel},
    clock,
    ingest::{Environment, Run, ingest},
    registry::{AnyConnector, section_schemas},
    schedule::Pace,
    shipped,
    stop::Stop,
};
use normalizer::{Keys, Sealer};
use sandbox::{
    Truth,
    truth::{Outcome, Record, RejectReason},
};
use sink::store::{Memory, Quarantined};
use tempfile::TempDir;

use crate::compare::{altered_field, same_payload};

/// Fixed keys, for reproducible tests.
const KEYS: &str = include_str!("system/keys.json");

/// The maximum number of entries in a batch, unless a test sets another one.
const MAX_ENTRIES: usize = 100;

/// How far each request advances the clock of the city, unless a test calls `without_delay`.
const STEP: Duration = Duration::from_secs(3);

/// A channel with its store and its bus.
pub struct Pipeline {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    clock: Option<sandbox::Clock>,
    step: Duration,
    /// The channel, built from its configuration.
    pub channel: LiveChannel,
    /// The context of the connector. Its gate is open: only the source enforces limits.
    pub context: ConnectorContext,
    /// Opens sealed values.
    pub sealer: Sealer,
    /// Keeps its demands and its progress.
    pub store: Arc<Memory>,
    /// Carries its messages to the store.
    pub bus: DirectBus,
}

impl Pipeline {
    /// The shipped channel with this name, and the environment variables that it needs.
    ///
    /// # Errors
    /// The configuration has problems.
    pub fn new(channel: &str, environment: Vec<(&'static str, String)>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-").tempdir()?;
        shipped::write(folder.path(), &[channel])?;
        let store = Arc::new(Memory::new());
        let bus = DirectBus { store: Arc::clone(&store), ..DirectBus::default() };
        let (channel, context) = build(&folder, &environment, None, STEP)?;
        let sealer = Sealer::new(&keys()?);
        Ok(Self {
            folder,
            environment,
            clock: None,
            step: STEP,
            channel,
            context,
            sealer,
            store,
            bus,
        })
    }

    /// The same channel with the clock of the city instead of the machine's.
    ///
    /// # Errors
    /// As [`Pipeline::new`].
    pub fn with_clock(mut self, clock: &sandbox::Clock) -> anyhow::Result<Self> {
        self.clock = Some(clock.clone());
        self.rebuild()?;
        Ok(self)
    }

    /// The same channel, but requests do not advance the clock of the city.
    ///
    /// # Errors
    /// As [`Pipeline::new`].
    pub fn without_delay(mut self) -> anyhow::Result<Self> {
        self.step = Duration::ZERO;
        self.rebuild()?;
        Ok(self)
    }

    /// Replaces every `from` in the channel file with `to`.
    ///
    /// # Errors
    /// The file does not contain `from`, or has problems afterwards.
    pub fn edit(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.context.folder.join("channel.toml");
        let text = fs::read_to_string(&path)?;
        anyhow::ensure!(text.contains(from), "the channel file does not contain `{from}`");
        fs::write(path, text.replace(from, to))?;
        self.rebuild()
    }

    fn rebuild(&mut self) -> anyhow::Result<()> {
        let clock = self.clock.as_ref();
        (self.channel, self.context) = build(&self.folder, &self.environment, clock, self.step)?;
        Ok(())
    }

    /// A new connector.
    ///
    /// # Errors
    /// Its settings contradict each other.
    pub fn connector(&self) -> Result<Box<dyn AnyConnector>, Fault> {
        self.channel.connector(self.context.clone())
    }

    /// Reads until the channel has caught up, with a new connector, as after a restart.
    ///
    /// # Errors
    /// The fault that ended the loop.
    pub async fn pull(&self) -> Result<(), Fault> {
        self.pull_with(&*self.store, MAX_ENTRIES).await
    }

    /// Like [`Pipeline::pull`], with its progress in `checkpoints`, and at most `max_entries` entries in a
    /// batch.
    ///
    /// # Errors
    /// The fault that ended the loop.
    pub async fn pull_with(
        &self,
        checkpoints: &impl Checkpoints,
        max_entries: usize,
    ) -> Result<(), Fault> {
        let LiveChannel { spec, normalizer, .. } = &self.channel;
        let mapping = checkpoints.mapping(&spec.id, spec.mapping).await?;
        let channel = Channel { id: spec.id.clone(), mapping, normalizer: Arc::clone(normalizer) };
        let run = Run {
            bus: &self.bus,
            checkpoints,
            fence: 0,
            handle: &ChannelHandle::new(spec.id.clone()),
            brake: Brake::default(),
            cause: Cause::Live,
            environment: &Environment {
                memory: contract::Memory::new(256 << 20),
                mapping: Arc::default(),
                clock: clock::machine(),
                stop: Stop::default(),
            },
        };
        let pace = Pace { max_entries, schedule: None };
        ingest(&channel, &mut *self.connector()?, &pace, &run).await
    }

    /// The demand with this key.
    pub fn demand(&self, key: &str) -> Option<Demand> {
        self.store.current(self.channel.id(), &RecordKey::new(key))
    }

    /// The row in quarantine with this key.
    pub fn quarantined(&self, key: &str) -> Option<Quarantined> {
        self.store.quarantined(&DemandId::of(self.channel.id(), &RecordKey::new(key)))
    }

    /// The number of states of this key in history.
    pub fn n_states(&self, key: &str) -> usize {
        self.store.history(&DemandId::of(self.channel.id(), &RecordKey::new(key))).len()
    }

    /// Descriptions of everything that was lost, altered or wrongly accepted. Empty if the store contains the
    /// last state of each record, and quarantine those that cannot be demands.
    pub fn differences(&self, truth: &Truth) -> Vec<String> {
        let found = truth
            .records()
            .iter()
            .filter_map(|record| Some(format!("{}: {}", record.key, self.difference(record)?)));
        found.collect()
    }

    fn difference(&self, record: &Record) -> Option<String> {
        let demand = self.demand(&record.key);
        // A refused file has its name as its place.
        let quarantined =
            self.quarantined(&record.key).or_else(|| self.store.quarantined_at(&record.key));
        match (&record.last().outcome, demand, quarantined) {
            // The channel may have read it before it was deleted, or not.
            _ if record.deleted_at.is_some() => None,
            (Outcome::Demand(fields), Some(demand), _) => {
                let is_same = same_payload(record.last(), &demand, &self.sealer);
                altered_field(fields, &demand, &self.sealer)
                    .or_else(|| (!is_same).then(|| "not the record that was served".to_owned()))
            }
            (Outcome::Reject(_), Some(_), _)
                if record.states.iter().any(|state| state.expected_fields().is_some()) =>
            {
                None
            }
            (Outcome::Reject(RejectReason::MalformedBytes), None, Some(row)) => {
                (row.reason != "malformed_bytes").then_some(row.reason)
            }
            (Outcome::Reject(_), None, Some(_)) => None,
            // A malformed row has no key.
            (Outcome::Reject(RejectReason::Unreadable), None, None)
                if self.bus.rejected().contains(&(None, "row_shape".to_owned())) =>
            {
                None
            }
            (outcome, _, quarantined) => Some(format!("{outcome:?}, {quarantined:?}")),
        }
    }
}

fn build(
    folder: &TempDir,
    environment: &[(&'static str, String)],
    clock: Option<&sandbox::Clock>,
    step: Duration,
) -> anyhow::Result<(LiveChannel, ConnectorContext)> {
    let variable =
        |name: &str| environment.iter().find(|(own, _)| *own == name).map(|(_, v)| v.clone());
    let settings = config::resolve(folder.path(), &section_schemas(), &variable)?;
    let channel = assemble::channels(&settings, &keys()?)?.pop().context("no channel")?;
    let mut context = channel.context();
    context.gate = Arc::new(OpenGate);
    if let Some(clock) = clock.cloned() {
        context.gate =
            Arc::new(CityGate { clock: clock.clone(), step, hold_until: Mutex::default() });
        context.clock = contract::Clock::new(move || {
            // In Beijing no hour occurs twice.
            let now = clock.now().and_local_timezone(Shanghai).earliest();
            now.map(|now| now.to_utc()).unwrap_or_default()
        });
    }
    Ok((channel, context))
}

fn keys() -> anyhow::Result<Keys> {
    Ok(Keys::from_json(KEYS)?)
}

/// A gate that uses the clock of the city. Each request advances the clock, and a pause that the source asks
/// for refuses requests until the clock has reached its end.
#[derive(Debug)]
struct CityGate {
    clock: sandbox::Clock,
    step: Duration,
    hold_until: Mutex<Option<NaiveDateTime>>,
}

impl Gate for CityGate {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        let left = locked(&self.hold_until).map(|until| until - self.clock.now());
        let left = left.and_then(|left| left.to_std().ok()).filter(|left| !left.is_zero());
        let entered = match left {
            Some(left) => Err(Fault::throttled(left, "the upstream asked for a pause")),
            None => {
                self.clock.advance(self.step);
                Ok(Permit::new(()))
            }
        };
        ready(entered).boxed()
    }

    fn hold(&self, wait: Duration) {
        let until = self.clock.now() + wait;
        let mut held = locked(&self.hold_until);
        *held = (*held).max(Some(until));
    }
}

/// A bus that stores each message at once, unless it is unavailable.
#[derive(Default)]
pub struct DirectBus {
    store: Arc<Memory>,
    messages: Mutex<Vec<Message>>,
    is_unavailable: AtomicBool,
    hook: Mutex<Option<BatchHook>>,
    max_batch_events: AtomicUsize,
}

/// Runs while a batch is in flight.
type BatchHook = Box<dyn FnOnce() + Send>;

impl DirectBus {
    /// Sets whether the bus refuses all messages.
    pub fn set_unavailable(&self, is_unavailable: bool) {
        self.is_unavailable.store(is_unavailable, Relaxed);
    }

    /// Runs `work` while the next batch is in flight.
    pub fn run_in_next_batch(&self, work: impl FnOnce() + Send + 'static) {
        *locked(&self.hook) = Some(Box::new(work));
    }

    /// The number of events in the largest batch so far.
    pub fn max_batch_events(&self) -> usize {
        self.max_batch_events.load(Relaxed)
    }

    /// All messages that it carried, in order.
    pub fn messages(&self) -> Vec<Message> {
        locked(&self.messages).clone()
    }

    /// The key, if it is known, and the reason code of all rejects, in order.
    pub fn rejected(&self) -> Vec<(Option<String>, String)> {
        let messages = self.messages();
        let intake = Intake::new(messages.into_iter().map(|message| (0, message)));
        let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
        let rejected = events.filter_map(|event| match event {
            contract::Event::Reject(reject) => {
                let key = reject.source_key.as_ref().map(ToString::to_string);
                Some((key, reject.reason.code.to_string()))
            }
            contract::Event::Demand(_) | contract::Event::Unreadable { .. } => None,
        });
        rejected.collect()
    }
}

impl Publisher for DirectBus {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        if self.is_unavailable.load(Relaxed) {
            return Err(Fault::transient("the broker is unavailable"));
        }
        let work = locked(&self.hook).take();
        if let Some(work) = work {
            work();
        }
        let intake = Intake::new(messages.iter().map(|message| (0, message.clone())));
        let n_events = intake.deliveries().iter().map(|delivery| delivery.events.len()).sum();
        self.max_batch_events.fetch_max(n_events, Relaxed);
        self.store.store(&intake).await?;
        locked(&self.messages).extend_from_slice(messages);
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
