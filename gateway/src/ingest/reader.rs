//! The half of the loop that reads the source, at most one batch ahead of delivery.

use contract::{
    Channel, ChannelId, Checkpoints, Cursor, DemandId, Entry, Fault, Held, Outbox, Position,
    ReadBatch, Timestamp,
};
use tracing::debug;

use super::{Environment, Run};
use crate::{
    channel::ChannelHandle,
    registry::AnyConnector,
    schedule::{Pace, Pass},
    watch::State,
};

/// A batch that is packed and not yet delivered.
pub(super) struct PackedBatch {
    pub(super) outbox: Outbox,
    /// Its share of the memory of the process.
    pub(super) memory: Held,
}

/// Reads a channel batch by batch.
pub(super) struct Reader<'a, B, C> {
    channel: &'a Channel,
    connector: &'a mut dyn AnyConnector,
    pace: &'a Pace,
    run: &'a Run<'a, B, C>,
    /// The position after the last batch.
    position: Position,
    /// Whether the last batch had caught up with the source.
    caught_up: bool,
    /// The first part of the source that could not be read in the current pass, and why.
    gap: Option<String>,
    /// Number of entries of the current pass so far.
    n_given: u64,
    /// When the current pass began.
    began: Timestamp,
    /// How many passes had been requested when it began; it serves these requests.
    served: u64,
}

impl<'a, B, C: Checkpoints> Reader<'a, B, C> {
    pub(super) fn new(
        channel: &'a Channel,
        connector: &'a mut dyn AnyConnector,
        pace: &'a Pace,
        run: &'a Run<'a, B, C>,
        position: Position,
    ) -> Self {
        let (began, served) = (run.environment.clock.now(), run.handle.control.begin_pass());
        let (caught_up, gap, n_given) = (false, None, 0);
        Self { channel, connector, pace, run, position, caught_up, gap, n_given, began, served }
    }

    /// Settles the position `cursor` with the source, if there is one to settle.
    pub(super) async fn settle(&mut self, cursor: Option<Cursor>) -> Result<(), Fault> {
        let Some(cursor) = cursor else { return Ok(()) };
        let settled = self.connector.settled(&cursor).await;
        self.keep_failed_exchange().await;
        settled?;
        debug!(target: "tonghui", channel = %self.channel.id, "settled");
        Ok(())
    }

    /// Reads and packs the next batch; `None` if there is none to read now. `in_flight` says that the batch
    /// before it is being delivered. After a batch that had caught up, the source is not read again until
    /// that batch is delivered.
    pub(super) async fn next(&mut self, in_flight: bool) -> Result<Option<PackedBatch>, Fault> {
        if self.caught_up {
            if in_flight {
                return Ok(None);
            }
            let ChannelHandle { watch, control, .. } = self.run.handle;
            let Environment { clock, stop, .. } = self.run.environment;
            watch.set(State::CaughtUp);
            control.complete_pass();
            let Some(schedule) = &self.pace.schedule else { return Ok(None) };
            let ended = clock.now();
            let wait = schedule.wait(Some(Pass { began: self.began, ended }), ended);
            stop.run_until_requested(control.wait_until_due(self.served, wait)).await;
            (self.began, self.served) = (clock.now(), control.begin_pass());
        }
        self.read_and_pack().await
    }

    async fn read_and_pack(&mut self) -> Result<Option<PackedBatch>, Fault> {
        let Run { checkpoints, fence, handle, brake, cause, environment, .. } = self.run;
        let ChannelHandle { watch, numbers, .. } = handle;
        let Environment { memory, mapping, clock, stop } = environment;
        let Channel { id, .. } = self.channel;
        watch.set(State::Running);
        let mut numbers = numbers.lock().await;
        let cursor = self.position.cursor.as_ref();
        let batch = tokio::select! { biased;
            () = stop.requested() => return Ok(None),
            // `Connector::read` promises to be cancel-safe.
            batch = self.connector.read(cursor, self.pace.max_entries) => batch,
        };
        self.keep_failed_exchange().await;
        let mut batch = batch?;
        if let Some((part, fault)) = batch.trouble.first() {
            self.gap.get_or_insert_with(|| format!("{} could not be read: {fault}", part.0));
        }
        self.n_given += batch.entries.len() as u64;
        if let Some(end) = &mut batch.end {
            // Not every connector counts what it gives.
            end.given = end.given.max(std::mem::take(&mut self.n_given));
            end.gap = end.gap.take().or(self.gap.take());
        }
        self.caught_up = batch.caught_up();
        watch.note_read(&batch);
        debug!(
            target: "tonghui",
            channel = %id, n = batch.entries.len(), caught_up = batch.caught_up(), "read"
        );
        // The number is taken after the answer has arrived, so a later answer has a greater number.
        let read_no = numbers.next(id, *fence, *checkpoints).await?;
        drop(numbers);
        batch.entries = Entry::join_unreadable(batch.entries);
        let next = self.position.moved(batch.upto.clone());
        let from = std::mem::replace(&mut self.position, next);
        let (channel, read_at) = (self.channel.clone(), clock.now());
        // This and mapping may take long, so the lock on the read numbers was released before.
        let n_bytes: usize = batch.entries.iter().map(Entry::memory).sum();
        let mut memory = memory.batches.hold(n_bytes).await;
        let cause = *cause;
        let read = ReadBatch { channel, from, read_no, batch, read_at, cause };
        let outbox = mapping.pack(read).await?;
        let tally = outbox.tally();
        debug!(
            target: "tonghui",
            channel = %id, read_no = read_no.0, accepted = tally.accepted,
            skipped = tally.skipped, rejected = tally.rejected, "packed"
        );
        brake.check(id, outbox.shapes())?;
        // The entries are gone, and the messages are here.
        memory.set(outbox.bytes());
        Ok(Some(PackedBatch { outbox, memory }))
    }

    /// Keeps what the source answered before a fault, for `tonghui preview --last`.
    async fn keep_failed_exchange(&mut self) {
        let Some(exchange) = self.connector.failed_exchange() else { return };
        let Ok(bytes) = serde_json::to_vec(&exchange) else { return };
        let Channel { id, normalizer, .. } = self.channel;
        let exchange = normalizer.seal(&exchange_id(id), &bytes);
        let now = self.run.environment.clock.now();
        // Nothing depends on it, so a store that fails at this moment is no reason to stop.
        if let Err(fault) = self.run.checkpoints.keep_exchange(id, &exchange, now).await {
            debug!(target: "tonghui", channel = %id, "a failed exchange is not kept: {fault}");
        }
    }
}

/// The id under which the failed exchange of a channel is sealed.
pub(crate) fn exchange_id(channel: &ChannelId) -> DemandId {
    DemandId::of_bytes(channel, b"failed exchange")
}
