//! Maps records again that the store keeps, and publishes what they become like any read: the records of demands that
//! an earlier mapping made (`replay`), and rejected records (`quarantine retry`).
//!
//! A record is the state of an earlier read and gets its version, with the number of today's mapping: it is newer than
//! the stored state, and no newer state that came meanwhile is replaced. The messages belong to a read of their own, and
//! no position moves. What is stored is no longer to be mapped, so a run that was killed is begun again, and nothing in
//! memory matters.
//!
//! What today's mapping rejects stays as it is: the stored state was valid when it was read, and the next read decides
//! anew. The record of a demand is the one that brought its stored content: what the source has changed since in fields
//! that were not mapped comes with the next read. Bytes are not decoded again: the flags of the decoder are kept, and a
//! text of a workbook that looks like an escape (`_x0041_`) is taken for one.

mod account;
mod candidate;

use std::time::Duration;

use contract::{
    Channel, Checkpoints as _, DemandId, DemandShape, Fault, MappingNo, Obstacle, Publisher as _,
    ReadNo, Retry, Timestamp, deliver, pack_again,
};
use sink::store::{Database, ReadOutcomes};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{brake::Brake, channel::LiveChannel, log, mapping::MappingPool, supervise::Shared};
pub use account::{Account, Refused};
use candidate::{Candidate, MapResult, Mapped};

/// The memory that a page is charged, with its opened records and its messages.
const PAGE_MEMORY: usize = 16 << 20;
/// After this time it says that it waits for receipts.
const QUIET: Duration = Duration::from_secs(10);
/// How often the receipts of what was published are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Which records are mapped again.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// Those of demands that an earlier mapping made, and that were last seen at this time or later.
    Outdated(Option<Timestamp>),
    /// The rejected ones of the channel, or only this one.
    Rejected(Option<DemandId>),
}

impl Which {
    /// The next records after this row number; empty if there are none.
    async fn page(
        self,
        channel: &LiveChannel,
        mapping: MappingNo,
        after: i64,
        store: &Database,
    ) -> Result<Vec<Candidate>, Fault> {
        let id = channel.id();
        Ok(match self {
            Self::Outdated(since) => {
                let page = store.outdated(id, mapping, since, after).await?;
                page.into_iter().map(Candidate::from).collect()
            }
            Self::Rejected(None) => {
                let page = store.unresolved(id, after).await?;
                page.into_iter().map(Candidate::from).collect()
            }
            Self::Rejected(Some(_)) if after > 0 => Vec::new(),
            Self::Rejected(Some(reject)) => {
                let row = store.quarantine_show(&reject).await?;
                let row = row.filter(|row| row.resolved_at.is_none() && row.channel == *id);
                row.map(|row| Candidate::from((1, row))).into_iter().collect()
            }
        })
    }
}

/// Maps the records of a channel again, publishes what is accepted, and waits until it is stored. `None` if stop is
/// requested before the end.
///
/// # Errors
/// A fault that does not pass by itself.
pub async fn map_again(
    channel: &LiveChannel,
    which: Which,
    shared: &Shared,
    fence: u64,
) -> Result<Option<Account>, Fault> {
    let (stop, mut retry) = (&shared.environment.stop, Retry::default());
    let account = Account::default();
    let mut run = Run { channel, which, shared, fence, reads: Vec::new(), account };
    while !stop.is_requested() {
        match Box::pin(run.round()).await {
            // A message of an earlier mapping may have been stored meanwhile: look once more.
            Ok(Some(true)) => retry.reset(),
            Ok(Some(false)) => return Ok(Some(run.account)),
            Ok(None) => break,
            Err(fault) if fault.is_stopped() => {
                if fault.obstacle() == Some(Obstacle::Shape) {
                    // For `accept`, which concerns a replay too.
                    let now = shared.environment.clock.now();
                    let _ = shared.store.note(channel.id(), &fault, now).await;
                }
                return Err(fault);
            }
            Err(fault) => {
                let wait = retry.wait(fault.kind());
                log::retry(Some(channel.id()), &fault, wait);
                stop.or_sleep(wait).await;
            }
        }
    }
    Ok(None)
}

/// What [`map_again`] would do; changes nothing.
///
/// # Errors
/// The store cannot be read.
pub async fn preview(
    channel: &LiveChannel,
    which: Which,
    store: &Database,
) -> Result<Account, Fault> {
    let latest = store.latest_mapping(channel.id(), channel.spec.mapping).await?;
    // A mapping that is new, or used again, gets a number above all others.
    let mapping = latest.unwrap_or(MappingNo(u32::MAX));
    let (pool, mut account, mut after) = (MappingPool::default(), Account::default(), 0);
    let brake = Brake::new(store.shapes(channel.id()).await?);
    loop {
        let page = which.page(channel, mapping, after, store).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let mapped = map(page, channel, &pool).await?;
        brake.check(channel.id(), &shapes(&mapped))?;
        account.preview(mapped);
    }
    account.mapping = latest.map_or(0, |latest| latest.0);
    account.in_flight = store.missing_receipts(channel.id(), ReadNo(0), u64::MAX).await?;
    Ok(account)
}

struct Run<'a> {
    channel: &'a LiveChannel,
    which: Which,
    shared: &'a Shared,
    fence: u64,
    /// The reads that were published.
    reads: Vec<ReadNo>,
    account: Account,
}

impl Run<'_> {
    /// Maps and publishes all that is to be mapped, and waits until it is stored; whether anything was stored. `None`
    /// if stop is requested first.
    async fn round(&mut self) -> Result<Option<bool>, Fault> {
        let Shared { bus, store, environment, .. } = self.shared;
        let id = self.channel.id().clone();
        bus.ready().await?;
        let position = store.load(&id, self.fence).await?;
        let mapping = store.mapping(&id, self.channel.spec.mapping).await?;
        let normalizer = self.channel.normalizer.clone();
        let channel = Channel { id: id.clone(), mapping, normalizer };
        self.account.begin_round(mapping);
        // A mapping that loses a field of nearly all demands would lose it in the stored ones too.
        let brake = Brake::new(store.shapes(&id).await?);
        let (step, mut after, first) = (position.step, 0, self.reads.len());
        loop {
            if environment.stop.is_requested() {
                return Ok(None);
            }
            // The read whose turn it is may wait for memory, so nothing is held while this waits for its number.
            let read_no =
                self.channel.handle.numbers.lock().await.next(&id, self.fence, store).await?;
            let mut memory = environment.memory.batches.hold(PAGE_MEMORY).await;
            let page = self.which.page(self.channel, mapping, after, store).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let mapped = map(page, self.channel, &environment.mapping).await?;
            let (accepted, older) = self.account.count(mapped);
            if accepted.is_empty() {
                continue;
            }
            let (channel, from, now) = (channel.clone(), position.clone(), environment.clock.now());
            let pack = move || pack_again(&channel, from, read_no, accepted, now);
            let outbox = environment.mapping.run(pack).await?;
            brake.check(&id, outbox.shapes())?;
            self.account.rejected += outbox.tally().skipped;
            memory.set(outbox.bytes());
            let confirmed = deliver(bus, outbox).await?;
            store.book_again(&confirmed).await?;
            self.reads.push(read_no);
            self.account.older += older;
            let n = confirmed.parts().len();
            debug!(target: "tonghui", channel = %id, read_no = read_no.0, n, "mapped again");
        }
        let before = self.progress();
        let Some(ReadOutcomes { mut outcomes, .. }) = self.stored().await? else { return Ok(None) };
        // What the store cannot keep is found again in each round.
        let last = self.reads.get(first..).unwrap_or_default();
        outcomes.quarantined = store.read_outcomes(&id, last).await?.outcomes.quarantined;
        self.account.set_outcomes(outcomes);
        self.account.in_flight = store.missing_receipts(&id, ReadNo(0), step).await?;
        Ok(Some(self.progress() > before))
    }

    /// What was stored so far, and is not mapped again in the next round.
    fn progress(&self) -> u64 {
        let Account { changed, unchanged, .. } = self.account;
        match self.which {
            Which::Outdated(_) => changed + unchanged,
            // Nothing of a reject that is stored already needs another round.
            Which::Rejected(_) => changed,
        }
    }

    /// Waits until everything that was published is stored, by this or another process.
    async fn stored(&self) -> Result<Option<ReadOutcomes>, Fault> {
        let Shared { store, environment, .. } = self.shared;
        let (id, mut quiet_until) = (self.channel.id(), Some(Instant::now() + QUIET));
        while !environment.stop.is_requested() {
            let found = store.read_outcomes(id, &self.reads).await?;
            if found.in_flight == 0 {
                return Ok(Some(found));
            }
            if quiet_until.take_if(|until| Instant::now() >= *until).is_some() {
                let n = found.in_flight;
                warn!(target: "tonghui", channel = %id, "waiting: {n} messages are not stored yet; see `tonghui flight list {id}`");
            }
            environment.stop.or_sleep(POLL_INTERVAL).await;
        }
        Ok(None)
    }
}

/// The shapes of the demands of a page.
fn shapes(mapped: &[Mapped]) -> Vec<(DemandId, DemandShape)> {
    let shape = |each: &Mapped| match &each.result {
        MapResult::Accepted(accepted) => Some((each.id, DemandShape::of(&accepted.accepted.body))),
        MapResult::Rejected(_) | MapResult::NoRecord => None,
    };
    mapped.iter().filter_map(shape).collect()
}

/// Maps a page on a mapping thread.
async fn map(
    page: Vec<Candidate>,
    channel: &LiveChannel,
    pool: &MappingPool,
) -> Result<Vec<Mapped>, Fault> {
    let mapping = channel.mapping.clone();
    let work = move || page.into_iter().map(|candidate| candidate.map(&mapping)).collect();
    pool.run(work).await
}
