//! Says in the store that this process is there, and what its sink waits for. If the store cannot be reached, the
//! row of this process becomes old, which others see.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::Fault;
use sink::{
    SinkState,
    store::{Database, RequestState},
};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use crate::{instance, service::Role};

/// How often a process renews its row.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// A store that takes longer for it is in trouble.
const RENEW_LIMIT: Duration = Duration::from_secs(10);

/// The row of this process. Clones write the same row.
#[derive(Debug, Clone)]
pub struct Presence {
    store: Database,
    /// The name of this process in the store.
    id: String,
    host: String,
    /// What this process runs.
    pub role: Role,
    renewed: Arc<Mutex<Renewed>>,
    /// What the sink of this process waits for.
    pub sink: SinkState,
}

/// When the row was renewed last, and why not since.
#[derive(Debug)]
struct Renewed {
    at: Instant,
    fault: Option<String>,
}

impl Presence {
    /// Writes the row of this process, and deletes those that others have left on this machine; `None` for a
    /// console, which writes nothing.
    pub async fn begin(store: &Database, role: Role) -> Option<Self> {
        if role == Role::Console {
            return None;
        }
        let (store, id, host) =
            (store.separate_handle(), instance::this_process(), instance::host());
        let renewed = Renewed { at: Instant::now(), fault: None };
        let (renewed, sink) = (Arc::new(Mutex::new(renewed)), SinkState::default());
        let presence = Self { store, id, host, role, renewed, sink };
        // If the store cannot be reached, `renew` says so.
        for process in presence.store.processes().await.unwrap_or_default() {
            if instance::has_ended(&process.id) {
                let _ = presence.store.end_process(&process.id).await;
            }
        }
        presence.renew().await;
        Some(presence)
    }

    /// Why the store cannot be written; `None` if this process has just written its row.
    pub fn store_trouble(&self) -> Option<String> {
        let renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let age = renewed.at.elapsed();
        match &renewed.fault {
            Some(fault) => Some(fault.clone()),
            None if age > RENEW_INTERVAL + RENEW_LIMIT => {
                Some(format!("it has not taken a row for {} s", age.as_secs()))
            }
            None => None,
        }
    }

    /// Renews the row now, notes how that ended, and logs the fault if it is another one than the last time.
    async fn renew(&self) {
        let fault = Box::pin(self.try_renew()).await.err().map(|fault| fault.to_string());
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.is_none() {
            renewed.at = Instant::now();
        }
        let is_new = renewed.fault != fault;
        renewed.fault.clone_from(&fault);
        drop(renewed);
        if let Some(fault) = fault.filter(|_| is_new) {
            let wait_ms = RENEW_INTERVAL.as_millis();
            warn!(wait_ms, "others do not see this process: {fault}");
        }
    }

    async fn try_renew(&self) -> Result<(), Fault> {
        let trouble = self.sink.trouble();
        let wait = |at: Instant| at.saturating_duration_since(Instant::now());
        let trouble = trouble.as_ref().map(|now| (now.fault.as_str(), wait(now.next_try)));
        let facts = [self.role.name(), self.host.as_str(), env!("CARGO_PKG_VERSION")];
        self.store.renew_process(&self.id, facts, trouble).await
    }

    /// Renews the row every few seconds, and whenever the state of the sink changes.
    pub async fn serve(&self) -> Infallible {
        let mut changes = self.sink.subscribe();
        loop {
            changes.mark_unchanged();
            self.renew().await;
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep(RENEW_INTERVAL) => {}
            }
        }
    }

    /// Answers a request to all processes in the name of this one.
    pub async fn answer(&self, seq: i64, state: &RequestState) {
        if let Err(fault) = self.store.answer_as(&self.id, seq, state).await {
            warn!(request = seq, "the sender of a request is not told how it ended here: {fault}");
        }
    }

    /// Deletes the row: this process ends in order.
    pub async fn end(&self) {
        // If the store cannot be reached, the row becomes old.
        let _ = timeout(RENEW_LIMIT, self.store.end_process(&self.id)).await;
    }
}

#[cfg(test)]
mod tests {
    use sink::store::{Access, Sqlite};

    use super::*;

    #[tokio::test]
    async fn a_process_shows_the_fault_of_its_sink_at_once_and_takes_its_row_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        // A process that was killed has left its row.
        let me = instance::this_process();
        let words: Vec<&str> = me.split(' ').collect();
        let killed = format!("{} {} 1 {}", words[0], words[1], words[3]);
        store.renew_process(&killed, ["sink", words[0], "0"], None).await.unwrap();

        assert!(Presence::begin(&store, Role::Console).await.is_none());
        let presence = Presence::begin(&store, Role::All).await.unwrap();
        let seen = store.processes().await.unwrap();
        assert_eq!((seen.len(), seen[0].id.as_str(), seen[0].role.as_str()), (1, &*me, "all"));
        assert_eq!(presence.store_trouble(), None);
        let fault = Fault::stopped("permission denied");
        let shown = async {
            while store.processes().await.unwrap()[0].fault.is_none() {
                tokio::task::yield_now().await;
            }
            presence.sink.end();
            while store.processes().await.unwrap()[0].fault.is_some() {
                tokio::task::yield_now().await;
            }
        };
        let began = Instant::now();
        tokio::select! {
            never = presence.serve() => match never {},
            _ = presence.sink.wait(&fault, Duration::from_secs(300)) => panic!("it waits"),
            () = shown => {}
        }
        assert!(began.elapsed() < RENEW_INTERVAL, "a change is written at once");
        presence.end().await;
        assert_eq!(store.processes().await.unwrap(), []);
        store.close().await;
        presence.renew().await;
        assert!(presence.store_trouble().is_some());
    }
}
