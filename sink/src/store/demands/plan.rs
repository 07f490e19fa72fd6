//! Decides which rows an intake adds and changes. It does no I/O, and every store uses it.
//!
//! A store loads the [`KnownState`], makes the [`IntakePlan`], numbers its new rows, and writes each table
//! once. Events are judged in the order in which the bus delivered them.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use contract::{
    ChannelId, Delivery, Demand, DemandId, DemandState, Digest, Event, Intake, Judgement,
    MessageId, Outcomes, Reason, judge,
};

use super::{
    columns::{column_with_nul, values},
    known::{KnownDemand, KnownState},
    quarantine::{FOREIGN, Quarantined},
    rows::{DemandChange, HistoryEntry, IntakePlan, Outcome, Receipt},
};

/// Events that go to quarantine without judgement, and why, by position: (index of the delivery, index of the
/// event). A database has refused them.
pub(crate) type Exclusions = BTreeMap<(usize, usize), Reason>;

/// Judges every event of the intake; returns the rows to write.
pub(crate) fn plan<'a>(
    intake: &'a Intake,
    known: &'a KnownState,
    excluded: &Exclusions,
) -> IntakePlan<'a> {
    let mut planner = Planner {
        known,
        excluded,
        plan: IntakePlan::default(),
        receipts: HashMap::new(),
        changes: HashMap::new(),
        quarantined: HashMap::new(),
        added: HashSet::new(),
        n_new: 0,
    };
    for (index, delivery) in intake.deliveries().iter().enumerate() {
        planner.plan_message(index, delivery);
    }
    planner.finish()
}

struct Planner<'a, 'b> {
    known: &'a KnownState,
    excluded: &'b Exclusions,
    plan: IntakePlan<'a>,
    /// The messages of this intake that were planned, with their hashes.
    receipts: HashMap<&'a MessageId, Digest>,
    /// Indices in `plan.changes`.
    changes: HashMap<DemandId, usize>,
    /// Indices in `plan.quarantined`.
    quarantined: HashMap<DemandId, usize>,
    /// The states that this intake adds to history: (row number of the demand, digest).
    added: HashSet<(i64, Digest)>,
    /// How many demands are new.
    n_new: i64,
}

impl<'a> Planner<'a, '_> {
    fn plan_message(&mut self, index: usize, delivery: &'a Delivery) {
        let message = &delivery.message;
        let events = u64::from(message.events);
        let hash = self.known.receipts.get(&message.id).or_else(|| self.receipts.get(&message.id));
        match hash {
            Some(hash) if *hash == delivery.hash => {
                self.plan.redelivered.push(&message.id);
                self.plan.outcomes.redelivered += events;
            }
            Some(_) => {
                // One of the two messages has a wrong id, so this one goes to quarantine as a whole.
                let why = "another message with this id was kept before";
                let body = &message.body;
                self.quarantine(Quarantined::of_bytes(delivery, body, "receipt_conflict", why));
                self.plan.outcomes.quarantined += events;
            }
            None => {
                let outcomes = self.plan_events(index, delivery);
                self.receipts.insert(&message.id, delivery.hash);
                self.plan.outcomes += outcomes;
                self.plan.receipts.push(Receipt {
                    message: message.id.clone(),
                    events: message.events,
                    hash: delivery.hash,
                    outcomes,
                });
            }
        }
    }

    fn plan_events(&mut self, index: usize, delivery: &'a Delivery) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (position, event) in delivery.events.iter().enumerate() {
            let outcome = match event {
                Event::Demand(demand) => {
                    let excluded = self.excluded.get(&(index, position)).cloned();
                    match excluded.or_else(|| identity_flaw(&delivery.message.id.channel, demand)) {
                        None => self.plan_demand(delivery, demand),
                        Some(reason) => {
                            self.quarantine(Quarantined::of_demand(delivery, demand, reason))
                        }
                    }
                }
                Event::Reject(reject) => self.quarantine(Quarantined::of_reject(delivery, reject)),
                Event::Unreadable { bytes, reason } => {
                    let is_foreign = delivery.message.is_foreign();
                    let code = if is_foreign { FOREIGN } else { "unreadable" };
                    self.quarantine(Quarantined::of_bytes(delivery, bytes, code, reason))
                }
            };
            outcomes += outcome;
        }
        // An unreadable body is one event here, but the books count the events that the publisher counted.
        let n_events = u64::try_from(delivery.events.len()).unwrap_or(u64::MAX);
        outcomes.quarantined += u64::from(delivery.message.events).saturating_sub(n_events);
        outcomes
    }

    fn plan_demand(&mut self, delivery: &'a Delivery, demand: &'a Demand) -> Outcomes {
        let incoming = DemandState::of(demand);
        let change = self.changes.get(&demand.id).and_then(|at| self.plan.changes.get(*at));
        let current = change
            .map(|change| &change.current)
            .or_else(|| self.known.demands.get(&demand.id).map(|known| &known.current));
        let judgement = judge(current, &incoming);
        // The message of a record that is mapped again belongs to a later read than its state.
        let is_again = delivery.message.id.read_no != demand.version.read_no;
        if judgement == Judgement::Unchanged {
            let change = self.change(demand, &incoming);
            if incoming.version > change.current.version {
                change.current.version = incoming.version;
                change.has_new_version = true;
            }
            change.is_again |= is_again && incoming.version == change.current.version;
            change.last_seen_at = change.last_seen_at.max(demand.origin.read_at);
            return Outcomes { unchanged: 1, ..Outcomes::default() };
        }
        let row = values(demand);
        if let Some(column) = column_with_nul(&row) {
            let reason = Reason::new("nul_in_text", format!("{column} contains a NUL"));
            return self.quarantine(Quarantined::of_demand(delivery, demand, reason));
        }
        match judgement {
            Judgement::Stored { changed } => {
                let entry = self.plan.history.len();
                let change = self.change(demand, &incoming);
                change.current = incoming;
                change.row = Some(row);
                change.is_again = is_again;
                change.last_seen_at = change.last_seen_at.max(demand.origin.read_at);
                let (seq, superseded) = (change.seq, change.current_entry.replace(entry));
                if let Some(superseded) = superseded.and_then(|at| self.plan.history.get_mut(at)) {
                    superseded.outcome = Outcome::Superseded;
                }
                self.add_history(seq, demand, Outcome::Stored, changed);
                Outcomes { stored: 1, ..Outcomes::default() }
            }
            Judgement::Unchanged | Judgement::Stale => {
                let seq = self.change(demand, &incoming).seq;
                let state = (seq, demand.digest);
                if !self.known.history.contains(&state) && !self.added.contains(&state) {
                    self.add_history(seq, demand, Outcome::Stale, Vec::new());
                }
                Outcomes { stale: 1, ..Outcomes::default() }
            }
        }
    }

    /// The change of a demand; adds one if this intake has not changed the demand yet.
    fn change(&mut self, demand: &Demand, incoming: &DemandState) -> &mut DemandChange<'a> {
        let changes = &mut self.plan.changes;
        let at = match self.changes.entry(demand.id) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(vacant) => {
                let read_at = demand.origin.read_at;
                let known = self.known.demands.get(&demand.id).cloned();
                let is_new = known.is_none();
                let known = known.unwrap_or_else(|| {
                    self.n_new += 1;
                    let seq = -self.n_new;
                    KnownDemand { seq, current: incoming.clone(), last_seen_at: read_at }
                });
                changes.push(DemandChange {
                    seq: known.seq,
                    is_new,
                    id: demand.id,
                    first_seen_at: read_at,
                    last_seen_at: known.last_seen_at,
                    row: None,
                    current: known.current,
                    has_new_version: false,
                    is_again: false,
                    current_entry: None,
                });
                *vacant.insert(changes.len() - 1)
            }
        };
        &mut changes[at]
    }

    fn add_history(
        &mut self,
        demand_seq: i64,
        demand: &'a Demand,
        outcome: Outcome,
        changed: Vec<&'static str>,
    ) {
        self.added.insert((demand_seq, demand.digest));
        self.plan.history.push(HistoryEntry { seq: 0, demand_seq, demand, outcome, changed });
    }

    fn quarantine(&mut self, row: Quarantined) -> Outcomes {
        match self.quarantined.entry(row.id) {
            Entry::Occupied(at) => self.plan.quarantined[*at.get()].merge(row),
            Entry::Vacant(vacant) => {
                vacant.insert(self.plan.quarantined.len());
                self.plan.quarantined.push(row);
            }
        }
        Outcomes { quarantined: 1, ..Outcomes::default() }
    }

    fn finish(mut self) -> IntakePlan<'a> {
        for row in &mut self.plan.quarantined {
            let changed = self.changes.get(&row.id).map(|at| &self.plan.changes[*at]);
            let newest = changed
                .map(|one| (one.current.version, one.is_again, one.last_seen_at))
                .or_else(|| {
                    let known = self.known.demands.get(&row.id)?;
                    Some((known.current.version, false, known.last_seen_at))
                });
            // The demand already has a newer valid state, so nobody needs to correct anything.
            row.resolved_at = newest
                .filter(|(version, is_again, _)| row.is_resolved_by(*version, *is_again))
                .map(|(.., seen_at)| seen_at);
        }
        self.plan.changes.retain(|one| one.row.is_some() || one.has_new_version || one.is_again);
        self.plan
    }
}

/// What is wrong with the channel or id of a demand; `None` if nothing is. The id is computed again from
/// channel and key, because a demand with a wrong id would overwrite the row of another one.
fn identity_flaw(channel: &ChannelId, demand: &Demand) -> Option<Reason> {
    if demand.channel != *channel {
        let detail = "the demand names another channel than its message";
        return Some(Reason::new("wrong_channel", detail));
    }
    if demand.id != DemandId::of(channel, &demand.source_key) {
        return Some(Reason::new("wrong_id", "the id does not follow from channel and source key"));
    }
    None
}
