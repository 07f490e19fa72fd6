//! The loop of the sink: take, keep, ack. Its only progress is the rows in the store. Dropping the future
//! has the effect of a crash at that point: messages that were taken and not acked are delivered again.
//!
//! This loop does not retry. [`store::RetryingStore`] does that for any store, so tests can use the loop
//! without waiting.
//!
//! [`store::RetryingStore`]: crate::store::RetryingStore

use contract::{Consumer, Fault, Outcomes, Store, keep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Keeps the messages of the bus until `stop` is cancelled, at most `max_messages` in one transaction.
/// Adds the number of acked messages to `n_acked`, even if the loop ends with an error.
///
/// # Errors
/// The bus has ended, or the store cannot keep messages. Messages that were not acked are delivered again.
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
