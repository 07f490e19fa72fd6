//! Retries while the database cannot be reached. The sink holds its deliveries meanwhile: giving them
//! back to the broker would only make it count failures of messages that are healthy.

use std::time::Duration;

use contract::{Fault, Intake, Outcomes, Retry, Store};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Far inside a broker's consumer timeout (30 minutes), so that a delivery is never taken away.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A store that tries again while its faults are transient, until stop is asked.
#[derive(Debug)]
pub struct RetryingStore<S> {
    store: S,
    stop: CancellationToken,
}

impl<S: Store> RetryingStore<S> {
    /// Wraps `store`. After stop is asked the next transient fault is returned.
    pub fn new(store: S, stop: CancellationToken) -> Self {
        Self { store, stop }
    }
}

impl<S: Store> Store for RetryingStore<S> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let mut retry = Retry::up_to(LONGEST_WAIT);
        loop {
            let fault = match self.store.store(intake).await {
                Err(fault) if fault.is_transient() => fault,
                outcome => return outcome,
            };
            let wait = retry.wait(fault.kind());
            let (kind, wait_ms) = (fault.kind().name(), wait.as_millis());
            let seconds = wait.as_secs_f32().ceil();
            warn!(target: "tonghui", kind, wait_ms, "{fault}; retry in {seconds} s");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(fault),
                () = sleep(wait) => {}
            }
        }
    }
}
