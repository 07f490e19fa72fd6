//! Runs the ingest half, the sink half and the bus between them, in one process or in several.

use std::{future::Future, sync::Arc, time::Duration};

use config::Settings;
use contract::{ChannelId, Fault, Memory, Retry};
use sink::{
    SinkState,
    bus::{AnyConsumer, AnyPublisher, FeedPublisher, in_process},
    store::{Database, RetryingStore},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    assemble,
    channel::LiveChannel,
    channels, clock, feed, indexer,
    ingest::Environment,
    keys,
    lease::LeaseHolder,
    log,
    stop::Stop,
    supervise::{ChannelEnd, Shared, run_sink},
    upkeep,
};

pub use crate::role::Role;

/// How often the books are checked for messages in flight, while a process waits to end.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Runs the channels, the sink, or both, as `role` says. Once the channels have ended by themselves,
/// waits until everything they published is stored, or until stop is requested. Without a broker, the
/// roles other than `Console` are the same: both halves run in this process.
///
/// # Errors
/// The bus key cannot be read, the list of queues cannot be read from the store, or the store is damaged.
pub async fn serve(
    settings: &Settings,
    role: Role,
    channels: Vec<LiveChannel>,
    store: &Database,
    stop: &Stop,
) -> Result<Vec<ChannelEnd>, Fault> {
    let (_, desired) = watch::channel(channels); // without a sender, they never change
    let state = SinkState::default();
    Box::pin(serve_reloadable(settings, role, desired, store, stop, &state)).await
}

/// Like [`serve`], for channels that may change while they run: each change of `desired` is applied. `state` is
/// what others see of the sink.
///
/// # Errors
/// Those of [`serve`].
pub async fn serve_reloadable(
    settings: &Settings,
    role: Role,
    desired: watch::Receiver<Vec<LiveChannel>>,
    store: &Database,
    stop: &Stop,
    state: &SinkState,
) -> Result<Vec<ChannelEnd>, Fault> {
    let Some(mut ends) = BusEnds::open(settings, role, store, stop).await? else {
        return Ok(Vec::new());
    };
    ends.sink = state.clone();
    let shared = ends.shared();
    let reading = async {
        let Some(shared) = shared else {
            stop.requested().await;
            return Vec::new();
        };
        let leases = LeaseHolder::new(store.separate_handle(), true);
        let ended = {
            let end = stop.child();
            let serving = async {
                let ended = channels::serve(desired, &shared, &leases).await;
                end.request();
                ended
            };
            tokio::join!(serving, Box::pin(leases.hold_service(&end))).0
        };
        tokio::select! { biased;
            () = stop.requested() => {}
            () = wait_until_stored(store) => {}
        }
        ended
    };
    Ok(Box::pin(ends.run_sink_beside(reading)).await?.0)
}

/// The ends of the bus that this process uses: the publisher, the consumer, or both.
pub struct BusEnds<'a> {
    settings: &'a Settings,
    store: &'a Database,
    stop: &'a Stop,
    publisher: Option<AnyPublisher>,
    consumer: Option<AnyConsumer>,
    /// Tells of what the sink has stored.
    feed: Option<FeedPublisher>,
    /// The state of the sink that takes from `consumer`.
    sink: SinkState,
}

impl<'a> BusEnds<'a> {
    /// Opens the ends that `role` needs. Waits while the list of queues cannot be read from the store;
    /// `None` if stop is requested first.
    ///
    /// # Errors
    /// Those of [`serve`].
    pub async fn open(
        settings: &'a Settings,
        role: Role,
        store: &'a Database,
        stop: &'a Stop,
    ) -> Result<Option<Self>, Fault> {
        let mut feed = None;
        let (publisher, consumer) = match &settings.bus {
            _ if role == Role::Console => (None, None),
            None => {
                let capacity = usize::try_from(settings.limits.memory.0).unwrap_or(usize::MAX);
                let (publisher, consumer) = in_process(capacity);
                (Some(AnyPublisher::InProcess(publisher)), Some(AnyConsumer::InProcess(consumer)))
            }
            Some(broker) => {
                let amqp = assemble::broker(broker, keys::bus(settings)?);
                let publisher = (role != Role::Sink).then(|| AnyPublisher::Amqp(amqp.publisher()));
                if role == Role::Ingest {
                    (publisher, None)
                } else {
                    let loaded = retry_while_transient(stop, || queues(settings, store)).await?;
                    let Some(queues) = loaded else { return Ok(None) };
                    feed = settings.feed.as_ref().map(|feed| amqp.feed(feed.exchange.clone()));
                    (publisher, Some(AnyConsumer::Amqp(Box::new(amqp.consumer(queues)))))
                }
            }
        };
        let sink = SinkState::default();
        Ok(Some(Self { settings, store, stop, publisher, consumer, feed, sink }))
    }

    /// What the channels share; `None` if this process reads no channels.
    pub fn shared(&self) -> Option<Shared> {
        Some(Shared {
            bus: self.publisher.clone()?,
            store: self.store.separate_handle(),
            look: Arc::default(),
            grace: self.settings.limits.grace.0,
            environment: Environment {
                memory: Memory::new(self.settings.limits.memory.0),
                mapping: Arc::default(),
                clock: clock::machine(),
                stop: self.stop.clone(),
            },
        })
    }

    /// Runs `reading` and, if this process has a consumer, the sink, the indexer, the change feed and the maintenance
    /// of the store beside it. The sink stops after `reading`, which waits until all that it published is stored. Also
    /// returns the fault at which the sink stopped, if it could not store everything.
    ///
    /// # Errors
    /// The store is damaged. Everything ends at once, because what the store says cannot be relied on any more.
    pub async fn run_sink_beside<T>(
        self,
        reading: impl Future<Output = T>,
    ) -> Result<(T, Option<Fault>), Fault> {
        let Self { settings, store, stop, consumer, feed, sink: state, .. } = self;
        // The sink stores what is being read when stop is requested, but repeats nothing then that fails.
        let (sink_stop, retry_stop) = (Stop::default(), stop.child());
        let reading = async {
            let read = reading.await;
            sink_stop.request();
            retry_stop.request();
            read
        };
        let storing = async {
            let consumer = consumer?;
            let stop_retrying = retry_stop.token().clone();
            let retrying = RetryingStore::new(store.clone(), stop_retrying, state.clone());
            let (grace, finish) = (settings.limits.grace.0, Stop::default());
            let sink = async {
                let fault = run_sink(consumer, retrying, &sink_stop, grace, &state).await;
                finish.request();
                fault
            };
            let upkeep = upkeep::serve(settings, store, &sink_stop);
            let indexing = indexer::serve(store, &finish, stop, grace);
            let telling = feed::serve(feed, store, &finish, stop, grace);
            tokio::join!(sink, upkeep, indexing, telling).0
        };
        let work = async { tokio::join!(reading, storing) };
        tokio::select! { biased;
            damage = store.damaged() => Err(damage),
            ended = work => store.damage().map_or(Ok(ended), Err),
        }
    }
}

/// Repeats `operation` while it fails with a transient fault; `None` if stop is requested first.
pub(crate) async fn retry_while_transient<T, F: Future<Output = Result<T, Fault>>>(
    stop: &Stop,
    operation: impl Fn() -> F,
) -> Result<Option<T>, Fault> {
    let mut retry = Retry::default();
    while !stop.is_requested() {
        match operation().await {
            Ok(result) => return Ok(Some(result)),
            Err(fault) if fault.is_transient() => {
                let wait = retry.wait(fault.kind());
                log::retry(None, &fault, wait);
                stop.or_sleep(wait).await;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(None)
}

/// All channels whose queues may hold messages: those of the configuration, and earlier ones, which are in
/// the store.
async fn queues(settings: &Settings, store: &Database) -> Result<Vec<ChannelId>, Fault> {
    let known = store.status().await?.into_iter().map(|status| status.channel);
    let mut channels: Vec<_> = settings.channel_ids().into_iter().chain(known).collect();
    channels.sort();
    channels.dedup();
    Ok(channels)
}

/// Waits until everything that was published is stored, by this or another process.
async fn wait_until_stored(store: &Database) {
    loop {
        // If the store cannot be reached, the sink reports it.
        if let Ok(books) = store.books(None, None).await
            && books.iter().all(|book| book.in_flight == 0)
        {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Runs `work` to its end. On SIGINT or SIGTERM it requests `stop`, so that `work` ends soon.
pub async fn run_until_signal<T>(stop: &Stop, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = stop_on_signal(stop) => {
            tracing::info!("stopping after the batches in flight");
            work.await
        }
    }
}

/// Like [`run_until_signal`]; also requests `stop` after `limit`.
pub async fn run_within<T>(stop: &Stop, limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let until_limit = async {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(limit) => stop.request(),
        }
        work.await
    };
    run_until_signal(stop, until_limit).await
}

/// Waits for SIGINT or SIGTERM, then requests `stop`.
pub async fn stop_on_signal(stop: &Stop) {
    tokio::select! {
        () = wait_for_signal(SignalKind::interrupt()) => {}
        () = wait_for_signal(SignalKind::terminate()) => {}
    }
    stop.request();
}

/// Waits for a signal. Never returns if no handler can be installed; then the signal has its default
/// effect.
pub(crate) async fn wait_for_signal(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}
