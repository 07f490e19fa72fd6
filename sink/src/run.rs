//! The loop of the sink: take, keep, ack. Its progress is in the rows. Dropping the future is like a
//! crash at that point: messages that were taken and not acked are delivered again.
//!
//! This loop does not retry. [`store::RetryingStore`] does that for any store, so tests can use the loop
//! without waiting.
//!
//! [`store::RetryingStore`]: crate::store::RetryingStore

use contract::{Consumer, Fault, Outcomes, Store, keep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Keeps the messages of the bus, at most `max` in one transaction, until `stop`. `acked` counts the
/// messages, whether the loop ends with an error or not.
///
/// # Errors
/// The bus has ended, or the store cannot keep messages. Those that were not acked are delivered again.
pub async fn run(
    consumer: &mut impl Consumer,
    store: &impl Store,
    stop: &CancellationToken,
    max: usize,
    acked: &mut usize,
) -> Result<(), Fault> {
    loop {
        let intake = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            intake = consumer.take(max) => intake?,
        };
        debug!(target: "tonghui", n = intake.deliveries().len(), "taken");
        let kept = keep(store, intake).await?;
        let n = kept.tags().len();
        let Outcomes { stored, unchanged, stale, quarantined, redelivered } = kept.outcomes();
        debug!(target: "tonghui", stored, unchanged, stale, quarantined, redelivered, "kept");
        consumer.ack(kept).await?;
        *acked += n;
        debug!(target: "tonghui", n, "acked");
    }
}

#[cfg(test)]
mod tests;
