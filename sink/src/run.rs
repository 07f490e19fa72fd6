//! The whole durable side: take, keep, ack. Progress is rows; dropping this future anywhere equals
//! a crash at that point, and what was taken and not acked comes again.
//!
//! Retries are not this loop's business: [`store::RetryingStore`] does them for any store, so a test
//! can have the loop without the waits.
//!
//! [`store::RetryingStore`]: crate::store::RetryingStore

use contract::{Consumer, Fault, Outcomes, Store, keep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Keeps what the bus gives out, at most `max` messages in one transaction, until stop is asked.
/// `acked` counts the messages, however it ends.
///
/// # Errors
/// The bus is gone, or the store cannot keep; what was taken and not acked comes again.
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
