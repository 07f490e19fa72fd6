//! The loop of the sink: takes messages from the bus, keeps them in the store and acks them. It may be
//! dropped at any point: the bus delivers messages that were taken and not acked again.
//!
//! The loop ends at the first fault. [`store::RetryingStore`] wraps a store that retries.
//!
//! [`store::RetryingStore`]: crate::store::RetryingStore

use contract::{Consumer, Fault, Outcomes, Store, keep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Keeps the messages of the bus until `stop` is cancelled, at most `max_messages` in one transaction.
/// Adds the number of acked messages to `n_acked`, even if it returns an error.
///
/// # Errors
/// The bus cannot be reached, or the store cannot keep the messages.
pub async fn run(
    consumer: &mut impl Consumer,
    store: &impl Store,
    stop: &CancellationToken,
    max_messages: usize,
    n_acked: &mut usize,
) -> Result<(), Fault> {
    loop {
        let intake = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            intake = consumer.take(max_messages) => intake?,
        };
        debug!(target: "tonghui", n = intake.deliveries().len(), "taken");
        let kept = keep(store, intake).await?;
        let n = kept.tags().len();
        let Outcomes { stored, unchanged, stale, quarantined, redelivered } = kept.outcomes();
        debug!(target: "tonghui", stored, unchanged, stale, quarantined, redelivered, "kept");
        consumer.ack(kept).await?;
        *n_acked += n;
        debug!(target: "tonghui", n, "acked");
    }
}

#[cfg(test)]
mod tests;
