//! The whole ingest side: read, pack, deliver, advance, settle.
//!
//! Everything that may fail leaves this function; the supervisor waits and calls it again, and it
//! begins by loading the position: starting *is* recovering, there is no second path to test.
//! Nothing in memory matters: dropping this future anywhere equals a crash at that point.

use contract::{Channel, Checkpoints, Fault, Publisher, deliver, pack};
use tracing::debug;

use crate::{
    clock::Clock, memory::Memory, numbers::ReadNumbers, pace::Pace, registry::AnyConnector,
    stop::Stop, watch::ChannelWatch,
};

/// What an ingest loop uses and does not own.
pub struct Means<'a, B, C> {
    /// Where messages go.
    pub bus: &'a B,
    /// Where progress is kept.
    pub checkpoints: &'a C,
    /// Bytes that all channels together may have in flight.
    pub memory: &'a Memory,
    /// What time it is.
    pub clock: &'a Clock,
    /// Asks the loop to end at the next batch border.
    pub stop: &'a Stop,
    /// Sees the progress.
    pub watch: &'a ChannelWatch,
}

/// Reads `channel` until it is asked to stop, or once it has caught up where `pace` says so.
///
/// # Errors
/// The first fault of any verb. What was done is durable or will be done again.
pub async fn ingest<B: Publisher, C: Checkpoints>(
    channel: &Channel,
    connector: &mut dyn AnyConnector,
    pace: &Pace,
    means: &Means<'_, B, C>,
) -> Result<(), Fault> {
    let Means { bus, checkpoints, memory, clock, stop, watch } = means;
    let mut numbers = ReadNumbers::new(&channel.id);
    let mut at = checkpoints.load(&channel.id).await?;
    if let Some(cursor) = &at.cursor {
        connector.settled(cursor).await?; // what a crash left unsaid
    }
    loop {
        watch.began();
        let batch = tokio::select! { biased;
            () = stop.asked() => return Ok(()),
            // Cancel-safe by the promise of `Connector::read`.
            batch = connector.read(at.cursor.as_ref(), pace.max_entries) => batch?,
        };
        let caught_up = batch.caught_up;
        watch.read(&batch);
        debug!(target: "tonghui", channel = %channel.id, n = batch.entries.len(), caught_up, "read");

        // Drawn after the answer has arrived, so that a later read has a greater number.
        let read_no = numbers.next(*checkpoints).await?;
        let outbox = pack(channel, at, read_no, batch, clock.now());
        let tally = outbox.tally();
        debug!(
            target: "tonghui",
            channel = %channel.id, read_no = read_no.0, accepted = tally.accepted,
            skipped = tally.skipped, rejected = tally.rejected, "packed"
        );

        let room = memory.room_for(outbox.bytes()).await;
        let confirmed = deliver(*bus, outbox).await?;
        drop(room);
        debug!(target: "tonghui", channel = %channel.id, read_no = read_no.0, n = confirmed.parts().len(), "confirmed");

        checkpoints.advance(&confirmed).await?;
        watch.advanced(confirmed.tally());
        debug!(target: "tonghui", channel = %channel.id, read_no = read_no.0, "advanced");

        connector.settled(confirmed.upto()).await?;
        debug!(target: "tonghui", channel = %channel.id, read_no = read_no.0, "settled");

        at = confirmed.into_position();
        if caught_up {
            watch.caught_up();
            match pace.pause {
                None => return Ok(()),
                Some(pause) => stop.or_sleep(pause).await,
            }
        }
    }
}
