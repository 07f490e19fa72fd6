//! A store in memory, for tests: it writes the rows that the databases write into maps. It passes the same
//! tests as the databases, so tests that use it are valid for them too.

use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::{
    ChannelId, Checkpoints, Confirmed, Demand, DemandId, Digest, Fault, Intake, MappingNo,
    MessageId, Outcomes, Part, Position, ReadNo, RecordKey, SealedBytes, Store, Tally, Timestamp,
};

use super::{
    BooksRow, DemandRow, HistoryRow, Quarantined,
    books::{lease_lost, position_moved},
    demands::{
        known::{KnownDemand, KnownState, keys, stale_suspects},
        plan::{Exclusions, plan},
        quarantine::FOREIGN,
        rows::{IntakePlan, Receipt},
    },
};

/// A store whose content is lost when it is dropped.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// Demands by row number.
    demands: BTreeMap<i64, DemandRow>,
    /// Row numbers of demands by id.
    ids: HashMap<DemandId, i64>,
    /// The row number of the demand, the state, and its raw record.
    history: Vec<(i64, HistoryRow, SealedBytes)>,
    quarantine: BTreeMap<DemandId, Quarantined>,
    /// Unlike in the databases, their outcomes include the events of redeliveries.
    receipts: BTreeMap<MessageId, Receipt>,
    reads: BTreeMap<(ChannelId, ReadNo), (Tally, Vec<Part>)>,
    checkpoints: HashMap<ChannelId, Checkpoint>,
    mappings: HashMap<ChannelId, Vec<Digest>>,
}

#[derive(Debug, Default)]
struct Checkpoint {
    position: Position,
    fault: Option<String>,
    /// The last read number that was reserved.
    reserved: u64,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The current state of all demands, in the order in which they were first stored.
    pub fn demands(&self) -> Vec<Demand> {
        self.lock().demands.values().map(|row| row.demand.clone()).collect()
    }

    /// The demand with this id.
    pub fn demand(&self, id: &DemandId) -> Option<DemandRow> {
        let state = self.lock();
        state.demands.get(state.ids.get(id)?).cloned()
    }

    /// The current state of the demand with this key.
    pub fn current(&self, channel: &ChannelId, key: &RecordKey) -> Option<Demand> {
        self.demand(&DemandId::of(channel, key)).map(|row| row.demand)
    }

    /// All states of a demand, in the order of judgement.
    pub fn history(&self, id: &DemandId) -> Vec<HistoryRow> {
        let state = self.lock();
        let Some(seq) = state.ids.get(id) else { return Vec::new() };
        let rows = state.history.iter().filter(|(demand, _, _)| demand == seq);
        rows.map(|(_, row, _)| row.clone()).collect()
    }

    /// The row in quarantine with this id, resolved or not.
    pub fn quarantined(&self, id: &DemandId) -> Option<Quarantined> {
        self.lock().quarantine.get(id).cloned()
    }

    /// The first row in quarantine that came from this place.
    pub fn quarantined_at(&self, place: &str) -> Option<Quarantined> {
        self.lock().quarantine.values().find(|row| row.place == place).cloned()
    }

    /// The books of all channels.
    pub fn books(&self) -> Vec<BooksRow> {
        books(&self.lock())
    }

    /// The last fault of a channel, if no read has come after it.
    pub fn fault(&self, channel: &ChannelId) -> Option<String> {
        let state = self.lock();
        let checkpoint = state.checkpoints.get(channel)?;
        checkpoint.fault.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let mut state = self.lock();
        let believing = intake.claims().next().map(|_| {
            intake.believing(|id, part| {
                let read = state.reads.get(&(id.channel.clone(), id.read_no));
                read.is_some_and(|(_, parts)| parts.contains(part))
            })
        });
        let intake = believing.as_ref().unwrap_or(intake);
        let known = state.known(intake);
        let mut plan = plan(intake, &known, &Exclusions::new());
        let last_demand = state.demands.last_key_value().map_or(0, |(seq, _)| *seq);
        let last_history = state.history.last().map_or(0, |(_, row, _)| row.seq);
        plan.assign_numbers(last_demand + 1.., last_history + 1..);
        state.write(&plan);
        Ok(plan.outcomes)
    }
}

impl Tables {
    fn known(&self, intake: &Intake) -> KnownState {
        let ids = intake.deliveries().iter().map(|delivery| &delivery.message.id);
        let receipts = ids.filter_map(|id| Some((id.clone(), self.receipts.get(id)?.hash)));
        let demands: HashMap<DemandId, KnownDemand> = keys(intake)
            .into_keys()
            .filter_map(|id| {
                let seq = *self.ids.get(&id)?;
                let row = self.demands.get(&seq)?;
                let current = contract::DemandState::of(&row.demand);
                Some((id, KnownDemand { seq, current, last_seen_at: row.last_seen_at }))
            })
            .collect();
        let needed = stale_suspects(intake, &demands);
        let history = self.history.iter().filter(|(demand, _, _)| needed.contains(demand));
        KnownState {
            receipts: receipts.collect(),
            history: history.map(|(demand, row, _)| (*demand, row.digest)).collect(),
            demands,
        }
    }

    fn write(&mut self, plan: &IntakePlan<'_>) {
        for change in &plan.changes {
            if let Some(entry) = change.current_entry.and_then(|at| plan.history.get(at)) {
                let first_seen_at = self
                    .demands
                    .get(&change.seq)
                    .map_or(change.first_seen_at, |row| row.first_seen_at);
                let last_seen_at = change.last_seen_at;
                let demand = entry.demand.clone();
                self.ids.insert(change.id, change.seq);
                self.demands.insert(change.seq, DemandRow { demand, first_seen_at, last_seen_at });
            }
            if let Some(row) = self.demands.get_mut(&change.seq) {
                row.demand.version = change.current.version;
                row.last_seen_at = change.last_seen_at;
            }
        }
        for entry in &plan.history {
            let demand = entry.demand;
            let row = HistoryRow {
                seq: entry.seq,
                version: demand.version,
                outcome: entry.outcome,
                status: demand.body.status.map(|status| status.code().to_owned()),
                digest: demand.digest,
                changed: entry.changed.iter().map(|name| (*name).to_owned()).collect(),
                seen_at: demand.origin.read_at,
            };
            self.history.push((entry.demand_seq, row, demand.raw.clone()));
        }
        write_quarantine(&mut self.quarantine, plan);
        for receipt in &plan.receipts {
            self.receipts.insert(receipt.message.clone(), receipt.clone());
        }
        for message in &plan.redelivered {
            if let Some(receipt) = self.receipts.get_mut(*message) {
                receipt.outcomes.redelivered += u64::from(receipt.events);
            }
        }
    }
}

/// Merges and resolves rows as the statements of the databases do.
fn write_quarantine(quarantine: &mut BTreeMap<DemandId, Quarantined>, plan: &IntakePlan<'_>) {
    for row in &plan.quarantined {
        match quarantine.entry(row.id) {
            Entry::Vacant(vacant) => drop(vacant.insert(row.clone())),
            Entry::Occupied(mut existing) => existing.get_mut().merge(row.clone()),
        }
    }
    for change in &plan.changes {
        if let Some(row) = quarantine.get_mut(&change.id)
            && row.resolved_at.is_none()
            && row.is_resolved_by(change.current.version, change.is_again)
        {
            row.resolved_at = Some(change.last_seen_at);
        }
    }
}

const PLACE: &str = "memory store";

impl Checkpoints for Memory {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let mut state = self.lock();
        let position = &mut state.checkpoints.entry(channel.clone()).or_default().position;
        if position.fence > fence && position.fence != Position::UNLEASED {
            return Err(lease_lost(PLACE));
        }
        position.fence = fence;
        Ok(position.clone())
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        if checkpoint.position.fence != fence {
            return Err(lease_lost(PLACE));
        }
        let first = checkpoint.reserved + 1;
        checkpoint.reserved += n;
        Ok(first..first + n)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        let mut state = self.lock();
        let known = state.mappings.entry(channel.clone()).or_default();
        if known.last() != Some(&fingerprint) {
            known.push(fingerprint);
        }
        Ok(MappingNo(u32::try_from(known.len()).unwrap_or(u32::MAX)))
    }

    async fn advance(&self, confirmed: &Confirmed) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(confirmed.channel().clone()).or_default();
        let (stored, from) = (&mut checkpoint.position, confirmed.from());
        let is_leased = stored.fence != Position::UNLEASED;
        if stored.fence != from.fence || stored.step != from.step && is_leased {
            return Err(position_moved(PLACE));
        }
        *stored = stored.moved(confirmed.upto().clone());
        checkpoint.fault = None;
        if confirmed.tally().read > 0 {
            let read = (confirmed.tally(), confirmed.parts().to_vec());
            state.reads.insert((confirmed.channel().clone(), confirmed.read_no()), read);
        }
        Ok(())
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, _: Timestamp) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        checkpoint.fault = Some(fault.to_string());
        Ok(())
    }
}

fn books(state: &Tables) -> Vec<BooksRow> {
    let mut rows: BTreeMap<ChannelId, (BooksRow, u64)> = BTreeMap::new();
    let mut published: HashSet<MessageId> = HashSet::new();
    for ((channel, read_no), (tally, parts)) in &state.reads {
        let (row, unequal) = entry(&mut rows, channel);
        row.read += tally.read;
        row.accepted += tally.accepted;
        row.skipped += tally.skipped;
        row.rejected += tally.rejected;
        for part in parts {
            let id = MessageId { channel: channel.clone(), read_no: *read_no, part: part.part };
            let events = u64::from(part.events);
            row.published += events;
            if let Some(receipt) = state.receipts.get(&id) {
                let Outcomes { stored, unchanged, stale, quarantined, redelivered } =
                    receipt.outcomes;
                row.stored += stored;
                row.unchanged += unchanged;
                row.stale += stale;
                row.quarantined += quarantined;
                row.redelivered += redelivered;
                let is_equal = receipt.hash == part.hash
                    && receipt.events == part.events
                    && stored + unchanged + stale + quarantined == events;
                *unequal += u64::from(!is_equal);
            } else {
                row.in_flight += events;
            }
            published.insert(id);
        }
    }
    for row in state.quarantine.values() {
        if row.reason == FOREIGN && row.resolved_at.is_none() {
            entry(&mut rows, &row.channel).0.extra += row.times_seen;
        }
    }
    let is_orphan = |id: &MessageId| id.read_no > ReadNo(0) && !published.contains(id);
    for (id, receipt) in state.receipts.iter().filter(|(id, _)| is_orphan(id)) {
        let (row, _) = entry(&mut rows, &id.channel);
        row.orphans += 1;
        row.stored_by_orphans += receipt.outcomes.stored;
    }
    rows.into_values().map(|(row, unequal)| row.decide_balance(unequal)).collect()
}

fn entry<'a>(
    rows: &'a mut BTreeMap<ChannelId, (BooksRow, u64)>,
    channel: &ChannelId,
) -> &'a mut (BooksRow, u64) {
    rows.entry(channel.clone()).or_insert_with(|| (BooksRow::new(channel.clone()), 0))
}
