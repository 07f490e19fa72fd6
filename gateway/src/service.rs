//! The two halves and the bus between them, as one process or as several.

use std::{future::Future, sync::Arc, time::Duration};

use config::Settings;
use contract::{ChannelId, Fault, Retry};
use sink::{
    bus::{Amqp, AnyConsumer, AnyPublisher, in_process},
    store::{Database, RetryingStore},
};

use tokio::sync::watch;

use crate::{
    assemble,
    channel::LiveChannel,
    channels, clock, indexer,
    ingest::Environment,
    lease::LeaseHolder,
    mapping::MappingPool,
    memory::Memory,
    report,
    stop::Stop,
    supervise::{Ended, Shared, run_sink},
    upkeep,
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
    /// Tells how the others stand (`[console]`); reads the store and nothing else.
    Console,
}

/// Runs these channels, the sink, or both, until stop is asked or the channels have ended by
/// themselves; then what they published is waited for. Without a broker there are no halves, and
/// both are run.
///
/// # Errors
/// The bus cannot be built from its settings, or the store cannot be asked whose queues there are.
pub async fn serve(
    settings: &Settings,
    role: Role,
    channels: Vec<LiveChannel>,
    store: &Database,
    stop: &Stop,
) -> Result<Vec<Ended>, Fault> {
    let (_, wanted) = watch::channel(channels); // nobody changes them
    Box::pin(serve_wanted(settings, role, wanted, store, stop)).await
}

/// The same for channels that are changed while they run.
///
/// # Errors
/// As [`serve`].
pub async fn serve_wanted(
    settings: &Settings,
    role: Role,
    wanted: watch::Receiver<Vec<LiveChannel>>,
    store: &Database,
    stop: &Stop,
) -> Result<Vec<Ended>, Fault> {
    let Some(halves) = Halves::open(settings, role, store, stop).await? else {
        return Ok(Vec::new());
    };
    let shared = halves.shared(settings, store, stop)?;
    let reading = async {
        let Some(shared) = shared else {
            stop.requested().await;
            return Vec::new();
        };
        let leases = LeaseHolder::new(store.apart(), true);
        let ended = channels::serve(wanted, &shared, &leases, settings.limits.grace).await;
        tokio::select! { biased;
            () = stop.requested() => {}
            () = kept(store) => {}
        }
        ended
    };
    Ok(Box::pin(halves.keep_during(settings, store, stop, reading)).await)
}

/// The ends of the bus that this process has.
pub struct Halves {
    publisher: Option<AnyPublisher>,
    consumer: Option<AnyConsumer>,
}

impl Halves {
    /// Those of `role`; waits for a store that has just gone away. `None` where stop was asked
    /// meanwhile.
    ///
    /// # Errors
    /// As [`serve`].
    pub async fn open(
        settings: &Settings,
        role: Role,
        store: &Database,
        stop: &Stop,
    ) -> Result<Option<Self>, Fault> {
        if role == Role::Console {
            return Ok(Some(Self { publisher: None, consumer: None }));
        }
        let Some(broker) = &settings.bus else {
            let capacity = usize::try_from(settings.limits.memory_bytes).unwrap_or(usize::MAX);
            let (publisher, consumer) = in_process(capacity);
            let (publisher, consumer) =
                (AnyPublisher::InProcess(publisher), AnyConsumer::InProcess(consumer));
            return Ok(Some(Self { publisher: Some(publisher), consumer: Some(consumer) }));
        };
        let amqp = Amqp::new(assemble::broker(broker)?);
        let publisher = (role != Role::Sink).then(|| AnyPublisher::Amqp(amqp.publisher()));
        let consumer = match role {
            Role::Ingest | Role::Console => None,
            Role::All | Role::Sink => {
                match retry_while_transient(stop, || queues(settings, store)).await? {
                    Some(queues) => Some(AnyConsumer::Amqp(Box::new(amqp.consumer(queues)))),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Self { publisher, consumer }))
    }

    /// What the channels share, where this process reads any.
    ///
    /// # Errors
    /// There are no threads to map on.
    pub fn shared(
        &self,
        settings: &Settings,
        store: &Database,
        stop: &Stop,
    ) -> Result<Option<Shared>, Fault> {
        let Some(bus) = self.publisher.clone() else { return Ok(None) };
        Ok(Some(Shared {
            bus,
            store: store.apart(),
            environment: Environment {
                memory: Arc::new(Memory::new(settings.limits.memory_bytes)),
                mapping: Arc::new(MappingPool::new()?),
                clock: clock::machine(),
                stop: stop.clone(),
            },
        }))
    }

    /// Keeps what is published while `reading` goes on. The sink outlives the channels' stop: what
    /// they wait for must still be kept.
    pub async fn keep_during<T>(
        self,
        settings: &Settings,
        store: &Database,
        stop: &Stop,
        reading: impl Future<Output = T>,
    ) -> T {
        let sink_stop = Stop::default();
        let reading = async {
            let read = reading.await;
            sink_stop.request();
            read
        };
        let keeping = async {
            if let Some(consumer) = self.consumer {
                let retrying = RetryingStore::new(store.clone(), stop.token().clone());
                let (grace, kept) = (settings.limits.grace, Stop::default());
                let sink = async {
                    run_sink(consumer, retrying, &sink_stop, grace).await;
                    kept.request();
                };
                let upkeep = upkeep::serve(store, settings.history, &sink_stop);
                tokio::join!(sink, upkeep, indexer::serve(store, &kept, stop, grace));
            }
        };
        tokio::join!(reading, keeping).0
    }
}

/// Asks the store again and again while it is away; `None` once stop is asked.
pub(crate) async fn retry_while_transient<T, F: Future<Output = Result<T, Fault>>>(
    stop: &Stop,
    ask: impl Fn() -> F,
) -> Result<Option<T>, Fault> {
    let mut retry = Retry::default();
    while !stop.is_requested() {
        match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(fault) if fault.is_transient() => {
                let wait = retry.wait(fault.kind());
                report::retry(None, &fault, wait);
                stop.or_sleep(wait).await;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(None)
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

/// Does `work` to its end, which it finds soon once `stop` is asked: a signal asks.
pub async fn until_signal<T>(stop: &Stop, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = stop_on_signal(stop) => {
            tracing::info!("asked to stop; waiting for the next batch border");
            work.await
        }
    }
}

/// Asks `stop` when the process is told to end (SIGINT, SIGTERM).
pub async fn stop_on_signal(stop: &Stop) {
    tokio::select! {
        () = interrupted() => {}
        () = terminated() => {}
    }
    stop.request();
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
