//! The whole ingest side: read, pack, deliver, advance, settle.
//!
//! While one batch is delivered, the source is told of the batch before it and the next one is read
//! and packed; delivering, advancing and settling keep their order.
//!
//! Everything that may fail leaves this function; the supervisor waits and calls it again, and it
//! begins by loading the position: starting *is* recovering, there is no second path to test.
//! Nothing in memory matters: dropping this future anywhere equals a crash at that point.

mod reader;

use std::sync::Arc;

use contract::{Channel, Checkpoints, Clock, Confirmed, Fault, Publisher, deliver};
use tracing::debug;

use crate::{
    brake::Brake, channel::ChannelHandle, mapping::MappingPool, memory::Memory,
    registry::AnyConnector, schedule::Pace, stop::Stop,
};
use reader::{Packed, Reader};

/// What every loop of this process shares with the others.
#[derive(Clone)]
pub struct Environment {
    /// Bytes in flight.
    pub memory: Arc<Memory>,
    /// Maps what was read.
    pub mapping: Arc<MappingPool>,
    /// What time it is.
    pub clock: Clock,
    /// Asks the loops to end at their next batch border.
    pub stop: Stop,
}

/// One run of the loop: where it puts what it reads, and who watches.
pub struct Run<'a, B, C> {
    /// Where messages go.
    pub bus: &'a B,
    /// Where progress is kept.
    pub checkpoints: &'a C,
    /// The lease under which it reads.
    pub fence: u64,
    /// Who watches and controls the channel, and its read numbers.
    pub handle: &'a ChannelHandle,
    /// Stops it when the source no longer says what it always said.
    pub brake: Brake,
    /// What it shares with other loops.
    pub environment: &'a Environment,
}

/// Reads `channel` until it is asked to stop, or once it has caught up where `pace` says so.
///
/// # Errors
/// The first fault of any verb. What was done is durable or will be done again.
pub async fn ingest<B: Publisher, C: Checkpoints>(
    channel: &Channel,
    connector: &mut dyn AnyConnector,
    pace: &Pace,
    run: &Run<'_, B, C>,
) -> Result<(), Fault> {
    let at = run.checkpoints.load(&channel.id, run.fence).await?;
    let mut owed = at.cursor.clone(); // what a crash left unsaid
    let mut reader = Reader::new(channel, connector, pace, run, at);
    let mut packed = None;
    loop {
        let in_flight = packed.is_some();
        let on = async {
            reader.settle(owed.take()).await?;
            Ok(reader.read_on(in_flight).await)
        };
        // Both to their end: a source that fails must not take back what it gave before, or one that
        // asks for a pause after every answer would be read from the same place for ever.
        let (confirmed, on) = tokio::join!(confirm(run.bus, packed), on);
        let next = on?; // the stored position alone says what is owed: it stays until that is paid
        if let Some(confirmed) = confirmed? {
            run.checkpoints.advance(&confirmed).await?;
            run.handle.watch.advanced(confirmed.tally());
            debug!(target: "tonghui", channel = %channel.id, read_no = confirmed.read_no().0, "advanced");
            owed = Some(confirmed.upto().clone());
        } else if let Ok(None) = next {
            return Ok(());
        }
        packed = next?;
    }
}

/// Delivers a batch, and gives back the memory it took.
async fn confirm(
    bus: &impl Publisher,
    packed: Option<Packed<'_>>,
) -> Result<Option<Confirmed>, Fault> {
    let Some(Packed { outbox, room: _room }) = packed else { return Ok(None) };
    let confirmed = deliver(bus, outbox).await?;
    debug!(
        target: "tonghui",
        channel = %confirmed.channel(), read_no = confirmed.read_no().0,
        n = confirmed.parts().len(), "confirmed"
    );
    Ok(Some(confirmed))
}
