//! Waiting for an unhappy database. The sink holds its deliveries meanwhile: giving them back to the
//! broker would only make it count failures of messages that are healthy.

use std::time::Duration;

use contract::{Fault, Intake, Outcomes, Store};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::dice::Dice;

const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Far inside a broker's consumer timeout (30 minutes), so that a delivery is never taken away.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A store that tries again while its faults are transient, until stop is asked.
#[derive(Debug)]
pub struct Patient<S> {
    store: S,
    stop: CancellationToken,
}

impl<S: Store> Patient<S> {
    /// Makes `store` patient. After stop is asked the next transient fault is returned.
    pub fn new(store: S, stop: CancellationToken) -> Self {
        Self { store, stop }
    }
}

impl<S: Store> Store for Patient<S> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        // Several sinks that lost one database must not come back in step.
        let mut dice = Dice::new(u64::from(std::process::id()));
        let mut attempt: u32 = 0;
        loop {
            let fault = match self.store.store(intake).await {
                Err(fault) if fault.is_transient() => fault,
                outcome => return outcome,
            };
            attempt += 1;
            let wait = wait_after(attempt, &mut dice);
            let wait_ms = wait.as_millis();
            warn!(target: "tonghui", attempt, wait_ms, %fault, "not kept, trying again after wait_ms");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(fault),
                () = sleep(wait) => {}
            }
        }
    }
}

/// Doubles up to the longest, less up to a half of itself.
fn wait_after(attempt: u32, dice: &mut Dice) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let half = u64::try_from(full.as_millis() / 2).unwrap_or(0);
    Duration::from_millis(half + dice.below(half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_half_of_their_limit() {
        let mut dice = Dice::new(7);
        for (attempt, limit) in
            [(1, 100), (2, 200), (5, 1_600), (9, 25_600), (10, 30_000), (4_000, 30_000)]
        {
            let wait = wait_after(attempt, &mut dice).as_millis();
            assert!((limit / 2..=limit).contains(&wait), "attempt {attempt} waits {wait} ms");
        }
    }
}
