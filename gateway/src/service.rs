//! One process that does everything: the embedded bus between the channels and the store.

use std::{future::Future, sync::Arc};

use config::Settings;
use sink::{
    bus::in_process,
    store::{Patient, Sqlite},
};

use crate::{
    clock::Clock,
    memory::Memory,
    stop::Stop,
    supervise::{ChannelPlan, Ended, Shared, run_channels, run_sink},
};

/// Runs all channels into the store until they have ended.
pub async fn serve(
    settings: &Settings,
    plans: Vec<ChannelPlan>,
    store: Sqlite,
    stop: &Stop,
) -> Vec<Ended> {
    let limits = settings.limits;
    let (bus, consumer) = in_process(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
    let shared = Shared {
        bus,
        checkpoints: store.clone(),
        memory: Memory::new(limits.memory_bytes),
        clock: Clock,
        stop: stop.clone(),
    };
    let patient = Patient::new(store, stop.token().clone());
    let sink_stop = Stop::default();
    let reading = async {
        let ended = run_channels(plans, Arc::new(shared), limits.grace).await;
        // The sink outlives the channels' stop: what they wait for must still be kept.
        sink_stop.ask();
        ended
    };
    tokio::join!(reading, run_sink(consumer, patient, &sink_stop, limits.grace)).0
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
