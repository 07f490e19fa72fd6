//! Moves the records of a channel from its source to the bus: reads a batch, packs it into messages,
//! delivers them, advances the stored position, and settles with the source.
//!
//! While one batch is delivered, the batch before it is settled, and the next one is read and packed.
//! Batches are delivered, advanced and settled in order.
//!
//! Every fault ends [`ingest`]; the supervisor waits and calls it again. It begins by loading the
//! position, so starting and recovering are the same, and there is no second path to test. It needs no
//! state in memory: dropping its future at any point has the same effect as a crash at that point.

mod reader;

use std::sync::Arc;

use contract::{
    Channel, Checkpoints, Clock, Confirmed, Fault, Memory, Publisher, deliver, demand::Cause,
};
use tracing::debug;

use crate::{
    brake::Brake, channel::ChannelHandle, mapping::MappingPool, registry::AnyConnector,
    schedule::Pace, stop::Stop,
};
pub(crate) use reader::exchange_id;
use reader::{PackedBatch, Reader};

/// What all loops of the process share.
#[derive(Clone)]
pub struct Environment {
    /// The memory of the process.
    pub memory: Memory,
    /// The threads that map records.
    pub mapping: Arc<MappingPool>,
    /// The clock.
    pub clock: Clock,
    /// Stops the loops after the batch in flight.
    pub stop: Stop,
}

/// What one run of the loop uses.
pub struct Run<'a, B, C> {
    /// Where messages are published.
    pub bus: &'a B,
    /// Where positions and books are stored.
    pub checkpoints: &'a C,
    /// Fence of the lease under which it reads.
    pub fence: u64,
    /// State, control and read numbers of the channel.
    pub handle: &'a ChannelHandle,
    /// Stops the run if a usual field is missing from all new demands.
    pub brake: Brake,
    /// Why it reads.
    pub cause: Cause,
    /// What all loops share.
    pub environment: &'a Environment,
}

/// Reads `channel` until stop is requested or, if `pace` has no schedule, until it has caught up.
///
/// # Errors
/// The first fault of any verb. What was done is durable or will be done again.
pub async fn ingest<B: Publisher, C: Checkpoints>(
    channel: &Channel,
    connector: &mut dyn AnyConnector,
    pace: &Pace,
    run: &Run<'_, B, C>,
) -> Result<(), Fault> {
    let position = run.checkpoints.load(&channel.id, run.fence).await?;
    let mut to_settle = position.cursor.clone(); // a crash may have prevented settling it
    let mut reader = Reader::new(channel, connector, pace, run, position);
    let mut packed = None;
    loop {
        let in_flight = packed.is_some();
        let next = async {
            reader.settle(to_settle.take()).await?;
            Ok(reader.next(in_flight).await)
        };
        // Both run to their end, so a failed read does not cancel the delivery of the batch before it.
        // Otherwise a source that asks for a pause after every batch would never get past its first one.
        let (confirmed, next) = tokio::join!(confirm(run.bus, packed), next);
        let next = next?; // after a failed settlement, the stored position must not move
        if let Some(confirmed) = confirmed? {
            run.checkpoints.advance(&confirmed).await?;
            run.handle.watch.note_advanced(&confirmed);
            debug!(target: "tonghui", channel = %channel.id, read_no = confirmed.read_no().0, "advanced");
            to_settle = Some(confirmed.upto().clone());
        } else if let Ok(None) = next {
            return Ok(());
        }
        packed = next?;
    }
}

/// Delivers a batch, then releases its memory.
async fn confirm(
    bus: &impl Publisher,
    packed: Option<PackedBatch>,
) -> Result<Option<Confirmed>, Fault> {
    let Some(PackedBatch { outbox, memory: _memory }) = packed else { return Ok(None) };
    let confirmed = deliver(bus, outbox).await?;
    debug!(
        target: "tonghui",
        channel = %confirmed.channel(), read_no = confirmed.read_no().0,
        n = confirmed.parts().len(), "confirmed"
    );
    Ok(Some(confirmed))
}
