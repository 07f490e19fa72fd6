//! Runs processes, each with both loops, drops and restarts them as the seed decides, until the source is read to
//! its end and everything is kept.

use std::{future::pending, mem, sync::Arc};

use contract::{Channel, Consumer, Fault, MappingNo, Publisher};
use futures_util::future::BoxFuture;
use gateway::{
    brake::Brake,
    channel::ChannelHandle,
    ingest::{Environment, Run, ingest},
    schedule::{Pace, Schedule},
};
use tokio_util::sync::CancellationToken;

use super::{
    connector::{SimulatedConnector, SimulatedMapping},
    faulty::Faulty,
    planted::Planted,
    world::{Part, Process, World, hotline},
};

/// How a process ended.
enum End {
    Quiet,
    Crashed,
    Stopped,
    LostTheLease,
}

/// Runs until everything is read and kept.
pub(crate) async fn run_to_quiet(world: &Arc<World>) {
    let (mut fence, mut number) = (1, 0);
    let mut current = process(world, number, fence);
    // A process that has lost the lease and does not know it yet.
    let mut earlier: Option<BoxFuture<'static, End>> = None;
    loop {
        let earlier_ends = async {
            match &mut earlier {
                Some(process) => process.await,
                None => pending().await,
            }
        };
        tokio::select! { biased;
            end = &mut current => match end {
                End::Quiet => return,
                End::Crashed | End::Stopped | End::LostTheLease => {
                    world.planter().forget();
                    fence += u64::from(world.fate().coin());
                    current = process(world, number, fence);
                }
            },
            _ = earlier_ends => earlier = None,
            () = world.takeover.notified() => {
                (fence, number) = (fence + 1, 1 - number);
                earlier = Some(mem::replace(&mut current, process(world, number, fence)));
            }
            () = world.calmed.notified() => earlier = None,
            () = world.exhausted.notified() => return,
        }
    }
}

/// A process from its start to its end.
fn process(world: &Arc<World>, number: u64, fence: u64) -> BoxFuture<'static, End> {
    let (world, process) = (Arc::clone(world), Process::new(number, &world.quiet));
    Box::pin(async move {
        let crash = async {
            process.signals.crash.notified().await;
            // Meanwhile the other loop goes on, and may rely on something that is not durable.
            world.pause_a_while(&process.part(Part::Supervisor)).await;
        };
        let life = async {
            match &world.broker {
                Some(broker) => {
                    let renew = || Some(broker.consumer());
                    let ends = (broker.publisher(), broker.consumer());
                    Box::pin(both_loops(&world, &process, fence, ends, renew)).await
                }
                None => {
                    let ends = sink::bus::in_process(64 << 20);
                    Box::pin(both_loops(&world, &process, fence, ends, || None)).await
                }
            }
        };
        tokio::select! { biased;
            end = life => end,
            () = crash => End::Crashed,
        }
    })
}

/// Runs ingest and sink until the source is read to its end, and then the sink until the bus is empty.
async fn both_loops<P: Publisher, C: Consumer>(
    world: &Arc<World>,
    process: &Process,
    fence: u64,
    (publisher, consumer): (P, C),
    renew: impl Fn() -> Option<C>,
) -> End {
    let bus = Planted { inner: publisher, world: Arc::clone(world) };
    let bus = Faulty::new(bus, world, process.part(Part::Publisher));
    let mut reading = Box::pin(keep_reading(world, process, fence, &bus));
    let mut keeping = Box::pin(keep_keeping(world, process, consumer, renew));
    let end = tokio::select! { biased;
        end = &mut reading => end,
        () = &mut keeping => End::Crashed,
    };
    if !matches!(end, End::Quiet) {
        return end;
    }
    let drained = async {
        // With a bug, it may never be empty.
        for _ in 0..10_000 {
            if world.broker.as_ref().is_none_or(|broker| broker.in_flight() == 0) {
                return;
            }
            world.pause(&process.part(Part::Supervisor), 50).await;
        }
    };
    tokio::select! { biased;
        () = keeping => {}
        () = drained => {}
    }
    End::Quiet
}

/// Runs the ingest loop again and again, until it has read everything, is stopped or has lost the lease.
async fn keep_reading(
    world: &Arc<World>,
    process: &Process,
    fence: u64,
    bus: &impl Publisher,
) -> End {
    let actor = process.part(Part::Reader);
    let checkpoints = Planted { inner: Arc::clone(&world.store), world: Arc::clone(world) };
    let checkpoints = &Faulty::new(checkpoints, world, actor.clone());
    let normalizer = Arc::new(SimulatedMapping);
    let channel = Channel { id: hotline(), mapping: MappingNo(1), normalizer };
    let schedule =
        world.settings.every.map(|pause| Schedule::every(pause, chrono_tz::Asia::Shanghai));
    let pace = Pace { max_entries: world.settings.max_entries, schedule };
    let handle = &ChannelHandle::new(hotline());
    let environment = &Environment {
        memory: contract::Memory::new(256 << 20),
        mapping: Arc::default(),
        clock: world.clock(),
        stop: process.signals.stop.clone(),
    };
    let mut n_refused = 0;
    loop {
        let mut connector = SimulatedConnector::new(world, actor.clone());
        let brake = Brake::default();
        let cause = contract::demand::Cause::Live;
        let run = Run { bus, checkpoints, fence, handle, brake, cause, environment };
        let ended = tokio::select! { biased;
            ended = Box::pin(ingest(&channel, &mut connector, &pace, &run)) => ended,
            () = process.signals.ingest.notified() => Err(Fault::transient("dropped")),
        };
        if ended.is_ok() && environment.stop.is_requested() {
            return if world.quiet.is_requested() { End::Quiet } else { End::Stopped };
        }
        if ended.is_err() && fence < world.notes().fence {
            n_refused += 1;
            if n_refused > 2 {
                return End::LostTheLease;
            }
        }
        world.pause_a_while(&actor).await;
    }
}

/// Runs the sink loop again and again.
async fn keep_keeping<C: Consumer>(
    world: &Arc<World>,
    process: &Process,
    consumer: C,
    renew: impl Fn() -> Option<C>,
) {
    let actor = process.part(Part::Sink);
    let store = Planted { inner: Arc::clone(&world.store), world: Arc::clone(world) };
    let store = Faulty::new(store, world, actor.clone());
    let consumer = Planted { inner: consumer, world: Arc::clone(world) };
    let mut consumer = Faulty::new(consumer, world, actor.clone());
    let (never, mut n_acked) = (CancellationToken::new(), 0);
    loop {
        let max = world.settings.max_messages;
        tokio::select! { biased;
            _ = Box::pin(sink::run(&mut consumer, &store, &never, max, &mut n_acked)) => {}
            () = process.signals.sink.notified() => {}
        }
        // A broker delivers again what its last consumer has not acked.
        if let Some(fresh) = renew() {
            consumer.inner.inner = fresh;
        }
        consumer.late.clear();
        world.pause_a_while(&actor).await;
    }
}
