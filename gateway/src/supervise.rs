//! Runs each channel, and the sink, as a task of its own, and decides what to do about a fault.
//!
//! A fault or a panic in one channel never affects another. [`Retry`] decides how long to wait after a
//! fault.

mod sink_task;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use contract::{
    Channel, ChannelId, Checkpoints, ConnectorContext, Consumer, Fault, FaultKind, Normalizer,
    Obstacle, Publisher, Retry, Store, TimeRange, demand::Cause,
};
use futures_util::FutureExt;
use sink::{SinkState, bus::AnyPublisher, store::Database};
use tokio::{task::JoinSet, time::sleep};
use tracing::{debug, error, warn};

use crate::{
    brake::Brake,
    channel::LiveChannel,
    guesses::{self, Counted, Guesses},
    ingest::{Environment, Run, ingest},
    log,
    registry::AnyConnector,
    requests::SharedLook,
    schedule::Pass,
    stop::Stop,
    watch::{ChannelWatch, State},
};

/// A channel without progress for this long is restarted.
const MAX_STALL: Duration = Duration::from_secs(600);

/// What all channels of the process share.
#[derive(Clone)]
pub struct Shared {
    /// Where messages go.
    pub bus: AnyPublisher,
    /// Where progress is kept.
    pub store: Database,
    /// What the store asks of the channels.
    pub look: Arc<SharedLook>,
    /// How long channels may take to stop.
    pub grace: Duration,
    /// Memory limit, mapping threads, clock and stop of the process.
    pub environment: Environment,
}

/// How a channel ended.
pub type ChannelEnd = (ChannelId, Result<(), Fault>);

/// Runs these channels under the lease with this `fence`, until all have ended. After a stop request,
/// each ends after its batch in flight; channels that need longer than `grace` are dropped. Dropping
/// them, or this future, is always safe.
pub async fn run_channels(
    channels: &[LiveChannel],
    shared: &Shared,
    fence: u64,
) -> Vec<ChannelEnd> {
    let mut tasks = JoinSet::new();
    for channel in channels {
        let (channel, shared) = (channel.clone(), shared.clone());
        tasks.spawn(async move {
            let ended = supervise_channel(&channel, &shared, fence).await;
            channel.handle.watch.set(State::Ended);
            (channel.id().clone(), ended)
        });
    }
    join_within_grace(&mut tasks, &shared.environment.stop, shared.grace).await
}

/// Runs the sink until stop is requested, and then for at most `grace`. Returns the fault at which it stopped, if
/// it could not store everything. `state` says what it waits for after a fault.
pub async fn run_sink(
    consumer: impl Consumer + 'static,
    store: impl Store + 'static,
    stop: &Stop,
    grace: Duration,
    state: &SinkState,
) -> Option<Fault> {
    let mut tasks = JoinSet::new();
    tasks.spawn(sink_task::supervise_sink(consumer, store, stop.clone(), state.clone()));
    join_within_grace(&mut tasks, stop, grace).await.into_iter().flatten().next()
}

/// Waits for all tasks, but for at most `grace` after a stop request.
async fn join_within_grace<T: 'static>(
    tasks: &mut JoinSet<T>,
    stop: &Stop,
    grace: Duration,
) -> Vec<T> {
    let mut ended = Vec::new();
    let grace_over = stop.grace_over(grace);
    tokio::pin!(grace_over);
    loop {
        tokio::select! {
            () = &mut grace_over => {
                warn!(tasks = tasks.len(), "tasks did not stop within the grace period; the process ends without them");
                return ended;
            }
            task = tasks.join_next() => match task {
                None => return ended,
                Some(Ok(end)) => ended.push(end),
                Some(Err(error)) => error!("a task ended abnormally: {error}"),
            }
        }
    }
}

/// Runs one channel, and restarts it after every fault, until it ends by itself or stop is requested. A
/// channel without a schedule also ends with a fault that must be fixed first, and returns it.
pub(crate) async fn supervise_channel(
    channel: &LiveChannel,
    shared: &Shared,
    fence: u64,
) -> Result<(), Fault> {
    let is_pushed = channel.endpoint.is_some();
    let clock = &shared.environment.clock;
    let guesses = is_pushed.then(|| Arc::new(Guesses::new(clock.clone())));
    tokio::select! {
        ended = Box::pin(run_channel(channel, shared, fence, guesses.as_ref())) => ended,
        never = guesses::report(guesses.as_deref(), channel.id(), &shared.store) => match never {},
    }
}

/// See [`supervise_channel`]; counts the numbers that come in `guesses`.
async fn run_channel(
    channel: &LiveChannel,
    shared: &Shared,
    fence: u64,
    guesses: Option<&Arc<Guesses>>,
) -> Result<(), Fault> {
    let (watch, stop, pace) = (&channel.handle.watch, &shared.environment.stop, &channel.spec.pace);
    let (fence, mut retry) = (channel.read_fence(fence), Retry::default());
    let mut paused_in = None;
    if pace.schedule.is_some() {
        stop.run_until_requested(Box::pin(wait_until_due(channel, shared))).await;
    }
    while !stop.is_requested() {
        watch.set(State::Running);
        channel.endpoint.iter().for_each(|endpoint| endpoint.set_stopped(false));
        let entries_before = watch.entries();
        let run = Box::pin(async {
            let (mapped_channel, mut connector, brake) = prepare(channel, shared, guesses).await?;
            let (connector, bus) = (&mut *connector, &shared.bus);
            let (handle, environment) = (&channel.handle, &shared.environment);
            let Some(range) = channel.spec.range else {
                let (checkpoints, cause) = (&shared.store, Cause::Live);
                let run = Run { bus, checkpoints, fence, handle, brake, cause, environment };
                return ingest(&mapped_channel, connector, pace, &run).await;
            };
            let (checkpoints, cause) = (&shared.store.backfill(range), Cause::Backfill);
            let run = Run { bus, checkpoints, fence, handle, brake, cause, environment };
            ingest(&mapped_channel, connector, pace, &run).await?;
            if stop.is_requested() { Ok(()) } else { checkpoints.end(channel.id()).await }
        });
        let fault = tokio::select! {
            ended = AssertUnwindSafe(run).catch_unwind() => match ended {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(fault)) => fault,
                Err(_) => panic_fault(),
            },
            () = wait_until_stalled(watch) => Fault::transient(
                format!("no progress for {} s; the channel is restarted", MAX_STALL.as_secs()),
            ),
        };
        if watch.entries() > entries_before {
            retry.reset();
        }
        Box::pin(handle_fault(fault, channel, shared, &mut retry, &mut paused_in)).await?;
    }
    Ok(())
}

/// Waits, at the start of a channel, until it is due by its schedule. If it is paused, also waits until
/// it is resumed.
async fn wait_until_due(channel: &LiveChannel, shared: &Shared) {
    let Some(schedule) = &channel.spec.pace.schedule else { return };
    // If the store cannot be reached, the loop will report it.
    let progress = shared.store.progress(channel.id()).await.unwrap_or_default();
    // The store keeps only one time of the last pass.
    let last = progress.last_read_at.map(|at| Pass { began: at, ended: at });
    let control = &channel.handle.control;
    control
        .wait_until_due(control.n_requested(), schedule.wait(last, shared.environment.clock.now()))
        .await;
}

/// Prepares a run: checks that the bus accepts messages, and returns the channel with the number of its
/// mapping, a connector, and the brake with the channel's latest demands.
async fn prepare(
    channel: &LiveChannel,
    shared: &Shared,
    guesses: Option<&Arc<Guesses>>,
) -> Result<(Channel, Box<dyn AnyConnector>, Brake), Fault> {
    shared.bus.ready().await?;
    let (id, mapping) = (channel.id().clone(), channel.normalizer.clone());
    let normalizer: Arc<dyn Normalizer> = match guesses {
        Some(guesses) => Arc::new(Counted { mapping, guesses: Arc::clone(guesses) }),
        None => mapping,
    };
    let mapping = shared.store.mapping(&id, channel.spec.mapping).await?;
    let memory = shared.environment.memory.clone();
    let mut connector = channel.connector(ConnectorContext { memory, ..channel.context() })?;
    limit(&mut *connector, channel.spec.range)?;
    let brake = Brake::new(shared.store.shapes(&id).await?);
    Ok((Channel { id, mapping, normalizer }, connector, brake))
}

/// Limits a connector to the time range of a backfill.
///
/// # Errors
/// The source cannot be read by time range.
pub(crate) fn limit(
    connector: &mut dyn AnyConnector,
    range: Option<TimeRange>,
) -> Result<(), Fault> {
    match range.filter(|range| *range != TimeRange::EVERYTHING) {
        None => Ok(()),
        Some(range) => connector.limit_to(range),
    }
}

/// Reports a fault and waits until the channel may run again. Returns the fault if the channel has to
/// end. `paused_in` is the pass in which a pause was logged: a source with a low limit asks for many.
async fn handle_fault(
    fault: Fault,
    channel: &LiveChannel,
    shared: &Shared,
    retry: &mut Retry,
    paused_in: &mut Option<u64>,
) -> Result<(), Fault> {
    let (control, stop) = (&channel.handle.control, &shared.environment.stop);
    let n_requested = control.n_requested();
    channel.handle.watch.set(State::Waiting(fault.to_string()));
    if channel.spec.range.is_none() || fault.obstacle() == Some(Obstacle::Shape) {
        // For `status` in other processes, and for `accept`, which concerns backfills too. Nothing is noted if the
        // store itself cannot be reached.
        let now = shared.environment.clock.now();
        let _ = shared.store.note(channel.id(), &fault, now).await;
    }
    let ends_by_itself = channel.spec.pace.schedule.is_none();
    if stop.is_requested() || (ends_by_itself && fault.is_stopped()) {
        return Err(fault);
    }
    let wait = retry.wait(fault.kind());
    let is_pause = matches!(fault.kind(), FaultKind::Throttled(_));
    let pass = control.n_completed();
    if is_pause && paused_in.replace(pass) == Some(pass) {
        debug!(target: "tonghui", channel = %channel.id(), "{fault}");
    } else {
        log::retry(Some(channel.id()), &fault, wait);
    }
    match fault.kind() {
        FaultKind::Stopped => {
            control.note_stop(fault.to_string());
            channel.endpoint.iter().for_each(|endpoint| endpoint.set_stopped(true));
            // A user who requests a pass may have fixed the cause.
            let due = control.wait_until_due(n_requested, wait);
            stop.run_until_requested(control.retry.or_woken(due)).await;
        }
        // A pass that is requested does not shorten the wait until a source is reachable; `retry` does.
        FaultKind::Transient => {
            stop.run_until_requested(control.retry.or_woken(sleep(wait))).await;
        }
        // Nothing shortens the pause that a source asked for.
        FaultKind::Throttled(_) => stop.or_sleep(wait).await,
    }
    if stop.is_requested() { Err(fault) } else { Ok(()) }
}

/// Waits until the channel has made no progress for [`MAX_STALL`].
async fn wait_until_stalled(watch: &ChannelWatch) {
    loop {
        let remaining = MAX_STALL.saturating_sub(watch.stalled_for());
        if remaining.is_zero() {
            return;
        }
        sleep(remaining).await;
    }
}

/// The fault of a task that panicked. It does not contain the message, which may hold a personal value.
pub(crate) fn panic_fault() -> Fault {
    Fault::stopped("the task panicked").remedy("report this defect with the previous log line")
}
