//! The two halves and the bus between them, as one process or as several.

use std::{future::Future, sync::Arc, time::Duration};

use config::Settings;
use contract::{ChannelId, Consumer, Fault, Publisher};
use sink::{
    bus::{Amqp, in_process},
    store::{Database, Patient},
};

use crate::{
    assemble,
    clock::Clock,
    memory::Memory,
    stop::Stop,
    supervise::{ChannelPlan, Ended, Shared, run_channels, run_sink},
};

/// How often somebody who waits for the store looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Which half of the gateway a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Role {
    /// Both.
    #[default]
    All,
    /// Reads the sources and publishes.
    Ingest,
    /// Keeps what was published; needs no keys and no access to any source.
    Sink,
}

/// Runs the channels of `plans`, the sink, or both, until stop is asked or the channels have ended by
/// themselves; then what they published is waited for. Without a broker there are no halves, and
/// both are run.
///
/// # Errors
/// The bus cannot be built from its settings, or the store cannot be asked whose queues there are.
pub async fn serve(
    settings: &Settings,
    role: Role,
    plans: Vec<ChannelPlan>,
    store: &Database,
    stop: &Stop,
) -> Result<Vec<Ended>, Fault> {
    let Some(broker) = &settings.bus else {
        let capacity = usize::try_from(settings.limits.memory_bytes).unwrap_or(usize::MAX);
        let (bus, consumer) = in_process(capacity);
        return Ok(run(settings, Some((bus, plans)), Some(consumer), store, stop).await);
    };
    let amqp = Amqp::new(assemble::broker(broker)?);
    let ingest = (role != Role::Sink).then(|| (amqp.publisher(), plans));
    let consumer = match role {
        Role::Ingest => None,
        Role::All | Role::Sink => Some(amqp.consumer(queues(settings, store).await?)),
    };
    Ok(run(settings, ingest, consumer, store, stop).await)
}

/// All channels that may have something in their queue: those of the configuration, and those that
/// were once in it.
async fn queues(settings: &Settings, store: &Database) -> Result<Vec<ChannelId>, Fault> {
    let known = store.status().await?.into_iter().map(|status| status.channel);
    let mut channels: Vec<_> =
        settings.channels.iter().map(|channel| channel.id.clone()).chain(known).collect();
    channels.sort();
    channels.dedup();
    Ok(channels)
}

async fn run<B: Publisher + 'static>(
    settings: &Settings,
    ingest: Option<(B, Vec<ChannelPlan>)>,
    consumer: Option<impl Consumer + 'static>,
    store: &Database,
    stop: &Stop,
) -> Vec<Ended> {
    let limits = settings.limits;
    let sink_stop = Stop::default();
    let reading = async {
        let ended = match ingest {
            None => {
                stop.asked().await;
                Vec::new()
            }
            Some((bus, plans)) => {
                let shared = Shared {
                    bus,
                    checkpoints: store.apart(),
                    memory: Memory::new(limits.memory_bytes),
                    clock: Clock,
                    stop: stop.clone(),
                };
                run_channels(plans, Arc::new(shared), limits.grace).await
            }
        };
        tokio::select! { biased;
            () = stop.asked() => {}
            () = kept(store) => {}
        }
        // The sink outlives the channels' stop: what they wait for must still be kept.
        sink_stop.ask();
        ended
    };
    let keeping = async {
        if let Some(consumer) = consumer {
            let patient = Patient::new(store.clone(), stop.token().clone());
            run_sink(consumer, patient, &sink_stop, limits.grace).await;
        }
    };
    tokio::join!(reading, keeping).0
}

/// Waits until nothing that was published is on its way any more, whichever process keeps it.
async fn kept(store: &Database) {
    loop {
        // A store that is away for a moment is the sink's trouble, which it reports.
        if let Ok(books) = store.books(None, None).await
            && books.iter().all(|book| book.in_flight == 0)
        {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Asks `stop` when the process is told to end (SIGINT, SIGTERM).
pub async fn stop_on_signal(stop: &Stop) {
    tokio::select! {
        () = interrupted() => {}
        () = terminated() => {}
    }
    stop.ask();
}

async fn interrupted() {
    // Without a handler the process would end on the signal anyway, which is safe too.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(unix)]
fn terminated() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    async move {
        match terminate {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
fn terminated() -> impl Future<Output = ()> {
    std::future::pending()
}
