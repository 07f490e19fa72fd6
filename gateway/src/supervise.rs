//! One task per channel, one for the sink, and what to do about a fault.
//!
//! A fault or a panic of one channel never touches another. How long to wait after it is
//! [`Retry`]'s rule, whoever it happened to.

mod supervise_sink;

use std::{panic::AssertUnwindSafe, time::Duration};

use contract::{
    Channel, ChannelId, Checkpoints, Consumer, Fault, FaultKind, Publisher, Retry, Store,
};
use futures_util::FutureExt;
use sink::{bus::AnyPublisher, store::Database};
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::{
    brake::Brake,
    channel::LiveChannel,
    ingest::{Environment, Run, ingest},
    registry::AnyConnector,
    report,
    schedule::Pass,
    stop::Stop,
    watch::ChannelWatch,
};
use supervise_sink::supervise_sink;

/// A verb that takes longer than this is given up and begun anew.
const STALLED_AFTER: Duration = Duration::from_secs(600);

/// What all channels share.
#[derive(Clone)]
pub struct Shared {
    /// Where messages go.
    pub bus: AnyPublisher,
    /// Where progress is kept.
    pub store: Database,
    /// Memory, clock and stop of the process.
    pub environment: Environment,
}

/// How a channel ended.
pub type Ended = (ChannelId, Result<(), Fault>);

/// Runs these channels, under the lease with this `fence`, until all have ended, each at a batch
/// border once stop is asked. Takes at most `grace` longer than the asking: leaving anyway is always
/// safe, and so is dropping this future.
pub async fn run_channels(
    channels: &[LiveChannel],
    shared: &Shared,
    fence: u64,
    grace: Duration,
) -> Vec<Ended> {
    let mut tasks = JoinSet::new();
    for channel in channels {
        let (channel, shared) = (channel.clone(), shared.clone());
        tasks.spawn(async move {
            let ended = supervise_channel(&channel, &shared, fence).await;
            channel.handle.watch.ended();
            (channel.id().clone(), ended)
        });
    }
    join_until(&mut tasks, &shared.environment.stop, grace).await
}

/// Runs the sink until it is asked to stop, and `grace` longer at most.
pub async fn run_sink(
    consumer: impl Consumer + 'static,
    store: impl Store + 'static,
    stop: &Stop,
    grace: Duration,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(supervise_sink(consumer, store, stop.clone()));
    join_until(&mut tasks, stop, grace).await;
}

/// Waits for all tasks; once stopping is asked, for at most `grace`.
async fn join_until<T: 'static>(tasks: &mut JoinSet<T>, stop: &Stop, grace: Duration) -> Vec<T> {
    let mut ended = Vec::new();
    let too_long = async {
        stop.requested().await;
        tokio::time::sleep(grace).await;
    };
    tokio::pin!(too_long);
    loop {
        tokio::select! {
            () = &mut too_long => {
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

/// Runs one channel again and again until it ends well.
pub(crate) async fn supervise_channel(
    channel: &LiveChannel,
    shared: &Shared,
    fence: u64,
) -> Result<(), Fault> {
    let (watch, stop) = (&channel.handle.watch, &shared.environment.stop);
    let (pace, fence, mut retry) = (&channel.spec.pace, channel.fence(fence), Retry::default());
    if pace.schedule.is_some() {
        stop.or(Box::pin(until_due(channel, shared))).await;
    }
    while !stop.is_requested() {
        watch.began();
        let entries_before = watch.entries();
        let run = Box::pin(async {
            let (packing, mut connector, brake) = prepare(channel, shared).await?;
            let (connector, bus) = (&mut *connector, &shared.bus);
            let (handle, environment) = (&channel.handle, &shared.environment);
            let Some(range) = channel.spec.range else {
                let checkpoints = &shared.store;
                let run = Run { bus, checkpoints, fence, handle, brake, environment };
                return ingest(&packing, connector, pace, &run).await;
            };
            let checkpoints = &shared.store.backfill(range);
            let run = Run { bus, checkpoints, fence, handle, brake, environment };
            ingest(&packing, connector, pace, &run).await?;
            if stop.is_requested() { Ok(()) } else { checkpoints.end(channel.id()).await }
        });
        let fault = tokio::select! {
            ended = AssertUnwindSafe(run).catch_unwind() => match ended {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(fault)) => fault,
                Err(_) => panicked(),
            },
            () = stalled(watch) => Fault::transient(
                format!("no progress for {} s; the channel is restarted", STALLED_AFTER.as_secs()),
            ),
        };
        if watch.entries() > entries_before {
            retry.reset();
        }
        Box::pin(after(fault, channel, shared, &mut retry)).await?;
    }
    Ok(())
}

/// At the start: a clock time that nobody was there for may be made up for, and a channel that is
/// paused waits.
async fn until_due(channel: &LiveChannel, shared: &Shared) {
    let Some(schedule) = &channel.spec.pace.schedule else { return };
    // Where the store cannot say, the loop will find out that it is away.
    let progress = shared.store.progress(channel.id()).await.unwrap_or_default();
    let last = progress.last_read_at.map(|at| Pass { began: at, ended: at });
    let control = &channel.handle.control;
    control
        .wait_until_due(control.requested(), schedule.wait(last, shared.environment.clock.now()))
        .await;
}

/// What a run needs before it can read: a bus that takes, the number of its mapping, a connector, and
/// what is usual for the channel.
async fn prepare(
    channel: &LiveChannel,
    shared: &Shared,
) -> Result<(Channel, Box<dyn AnyConnector>, Brake), Fault> {
    shared.bus.ready().await?;
    let (id, normalizer) = (channel.id().clone(), channel.normalizer.clone());
    let mapping = shared.store.mapping(&id, channel.spec.mapping).await?;
    let mut connector = channel.connector(channel.context())?;
    if let Some(range) = channel.spec.range {
        connector.limit_to(range)?;
    }
    let brake = Brake::new(shared.store.shapes(&id).await?);
    Ok((Channel { id, mapping, normalizer }, connector, brake))
}

/// Waits until the channel may run again; fails where it has to end.
async fn after(
    fault: Fault,
    channel: &LiveChannel,
    shared: &Shared,
    retry: &mut Retry,
) -> Result<(), Fault> {
    let (control, stop) = (&channel.handle.control, &shared.environment.stop);
    let requested = control.requested();
    channel.handle.watch.waits(&fault);
    if channel.spec.range.is_none() {
        // For `status` in another process. The store may be the very thing that is away.
        let now = shared.environment.clock.now();
        let _ = shared.store.note(channel.id(), &fault, now).await;
    }
    let ends_by_itself = channel.spec.pace.schedule.is_none();
    if stop.is_requested() || (ends_by_itself && fault.is_stopped()) {
        return Err(fault);
    }
    let wait = retry.wait(fault.kind());
    report::retry(Some(channel.id()), &fault, wait);
    match fault.kind() {
        FaultKind::Stopped => {
            control.stopped(fault.to_string());
            // Whoever asks for a pass may have mended it.
            stop.or(control.wait_until_due(requested, wait)).await;
        }
        // A source that asks for a pause, or is not there, is not asked sooner.
        FaultKind::Transient | FaultKind::Throttled(_) => stop.or_sleep(wait).await,
    }
    if stop.is_requested() { Err(fault) } else { Ok(()) }
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
pub(crate) fn panicked() -> Fault {
    Fault::stopped("the task panicked").remedy("report this defect with the line logged above")
}
