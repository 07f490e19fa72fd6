//! Compares by id and digest what a source has with what the store has. Nothing is delivered, advanced or settled.

use std::{collections::HashMap, time::Duration};

use contract::{
    Batch, Channel, ChannelId, DemandId, Digest, Event, Fault, Intake, MappingNo, Partition,
    Position, ReadBatch, ReadNo, Retry, Tally, TimeRange, Timestamp, demand::Cause,
};
use serde::{Deserialize, Serialize};
use sink::store::{Database, StoredDigest};
use tokio::time::Instant;

use crate::{channel::LiveChannel, ingest::Environment, log, supervise::limit};

/// Number of demands that are read from the store at a time.
const PAGE: u32 = 10_000;
/// After this time it looks again whether the service has stored what differs, then after twice that time, and so on:
/// each look goes through all demands of the channel.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// What the source and the store have of a channel.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of different records of the source that the mapping accepts.
    pub in_source: u64,
    /// Number of records that it skips or rejects, or that have no key; they are not compared.
    pub not_compared: u64,
    /// Number of these that it rejects, or that have no key: some of them may be demands.
    #[serde(default)]
    pub rejected: u64,
    /// Keys of the records that the store does not have.
    pub missing: Vec<String>,
    /// Keys of the records whose content has another digest than the one that is stored with the demand. The digest
    /// cannot be computed again from the stored columns, because it covers values that are only stored sealed: so a
    /// column that somebody changed in the database by hand is not found.
    pub different: Vec<String>,
    /// Ids of the demands that the source does not have (any more); empty if a time range was compared,
    /// because the source does not say which of them it would list.
    pub only_stored: Vec<DemandId>,
}

impl Comparison {
    /// Whether the store has everything that the source has.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty()
    }
}

/// Reads the source from the start, or only `range`, and compares each record with the store. Waits if the
/// source asks for a pause; `None` if stop is requested before the end. What the source has changed since the store was
/// looked at differs until the next pass has stored it: this waits for that, as long as `patience` says once all was read.
///
/// # Errors
/// The source does not show all its records again; it cannot be read to its end; or the store cannot be read.
pub async fn compare(
    channel: &LiveChannel,
    range: Option<TimeRange>,
    store: &Database,
    environment: &Environment,
    patience: impl Fn() -> Duration,
) -> Result<Option<Comparison>, Fault> {
    let stop = &environment.stop;
    let is_everything = range.is_none_or(|range| range == TimeRange::EVERYTHING);
    let mut connector = channel.connector(channel.context())?;
    connector.ensure_listable()?;
    limit(&mut *connector, range)?;
    let mut states = States::new();
    for_each_stored(channel.id(), store, |stored| {
        states.insert(stored.id, State { in_source: None, in_store: Some(stored) });
    })
    .await?;
    let (mut comparison, mut retry, mut cursor) = (Comparison::default(), Retry::default(), None);
    loop {
        let read = tokio::select! { biased;
            () = stop.requested() => return Ok(None),
            read = connector.read(cursor.as_ref(), channel.spec.pace.max_entries) => read,
        };
        let mut batch = match read {
            Ok(batch) => batch,
            Err(fault) if fault.is_stopped() => return Err(fault),
            Err(fault) => {
                let wait = retry.wait(fault.kind());
                log::retry(Some(channel.id()), &fault, wait);
                stop.or_sleep(wait).await;
                continue;
            }
        };
        retry.reset();
        if let Some((Partition(part), fault)) = batch.trouble.pop() {
            return Err(fault.at(part));
        }
        let end = batch.end.take();
        cursor = Some(batch.upto.clone());
        let tally = note_states(channel, batch, environment, &mut states).await?;
        comparison.not_compared += tally.skipped + tally.rejected;
        comparison.rejected += tally.rejected;
        if let Some(end) = end {
            if let Some(missing) = end.missing() {
                let message = format!("the source was not read to its end: {missing}");
                return Err(Fault::stopped(message).remedy("run the command again"));
            }
            break;
        }
    }
    let read_at = environment.clock.now();
    let (deadline, mut wait) = (Instant::now() + patience(), FIRST_LOOK);
    while states.values().any(|state| state.differs(read_at)) && Instant::now() < deadline {
        stop.or_sleep(wait.min(deadline - Instant::now())).await;
        if stop.is_requested() {
            return Ok(None);
        }
        wait *= 2;
        for_each_stored(channel.id(), store, |stored| {
            if let Some(state) = states.get_mut(&stored.id).filter(|state| state.differs(read_at)) {
                state.in_store = Some(stored);
            }
        })
        .await?;
    }
    comparison.in_source = states.values().filter(|state| state.in_source.is_some()).count() as u64;
    for (id, state) in states {
        let differs = state.differs(read_at);
        match (state.in_source, state.in_store) {
            (Some((key, _)), None) => comparison.missing.push(key),
            (Some((key, _)), Some(_)) if differs => comparison.different.push(key),
            (None, Some(_)) if is_everything => comparison.only_stored.push(id),
            (Some(_) | None, _) => {}
        }
    }
    comparison.missing.sort_unstable();
    comparison.different.sort_unstable();
    comparison.only_stored.sort_unstable();
    Ok(Some(comparison))
}

/// The content of one demand on both sides.
#[derive(Default)]
struct State {
    /// Key and digest.
    in_source: Option<(String, Digest)>,
    in_store: Option<StoredDigest>,
}

impl State {
    /// Whether the store lacks what the source had when all of it was read, at `read_at`. What the service read and stored
    /// since then is as new, or newer.
    fn differs(&self, read_at: Timestamp) -> bool {
        self.in_source.as_ref().is_some_and(|(_, there)| {
            self.in_store
                .as_ref()
                .is_none_or(|stored| stored.digest != *there && stored.last_seen_at <= read_at)
        })
    }
}

type States = HashMap<DemandId, State>;

/// Visits the demands of a channel in the store.
async fn for_each_stored(
    channel: &ChannelId,
    store: &Database,
    mut visit: impl FnMut(StoredDigest),
) -> Result<(), Fault> {
    let mut after = 0;
    loop {
        let page = store.digests(channel, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        page.into_iter().for_each(&mut visit);
    }
}

/// Maps a batch as the ingest loop does, and notes the contents of its demands; returns what became of its entries.
/// If a record comes twice, the later state counts.
async fn note_states(
    channel: &LiveChannel,
    batch: Batch,
    environment: &Environment,
    states: &mut States,
) -> Result<Tally, Fault> {
    let read = ReadBatch {
        channel: Channel {
            id: channel.id().clone(),
            mapping: MappingNo(1),
            normalizer: channel.normalizer.clone(),
        },
        from: Position::default(),
        read_no: ReadNo(1),
        batch,
        read_at: environment.clock.now(),
        cause: Cause::Live,
    };
    let outbox = environment.mapping.pack(read).await?;
    let intake = Intake::new(outbox.messages().iter().map(|message| (0, message.clone())));
    for event in intake.deliveries().iter().flat_map(|delivery| &delivery.events) {
        if let Event::Demand(demand) = event {
            let state = states.entry(demand.id).or_default();
            state.in_source = Some((demand.source_key.to_string(), demand.digest));
        }
    }
    Ok(outbox.tally())
}
