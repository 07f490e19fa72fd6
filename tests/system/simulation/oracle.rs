//! Compares what a run left behind with what the source has, with the notes, and with an undisturbed run.

use std::collections::BTreeMap;

use contract::{Checkpoints as _, DemandId, Digest, RecordKey, Revision};
use sink::store::{BooksRow, Outcome};

use super::{
    connector::digest,
    script::{Nature, State},
    world::{World, hotline},
};

/// What must be the same whatever happened: the states of the records, and what is in quarantine.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcomes {
    demands: BTreeMap<String, (DemandId, Digest, Option<String>, Revision)>,
    rejects: BTreeMap<String, String>,
}

/// What is wrong after a run; empty if nothing is.
pub(crate) async fn what_is_wrong(world: &World) -> Vec<String> {
    let mut wrong = world.notes().wrong.clone();
    if !world.quiet.is_requested() {
        wrong.push("it does not come to an end".to_owned());
    }
    check_position(world, &mut wrong).await;
    match &world.store.books()[..] {
        [books] => check_books(world, books, &mut wrong),
        books => wrong.push(format!("there are {} books", books.len())),
    }
    if let Some(broker) = &world.broker
        && broker.in_flight() > 0
    {
        wrong.push(format!("{} messages are on the bus", broker.in_flight()));
    }
    check_newest(world, &mut wrong);
    check_states(world, &mut wrong);
    wrong
}

/// What a run led to.
pub(crate) fn outcomes(world: &World) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for State { key, nature, .. } in world.source().last_states() {
        let id = DemandId::of(&hotline(), &RecordKey::new(key.as_str()));
        let demand = world.store.demand(&id).map(|row| row.demand);
        let row = world.store.quarantined(&id).filter(|row| row.resolved_at.is_none());
        match (nature, demand, row) {
            (Nature::Good, Some(demand), _) => {
                let content = demand.body.content;
                let state = (demand.id, demand.digest, content, demand.version.revision);
                outcomes.demands.insert(key.clone(), state);
            }
            (Nature::Unreadable | Nature::Invalid, _, Some(row)) => {
                outcomes.rejects.insert(key.clone(), row.reason);
            }
            _ => {}
        }
    }
    outcomes
}

/// Every record is there in its last state, and nothing else.
fn check_states(world: &World, wrong: &mut Vec<String>) {
    let (source, store) = (world.source(), &world.store);
    for State { key, text, nature, .. } in source.last_states() {
        let id = DemandId::of(&hotline(), &RecordKey::new(key.as_str()));
        let content = store.demand(&id).and_then(|row| row.demand.body.content);
        let is_open = store.quarantined(&id).is_some_and(|row| row.resolved_at.is_none());
        let is_last = content.as_ref() == Some(text);
        let is_right = match nature {
            Nature::Good => is_last && !is_open,
            Nature::Unreadable | Nature::Invalid => is_open,
            Nature::Skipped => true,
        };
        let had = content.as_ref().is_none_or(|content| source.had(key, content));
        if !is_right || !had {
            wrong.push(format!(
                "{key} is {content:?}, {is_open} in quarantine; last: {nature:?} {text}"
            ));
        }
    }
    for demand in store.demands() {
        let key = demand.source_key.as_str();
        let is_known = source.last_states().any(|state| state.key == key);
        let is_whole = demand.body.content.as_deref().map(digest) == Some(demand.digest);
        if !is_known || !is_whole || demand.id != DemandId::of(&hotline(), &demand.source_key) {
            wrong.push(format!("{key} was invented or altered"));
        }
    }
}

/// Every demand has the newest state of those that were kept, with its version.
fn check_newest(world: &World, wrong: &mut Vec<String>) {
    let notes = world.notes();
    for (id, newest) in &notes.newest {
        let stored = world.store.demand(id).map(|row| (row.demand.version, row.demand.digest));
        if stored.as_ref() != Some(newest) {
            wrong.push(format!("{id} has the state {stored:?}, but {newest:?} was kept"));
        }
    }
}

/// The position is after the last batch, and the source knows it.
async fn check_position(world: &World, wrong: &mut Vec<String>) {
    let fence = world.notes().fence;
    let position = match world.store.load(&hotline(), fence).await {
        Ok(position) => position,
        Err(fault) => return wrong.push(format!("the position: {fault}")),
    };
    let source = world.source();
    if position.cursor.is_none() || position.cursor != source.last {
        wrong.push("the position is not after the last batch".to_owned());
    }
    if source.settled != source.last {
        wrong.push("the source does not know the last position".to_owned());
    }
}

fn check_books(world: &World, books: &BooksRow, wrong: &mut Vec<String>) {
    let notes = world.notes();
    let mut expect = |what: &str, is: u64, should: u64| {
        if is != should {
            wrong.push(format!("{what}: {is}, not {should}: {books:?}"));
        }
    };
    let tallies = || notes.advances.values().map(|(tally, _)| tally);
    expect("read", books.read, tallies().map(|tally| tally.read).sum());
    expect("skipped", books.skipped, tallies().map(|tally| tally.skipped).sum());
    expect("balanced", u64::from(books.balanced == Some(true)), 1);
    expect("in flight", books.in_flight + books.lost + books.extra, 0);
    expect("quarantined", books.quarantined, books.rejected);
    expect("accepted", books.stored + books.unchanged + books.stale, books.accepted);
    let (mut n_redelivered, mut n_orphans) = (0, 0);
    for (id, (n, events)) in &notes.kept {
        let read = notes.advances.get(&id.read_no);
        match read.is_some_and(|(_, parts)| parts.iter().any(|part| part.part == id.part)) {
            true => n_redelivered += (n - 1) * events,
            false => n_orphans += 1,
        }
    }
    expect("redelivered", books.redelivered, n_redelivered);
    expect("orphans", books.orphans, n_orphans);
    let rows = world.store.demands().into_iter().flat_map(|demand| world.store.history(&demand.id));
    let n_states = rows.filter(|row| row.outcome != Outcome::Stale).count();
    expect("stored", books.stored + books.stored_by_orphans, u64::try_from(n_states).unwrap());
}
