//! One task per channel, one for the sink, and what to do about a fault.
//!
//! A fault or a panic of one channel never touches another. How long to wait after it is
//! [`Retry`]'s rule, whoever it happened to.

mod tend_sink;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use config::Section;
use connector_webhook::Guard;
use connector_wire::gate::Limits;
use contract::{
    Channel, ChannelId, Checkpoints, Consumer, Digest, Fault, FaultKind, Normalizer, Position,
    Publisher, Retry, Store, TimeRange,
};
use futures_util::FutureExt;
use sink::{bus::AnyPublisher, store::Database};
use tokio::{sync::Mutex, task::JoinSet};
use tracing::{error, warn};

use crate::{
    brake::Brake,
    clock::Clock,
    ingest::{self, ingest},
    intake::Door,
    memory::Memory,
    numbers::ReadNumbers,
    orders::{Orders, rest},
    pace::Pace,
    registry::{AnyConnector, Kind},
    report,
    schedule::Pass,
    stop::Stop,
    watch::ChannelWatch,
};
use tend_sink::tend_sink;

/// A verb that takes longer than this is given up and begun anew.
const STALLED_AFTER: Duration = Duration::from_secs(600);

/// Everything needed to run a channel, checked.
#[derive(Clone)]
pub struct ChannelPlan {
    /// Its name.
    pub id: ChannelId,
    /// The upstream that it reads, maybe with others: one process holds all of them.
    pub upstream: String,
    /// Its mapping.
    pub normalizer: Arc<dyn Normalizer>,
    /// Fingerprint of the mapping.
    pub fingerprint: Digest,
    /// What proves the keys that its mapping seals with.
    pub keys: Arc<[(u32, String)]>,
    /// Its kind of source.
    pub kind: Arc<Kind>,
    /// The settings of that kind, secrets resolved.
    pub section: Section,
    /// What the upstream allows, to all of its channels together.
    pub limits: Arc<Limits>,
    /// What its connector may use.
    pub means: contract::Means,
    /// Who may send, where it does not ask.
    pub guard: Option<Arc<Guard>>,
    /// Its rhythm.
    pub pace: Pace,
    /// The stretch of time to read again; `None` for what is new.
    pub range: Option<TimeRange>,
    /// Held by whoever reads it, now or again.
    pub numbers: Arc<Mutex<ReadNumbers>>,
    /// What people see of it.
    pub watch: Arc<ChannelWatch>,
    /// What it is told meanwhile.
    pub orders: Arc<Orders>,
}

impl ChannelPlan {
    /// The way in for who sends, where the channel does not ask.
    pub fn door(&self) -> Option<Door> {
        Some(Door { guard: self.guard.clone()?, inbox: self.means.inbox.clone()? })
    }

    /// Whether it would run as `other` does.
    pub fn is_like(&self, other: &Self) -> bool {
        self.id == other.id
            && self.upstream == other.upstream
            && self.fingerprint == other.fingerprint
            && self.keys == other.keys
            && self.kind.name == other.kind.name
            && self.section == other.section
            && self.means.budget == other.means.budget
            && self.means.zone == other.means.zone
            && self.pace.schedule == other.pace.schedule
    }

    /// The same channel, to read what lies in `range` again and end.
    #[must_use]
    pub fn again(&self, range: TimeRange) -> Self {
        let pace = Pace { schedule: None, ..self.pace.clone() };
        let watch = Arc::new(ChannelWatch::new(self.id.clone()));
        Self { range: Some(range), pace, watch, orders: Arc::default(), ..self.clone() }
    }
}

/// What all channels share.
#[derive(Clone)]
pub struct Shared {
    /// Where messages go.
    pub bus: AnyPublisher,
    /// Where progress is kept.
    pub store: Database,
    /// Bytes in flight.
    pub memory: Arc<Memory>,
    /// What time it is.
    pub clock: Clock,
    /// Asks the channels to end.
    pub stop: Stop,
}

/// How a channel ended.
pub type Ended = (ChannelId, Result<(), Fault>);

/// Runs these channels, under the lease with this `fence`, until all have ended, each at a batch
/// border once `shared.stop` is asked. Takes at most `grace` longer than the asking: leaving anyway
/// is always safe, and so is dropping this future.
pub async fn run_channels(
    plans: &[ChannelPlan],
    shared: &Shared,
    fence: u64,
    grace: Duration,
) -> Vec<Ended> {
    let mut channels = JoinSet::new();
    for plan in plans {
        let (plan, shared) = (plan.clone(), shared.clone());
        channels.spawn(async move {
            let ended = tend(&plan, &shared, fence).await;
            plan.watch.ended();
            (plan.id, ended)
        });
    }
    join_until(&mut channels, &shared.stop, grace).await
}

/// Runs the sink until it is asked to stop, and `grace` longer at most.
pub async fn run_sink(
    consumer: impl Consumer + 'static,
    store: impl Store + 'static,
    stop: &Stop,
    grace: Duration,
) {
    let mut sink = JoinSet::new();
    sink.spawn(tend_sink(consumer, store, stop.clone()));
    join_until(&mut sink, stop, grace).await;
}

/// Waits for all tasks; once stopping is asked, for at most `grace`.
async fn join_until<T: 'static>(tasks: &mut JoinSet<T>, stop: &Stop, grace: Duration) -> Vec<T> {
    let mut ended = Vec::new();
    let too_long = async {
        stop.asked().await;
        tokio::time::sleep(grace).await;
    };
    tokio::pin!(too_long);
    loop {
        tokio::select! {
            () = &mut too_long => {
                warn!(tasks = tasks.len(), "did not stop within the grace period, leaving anyway");
                return ended;
            }
            task = tasks.join_next() => match task {
                None => return ended,
                Some(Ok(end)) => ended.push(end),
                Some(Err(error)) => error!("a task broke: {error}"),
            }
        }
    }
}

/// Runs one channel again and again until it ends well.
pub(crate) async fn tend(plan: &ChannelPlan, shared: &Shared, fence: u64) -> Result<(), Fault> {
    let mut retry = Retry::default();
    let ends_by_itself = plan.pace.schedule.is_none();
    if !ends_by_itself {
        shared.stop.or(until_due(plan, shared)).await;
    }
    while !shared.stop.is_asked() {
        plan.watch.began();
        let entries_before = plan.watch.entries();
        let run = AssertUnwindSafe(run_once(plan, shared, fence)).catch_unwind();
        let fault = tokio::select! {
            run = run => match run {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(fault)) => fault,
                Err(_) => panicked(),
            },
            () = stalled(&plan.watch) => Fault::transient(
                format!("nothing moved for {} s, beginning anew", STALLED_AFTER.as_secs()),
            ),
        };
        if plan.watch.entries() > entries_before {
            retry.reset();
        }
        let calls = plan.orders.calls();
        plan.watch.waits(&fault);
        if plan.range.is_none() {
            // For `status` in another process. The store may be the very thing that is away.
            let _ = shared.store.note(&plan.id, &fault, shared.clock.now()).await;
        }
        if shared.stop.is_asked() || (ends_by_itself && fault.is_stopped()) {
            return Err(fault);
        }
        let wait = retry.wait(fault.kind());
        report::retry(Some(&plan.id), &fault, wait);
        match fault.kind() {
            FaultKind::Stopped => {
                plan.orders.stopped(fault.to_string());
                // Somebody who calls may have mended it.
                shared.stop.or(rest(&plan.orders, calls, wait)).await;
            }
            // A source that asks for a pause, or is not there, is not asked sooner for a call.
            FaultKind::Transient | FaultKind::Throttled(_) => shared.stop.or_sleep(wait).await,
        }
        if shared.stop.is_asked() {
            return Err(fault);
        }
    }
    Ok(())
}

/// At the start: a clock time that nobody was there for may be made up for, and a channel that was
/// told to rest rests.
async fn until_due(plan: &ChannelPlan, shared: &Shared) {
    let Some(schedule) = &plan.pace.schedule else { return };
    // Where the store cannot say, the loop will find out that it is away.
    let progress = shared.store.progress(&plan.id).await.unwrap_or_default();
    let last = progress.last_read_at.map(|at| Pass { began: at, ended: at });
    rest(&plan.orders, plan.orders.calls(), schedule.wait(last, shared.clock.now())).await;
}

async fn run_once(plan: &ChannelPlan, shared: &Shared, fence: u64) -> Result<(), Fault> {
    shared.bus.ready().await?;
    let mapping = shared.store.mapping(&plan.id, plan.fingerprint).await?;
    let channel =
        Channel { id: plan.id.clone(), mapping, normalizer: Arc::clone(&plan.normalizer) };
    let mut connector = plan.kind.build(&plan.section, plan.means.clone())?;
    let connector = &mut *connector;
    let Some(range) = plan.range else {
        return run_from(&shared.store, plan, &channel, connector, shared, fence).await;
    };
    connector.confine(range)?;
    let backfill = shared.store.backfill(range);
    run_from(&backfill, plan, &channel, connector, shared, fence).await?;
    if shared.stop.is_asked() { Ok(()) } else { backfill.end(&plan.id).await }
}

async fn run_from(
    checkpoints: &impl Checkpoints,
    plan: &ChannelPlan,
    channel: &Channel,
    connector: &mut dyn AnyConnector,
    shared: &Shared,
    fence: u64,
) -> Result<(), Fault> {
    let brake = Brake::new(shared.store.shapes(&plan.id).await?);
    let means = ingest::Means {
        bus: &shared.bus,
        checkpoints,
        memory: &shared.memory,
        clock: &shared.clock,
        stop: &shared.stop,
        watch: &plan.watch,
        brake: &brake,
        orders: &plan.orders,
        numbers: &plan.numbers,
        // What is sent to a process is its own, whoever runs the channel.
        fence: if plan.guard.is_some() { Position::UNLEASED } else { fence },
    };
    ingest(channel, connector, &plan.pace, &means).await
}

/// Ends when no verb has completed for too long.
async fn stalled(watch: &ChannelWatch) {
    loop {
        let left = STALLED_AFTER.saturating_sub(watch.stalled_for());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

/// The message of a panic may quote a value; the panic hook has printed where it was.
fn panicked() -> Fault {
    Fault::stopped("the task panicked").remedy("report this defect with the line logged above")
}
