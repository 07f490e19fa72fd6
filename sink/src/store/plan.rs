//! Which rows follow from an intake: pure, in arrival order, the same for every store.
//!
//! A store loads what is [`Known`], asks for the [`Plan`], and writes each table once. Nothing here
//! waits, so that the order of judgements is the order of the bus and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use contract::{
    Current, Delivery, Demand, DemandId, Digest, Event, Intake, Judgement, MessageId, Outcomes,
    Reason, Timestamp, Version, judge,
};
use serde::Serialize;

use super::{
    columns::{Cell, cells, nul_in},
    identity,
    quarantine::Trouble,
};

/// What a store must know before it can plan.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of the messages of the intake, those kept before, with their hashes.
    pub(crate) receipts: HashMap<MessageId, Digest>,
    /// Of the things of the intake, those that have a demand.
    pub(crate) demands: HashMap<DemandId, KnownDemand>,
    /// What history holds of those that [`doubtful`] named: (demand, digest).
    pub(crate) history: HashSet<(i64, Digest)>,
    /// The greatest sequence numbers in use.
    pub(crate) last_demand: i64,
    pub(crate) last_history: i64,
}

/// A demand as the store holds it.
#[derive(Debug, Clone)]
pub(crate) struct KnownDemand {
    pub(crate) seq: i64,
    pub(crate) current: Current,
    pub(crate) last_seen_at: Timestamp,
}

/// Events that must not be judged, by position (delivery, event), because a database refused them.
pub(crate) type Banned = BTreeMap<(usize, usize), Reason>;

/// The rows to write.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// In the order in which they first appeared.
    pub(crate) subjects: Vec<Subject<'a>>,
    pub(crate) history: Vec<HistoryEntry<'a>>,
    /// One per id.
    pub(crate) troubles: Vec<Trouble<'a>>,
    pub(crate) receipts: Vec<Receipt<'a>>,
    /// Messages that were kept before; one more delivery each.
    pub(crate) redelivered: Vec<&'a MessageId>,
    pub(crate) outcomes: Outcomes,
}

/// A demand that changes.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) seq: i64,
    pub(crate) id: DemandId,
    pub(crate) version: Version,
    pub(crate) first_seen_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    /// The row that becomes current; `None` where only version and last sight move.
    pub(crate) row: Option<Vec<Cell<'a>>>,
    current: Current,
    /// The version has moved: a repeated state under the same version moves nothing.
    pub(crate) moved: bool,
    /// Its entry in `history` that is `stored` so far.
    pub(crate) winner: Option<usize>,
}

/// A state that enters history.
#[derive(Debug)]
pub(crate) struct HistoryEntry<'a> {
    pub(crate) seq: i64,
    pub(crate) demand_seq: i64,
    pub(crate) demand: &'a Demand,
    pub(crate) outcome: Outcome,
    pub(crate) changed: Vec<&'static str>,
}

/// What became of a state in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It became the current state.
    Stored,
    /// It was newer than the current state, and a still newer one came in the same transaction.
    Superseded,
    /// It was older than the current state when it came.
    Stale,
}

impl Outcome {
    /// The word in the column.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Superseded => "superseded",
            Self::Stale => "stale",
        }
    }

    /// The outcome of a word in the column.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Stored, Self::Superseded, Self::Stale].into_iter().find(|one| one.code() == code)
    }
}

/// Proof that a message was kept, and what became of its events.
#[derive(Debug)]
pub(crate) struct Receipt<'a> {
    pub(crate) message: &'a MessageId,
    pub(crate) events: u32,
    pub(crate) hash: Digest,
    pub(crate) outcomes: Outcomes,
}

/// The demands in an intake, each thing once.
pub(crate) fn things(intake: &Intake) -> HashMap<DemandId, (&str, &str)> {
    let mut things = HashMap::new();
    for delivery in intake.deliveries() {
        let channel = &delivery.message.id.channel;
        for event in &delivery.events {
            let (id, key) = match event {
                Event::Demand(demand) => (demand.id, Some(&demand.source_key)),
                Event::Reject(reject) => (reject.id, reject.source_key.as_ref()),
                Event::Unreadable { .. } => continue,
            };
            if let Some(key) = key {
                things.insert(id, (channel.as_str(), key.as_str()));
            }
        }
    }
    things
}

/// The demands whose history has to be known: something of them may arrive that is older than
/// what is current. Naming one too many costs a look, one too few a row twice.
pub(crate) fn doubtful(intake: &Intake, known: &HashMap<DemandId, KnownDemand>) -> Vec<i64> {
    let mut newest: HashMap<DemandId, Version> = HashMap::new();
    let mut doubtful = HashSet::new();
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    for demand in events.filter_map(|event| match event {
        Event::Demand(demand) => Some(demand),
        Event::Reject(_) | Event::Unreadable { .. } => None,
    }) {
        let Some(held) = known.get(&demand.id) else { continue };
        let newest = newest.entry(demand.id).or_insert(held.current.version);
        if demand.version > *newest {
            *newest = demand.version;
        } else {
            doubtful.insert(held.seq);
        }
    }
    doubtful.into_iter().collect()
}

/// Judges every event of the intake.
pub(crate) fn plan<'a>(intake: &'a Intake, known: &'a Known, banned: &Banned) -> Plan<'a> {
    let mut planner = Planner {
        known,
        banned,
        plan: Plan::default(),
        receipts: HashMap::new(),
        subjects: HashMap::new(),
        troubles: HashMap::new(),
        entered: HashSet::new(),
        last_demand: known.last_demand,
        last_history: known.last_history,
    };
    for (index, delivery) in intake.deliveries().iter().enumerate() {
        planner.take_message(index, delivery);
    }
    planner.finish()
}

struct Planner<'a, 'b> {
    known: &'a Known,
    banned: &'b Banned,
    plan: Plan<'a>,
    /// Receipts of this intake.
    receipts: HashMap<&'a MessageId, Digest>,
    /// Where in `plan.subjects`.
    subjects: HashMap<DemandId, usize>,
    /// Where in `plan.troubles`.
    troubles: HashMap<DemandId, usize>,
    /// History entries of this intake.
    entered: HashSet<(i64, Digest)>,
    last_demand: i64,
    last_history: i64,
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
                // Whose events these are cannot be known, so none of them is judged.
                let why = "another message of this id was kept before";
                let body = &message.body;
                self.add_trouble(Trouble::unreadable(delivery, body, "receipt_conflict", why));
                self.plan.outcomes.quarantined += events;
            }
            None => {
                let outcomes = self.take_events(index, delivery);
                self.receipts.insert(&message.id, delivery.hash);
                self.plan.outcomes += outcomes;
                self.plan.receipts.push(Receipt {
                    message: &message.id,
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
                    match banned.or_else(|| identity::flaw(&delivery.message.id.channel, demand)) {
                        None => self.take_demand(delivery, demand),
                        Some(reason) => self.refuse(delivery, demand, reason),
                    }
                }
                Event::Reject(reject) => {
                    self.add_trouble(Trouble::rejected(delivery, reject));
                    Outcomes { quarantined: 1, ..Outcomes::default() }
                }
                Event::Unreadable { bytes, reason } => {
                    self.add_trouble(Trouble::unreadable(delivery, bytes, "unreadable", reason));
                    Outcomes { quarantined: 1, ..Outcomes::default() }
                }
            };
            outcomes += outcome;
        }
        // A body that cannot be read as a whole is one unreadable event: the books want them all.
        let seen = u64::try_from(delivery.events.len()).unwrap_or(u64::MAX);
        outcomes.quarantined += u64::from(delivery.message.events).saturating_sub(seen);
        outcomes
    }

    fn take_demand(&mut self, delivery: &'a Delivery, demand: &'a Demand) -> Outcomes {
        let incoming = Current::of(demand);
        let subject = self.subjects.get(&demand.id).and_then(|at| self.plan.subjects.get(*at));
        let current = subject
            .map(|subject| &subject.current)
            .or_else(|| self.known.demands.get(&demand.id).map(|held| &held.current));
        let judgement = judge(current, &incoming);
        if judgement == Judgement::Unchanged {
            let subject = self.subject(demand, &incoming);
            if incoming.version > subject.current.version {
                subject.current.version = incoming.version;
                subject.version = incoming.version;
                subject.moved = true;
            }
            subject.last_seen_at = subject.last_seen_at.max(demand.origin.read_at);
            return Outcomes { unchanged: 1, ..Outcomes::default() };
        }
        let row = cells(demand);
        if let Some(column) = nul_in(&row) {
            let reason = Reason::new("nul_in_text", format!("{column} contains a NUL"));
            return self.refuse(delivery, demand, reason);
        }
        match judgement {
            Judgement::Stored { changed } => {
                let entry = self.plan.history.len();
                let subject = self.subject(demand, &incoming);
                subject.version = incoming.version;
                subject.current = incoming;
                subject.row = Some(row);
                subject.last_seen_at = subject.last_seen_at.max(demand.origin.read_at);
                let (seq, superseded) = (subject.seq, subject.winner.replace(entry));
                if let Some(superseded) = superseded.and_then(|at| self.plan.history.get_mut(at)) {
                    superseded.outcome = Outcome::Superseded;
                }
                self.enter(seq, demand, Outcome::Stored, changed);
                Outcomes { stored: 1, ..Outcomes::default() }
            }
            Judgement::Unchanged | Judgement::Stale => {
                let seq = self.subject(demand, &incoming).seq;
                let state = (seq, demand.digest);
                if !self.known.history.contains(&state) && !self.entered.contains(&state) {
                    self.enter(seq, demand, Outcome::Stale, Vec::new());
                }
                Outcomes { stale: 1, ..Outcomes::default() }
            }
        }
    }

    /// The subject of a demand, opened where this intake has not touched it yet.
    fn subject(&mut self, demand: &Demand, incoming: &Current) -> &mut Subject<'a> {
        let subjects = &mut self.plan.subjects;
        let at = match self.subjects.entry(demand.id) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(vacant) => {
                let read_at = demand.origin.read_at;
                let held = self.known.demands.get(&demand.id).cloned().unwrap_or_else(|| {
                    self.last_demand += 1;
                    let seq = self.last_demand;
                    KnownDemand { seq, current: incoming.clone(), last_seen_at: read_at }
                });
                subjects.push(Subject {
                    seq: held.seq,
                    id: demand.id,
                    version: held.current.version,
                    first_seen_at: read_at,
                    last_seen_at: held.last_seen_at,
                    row: None,
                    current: held.current,
                    moved: false,
                    winner: None,
                });
                *vacant.insert(subjects.len() - 1)
            }
        };
        &mut subjects[at]
    }

    fn enter(
        &mut self,
        demand_seq: i64,
        demand: &'a Demand,
        outcome: Outcome,
        changed: Vec<&'static str>,
    ) {
        self.last_history += 1;
        self.entered.insert((demand_seq, demand.digest));
        let seq = self.last_history;
        self.plan.history.push(HistoryEntry { seq, demand_seq, demand, outcome, changed });
    }

    fn refuse(&mut self, delivery: &'a Delivery, demand: &'a Demand, reason: Reason) -> Outcomes {
        self.add_trouble(Trouble::refused(delivery, demand, reason));
        Outcomes { quarantined: 1, ..Outcomes::default() }
    }

    fn add_trouble(&mut self, trouble: Trouble<'a>) {
        match self.troubles.entry(trouble.id) {
            Entry::Occupied(at) => self.plan.troubles[*at.get()].merge(trouble),
            Entry::Vacant(vacant) => {
                vacant.insert(self.plan.troubles.len());
                self.plan.troubles.push(trouble);
            }
        }
    }

    fn finish(mut self) -> Plan<'a> {
        for trouble in &mut self.plan.troubles {
            let here = self.subjects.get(&trouble.id).map(|at| &self.plan.subjects[*at]);
            let newest =
                here.map(|subject| (subject.version, subject.last_seen_at)).or_else(|| {
                    let held = self.known.demands.get(&trouble.id)?;
                    Some((held.current.version, held.last_seen_at))
                });
            // It came after a newer good state of the same thing: nothing is left to mend.
            trouble.resolved_at = newest
                .filter(|(version, _)| *version > trouble.version)
                .map(|(_, seen_at)| seen_at);
        }
        self.plan.subjects.retain(|subject| subject.row.is_some() || subject.moved);
        self.plan
    }
}
