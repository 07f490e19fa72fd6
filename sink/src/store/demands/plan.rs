//! Which rows an intake adds and changes: without I/O, in the order of arrival, the same for every store.
//!
//! A store loads what is [`Known`], makes the [`IntakePlan`], numbers its new rows, and writes each table
//! once. Nothing here waits, so events are judged exactly in the order in which the bus delivered them.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use contract::{
    ChannelId, Delivery, Demand, DemandId, DemandState, Digest, Event, Intake, Judgement,
    MessageId, Outcomes, Reason, judge,
};

use super::{
    columns::{nul_in, values},
    known::{Known, KnownDemand},
    quarantine::Quarantined,
    rows::{HistoryEntry, IntakePlan, Outcome, Receipt, Subject},
};

/// Events that go to quarantine without being judged, because a database refused them, by position
/// (delivery, event).
pub(crate) type Banned = BTreeMap<(usize, usize), Reason>;

/// Judges every event of the intake.
pub(crate) fn plan<'a>(intake: &'a Intake, known: &'a Known, banned: &Banned) -> IntakePlan<'a> {
    let mut planner = Planner {
        known,
        banned,
        plan: IntakePlan::default(),
        receipts: HashMap::new(),
        subjects: HashMap::new(),
        quarantined: HashMap::new(),
        added: HashSet::new(),
        n_new: 0,
    };
    for (index, delivery) in intake.deliveries().iter().enumerate() {
        planner.take_message(index, delivery);
    }
    planner.finish()
}

struct Planner<'a, 'b> {
    known: &'a Known,
    banned: &'b Banned,
    plan: IntakePlan<'a>,
    /// Receipts of this intake.
    receipts: HashMap<&'a MessageId, Digest>,
    /// Indices in `plan.subjects`.
    subjects: HashMap<DemandId, usize>,
    /// Indices in `plan.quarantined`.
    quarantined: HashMap<DemandId, usize>,
    /// History entries of this intake.
    added: HashSet<(i64, Digest)>,
    /// How many demands are new.
    n_new: i64,
}

impl<'a> Planner<'a, '_> {
    fn take_message(&mut self, index: usize, delivery: &'a Delivery) {
        let message = &delivery.message;
        let events = u64::from(message.events);
        let receipt =
            self.known.receipts.get(&message.id).or_else(|| self.receipts.get(&message.id));
        match receipt {
            Some(hash) if *hash == delivery.hash => {
                self.plan.redelivered.push(&message.id);
                self.plan.outcomes.redelivered += events;
            }
            Some(_) => {
                // One of the two messages has a wrong id, so its events are not judged.
                let why = "another message of this id was kept before";
                let body = &message.body;
                self.quarantine(Quarantined::unreadable(delivery, body, "receipt_conflict", why));
                self.plan.outcomes.quarantined += events;
            }
            None => {
                let outcomes = self.take_events(index, delivery);
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

    fn take_events(&mut self, index: usize, delivery: &'a Delivery) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (position, event) in delivery.events.iter().enumerate() {
            let outcome = match event {
                Event::Demand(demand) => {
                    let banned = self.banned.get(&(index, position)).cloned();
                    match banned.or_else(|| identity_flaw(&delivery.message.id.channel, demand)) {
                        None => self.take_demand(delivery, demand),
                        Some(reason) => {
                            self.quarantine(Quarantined::refused(delivery, demand, reason))
                        }
                    }
                }
                Event::Reject(reject) => self.quarantine(Quarantined::rejected(delivery, reject)),
                Event::Unreadable { bytes, reason } => {
                    self.quarantine(Quarantined::unreadable(delivery, bytes, "unreadable", reason))
                }
            };
            outcomes += outcome;
        }
        // A body that cannot be read counts as one unreadable event; the books need all of its events.
        let seen = u64::try_from(delivery.events.len()).unwrap_or(u64::MAX);
        outcomes.quarantined += u64::from(delivery.message.events).saturating_sub(seen);
        outcomes
    }

    fn take_demand(&mut self, delivery: &'a Delivery, demand: &'a Demand) -> Outcomes {
        let incoming = DemandState::of(demand);
        let subject = self.subjects.get(&demand.id).and_then(|at| self.plan.subjects.get(*at));
        let current = subject
            .map(|subject| &subject.current)
            .or_else(|| self.known.demands.get(&demand.id).map(|held| &held.current));
        let judgement = judge(current, &incoming);
        if judgement == Judgement::Unchanged {
            let subject = self.subject(demand, &incoming);
            if incoming.version > subject.current.version {
                subject.current.version = incoming.version;
                subject.has_new_version = true;
            }
            subject.last_seen_at = subject.last_seen_at.max(demand.origin.read_at);
            return Outcomes { unchanged: 1, ..Outcomes::default() };
        }
        let row = values(demand);
        if let Some(column) = nul_in(&row) {
            let reason = Reason::new("nul_in_text", format!("{column} contains a NUL"));
            return self.quarantine(Quarantined::refused(delivery, demand, reason));
        }
        match judgement {
            Judgement::Stored { changed } => {
                let entry = self.plan.history.len();
                let subject = self.subject(demand, &incoming);
                subject.current = incoming;
                subject.row = Some(row);
                subject.last_seen_at = subject.last_seen_at.max(demand.origin.read_at);
                let (seq, superseded) = (subject.seq, subject.current_entry.replace(entry));
                if let Some(superseded) = superseded.and_then(|at| self.plan.history.get_mut(at)) {
                    superseded.outcome = Outcome::Superseded;
                }
                self.add_history(seq, demand, Outcome::Stored, changed);
                Outcomes { stored: 1, ..Outcomes::default() }
            }
            Judgement::Unchanged | Judgement::Stale => {
                let seq = self.subject(demand, &incoming).seq;
                let state = (seq, demand.digest);
                if !self.known.history.contains(&state) && !self.added.contains(&state) {
                    self.add_history(seq, demand, Outcome::Stale, Vec::new());
                }
                Outcomes { stale: 1, ..Outcomes::default() }
            }
        }
    }

    /// The subject of a demand; it is added if this intake has not changed the demand yet.
    fn subject(&mut self, demand: &Demand, incoming: &DemandState) -> &mut Subject<'a> {
        let subjects = &mut self.plan.subjects;
        let at = match self.subjects.entry(demand.id) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(vacant) => {
                let read_at = demand.origin.read_at;
                let held = self.known.demands.get(&demand.id).cloned();
                let is_new = held.is_none();
                let held = held.unwrap_or_else(|| {
                    self.n_new += 1;
                    let seq = -self.n_new;
                    KnownDemand { seq, current: incoming.clone(), last_seen_at: read_at }
                });
                subjects.push(Subject {
                    seq: held.seq,
                    is_new,
                    id: demand.id,
                    first_seen_at: read_at,
                    last_seen_at: held.last_seen_at,
                    row: None,
                    current: held.current,
                    has_new_version: false,
                    current_entry: None,
                });
                *vacant.insert(subjects.len() - 1)
            }
        };
        &mut subjects[at]
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
            let changed = self.subjects.get(&row.id).map(|at| &self.plan.subjects[*at]);
            let newest = changed
                .map(|subject| (subject.current.version, subject.last_seen_at))
                .or_else(|| {
                    let held = self.known.demands.get(&row.id)?;
                    Some((held.current.version, held.last_seen_at))
                });
            // The same demand already has a newer valid state: nothing needs to be corrected.
            row.resolved_at =
                newest.filter(|(version, _)| *version > row.version).map(|(_, seen_at)| seen_at);
        }
        self.plan.subjects.retain(|subject| subject.row.is_some() || subject.has_new_version);
        self.plan
    }
}

/// What is wrong with the identity of a demand. With a wrong id it would overwrite the row of another
/// demand, so the id is computed again from channel and key.
fn identity_flaw(channel: &ChannelId, demand: &Demand) -> Option<Reason> {
    if demand.channel != *channel {
        return Some(Reason::new(
            "wrong_channel",
            "the demand names another channel than its message",
        ));
    }
    if demand.id != DemandId::of(channel, &demand.source_key) {
        return Some(Reason::new("wrong_id", "the id does not follow from channel and source key"));
    }
    None
}
