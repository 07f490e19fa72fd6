//! The oracle: compares by identity what the source ever held with what the store contains.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Demand, DemandId, RecordKey, Timestamp};
use normalizer::{Place, Sealer, open_raw};
use serde_json::Value;
use sink::store::{BooksRow, Database, RawTable};

use crate::source::{LISTS, Source, State, key, names_a_person, number};

/// The number of rows that are read at a time.
const ROWS: u32 = 500;

/// What the oracle has found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What the source has and the store has not.
    pub(crate) lost: Vec<String>,
    /// What the store has differently, or not in its last revision.
    pub(crate) altered: Vec<String>,
    /// What the source never had, and what is there twice.
    pub(crate) extra: Vec<String>,
    /// Why the books do not balance.
    pub(crate) books: Vec<String>,
    /// Events of messages that were in a deleted queue, and that `flight republish` counted as lost.
    pub(crate) declared_lost: u64,
    /// The number of states in history.
    pub(crate) states: u64,
}

impl Findings {
    /// Everything that is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        [("lost", &self.lost), ("altered", &self.altered), ("extra", &self.extra)]
            .iter()
            .flat_map(|(what, ids)| ids.iter().map(move |id| format!("{what}: {id}")))
            .chain(self.books.iter().map(|why| format!("books: {why}")))
            .collect()
    }
}

/// Compares everything. The source must not change meanwhile.
pub(crate) async fn compare(
    source: &Source,
    store: &Database,
    sealer: &Sealer,
) -> anyhow::Result<Findings> {
    let mut comparison = Comparison { source, sealer, found: Findings::default() };
    Box::pin(comparison.demands(store)).await?;
    Box::pin(comparison.history(store)).await?;
    Box::pin(comparison.rest(store)).await?;
    Ok(comparison.found)
}

struct Comparison<'a> {
    source: &'a Source,
    sealer: &'a Sealer,
    found: Findings,
}

impl Comparison<'_> {
    /// Each record of the source is one demand, in its last revision; and there is no other one.
    async fn demands(&mut self, store: &Database) -> anyhow::Result<()> {
        let mut expected = BTreeMap::new();
        for (index, list) in LISTS.into_iter().enumerate() {
            for (number, state) in self.source.states(index).into_iter().enumerate() {
                expected.insert((list.to_owned(), key(number)), (index, number, state));
            }
        }
        let mut seen = BTreeSet::new();
        let mut after = 0;
        loop {
            let rows = store.demands(after, Timestamp::UNIX_EPOCH, ROWS).await?;
            let Some((last, _)) = rows.last() else { break };
            after = *last;
            for (_, row) in &rows {
                let demand = &row.demand;
                let id = (demand.channel.to_string(), demand.source_key.to_string());
                match expected.get(&id) {
                    Some(record) if seen.insert(id.clone()) => {
                        if let Some(why) = self.difference(demand, *record) {
                            self.found.altered.push(format!("{} {}: {why}", id.0, id.1));
                        }
                    }
                    Some(_) => self.found.extra.push(format!("{} {} twice", id.0, id.1)),
                    None => self.found.extra.push(format!("{} {}", id.0, id.1)),
                }
            }
        }
        let lost = expected.keys().filter(|id| !seen.contains(*id));
        self.found.lost.extend(lost.map(|(list, key)| format!("{list} {key}")));
        Ok(())
    }

    fn difference(
        &self,
        demand: &Demand,
        (list, number, state): (usize, usize, State),
    ) -> Option<String> {
        let (title, content) = self.source.texts(list, number, state.revision);
        let own = [&demand.body.title, &demand.body.content].map(|text| text.as_deref());
        if own != [Some(title.as_str()), Some(content.as_str())] {
            return Some(format!("revision {} is not what it says: {own:?}", state.revision));
        }
        // The record of a person who was erased is gone.
        if demand.raw.0.is_empty() && list == 0 && names_a_person(number) {
            return None;
        }
        let raw = open_raw(self.sealer, Place::from(demand), &demand.raw);
        let raw = raw.map(|bytes| serde_json::from_slice::<Value>(&bytes));
        match raw {
            Ok(Ok(raw)) if raw == self.source.row(list, number, &state) => None,
            Ok(raw) => Some(format!("the record is another one: {raw:?}")),
            Err(error) => Some(format!("the record does not open: {error}")),
        }
    }

    /// Each state in history is one that the source had.
    async fn history(&mut self, store: &Database) -> anyhow::Result<()> {
        let states = [0, 1].map(|list| self.source.states(list));
        let mut after = 0;
        loop {
            let rows = store.sealed_raws(RawTable::History, after, ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            for row in rows.iter().filter(|row| !row.raw.0.is_empty()) {
                self.found.states += 1;
                let raw =
                    open_raw(self.sealer, Place { channel: &row.channel, id: &row.id }, &row.raw);
                let raw: Value =
                    raw.ok().and_then(|raw| serde_json::from_slice(&raw).ok()).unwrap_or_default();
                let list = usize::from(row.channel.as_str() == LISTS[1]);
                let (id, revision) = (raw["id"].as_str().unwrap_or_default(), raw["rev"].as_u64());
                let is_own = DemandId::of(&row.channel, &RecordKey::new(id)) == row.id;
                let state = number(id).and_then(|n| Some((n, states.get(list)?.get(n)?)));
                let was_served = state.zip(revision).is_some_and(|((n, last), revision)| {
                    let revision = u32::try_from(revision).unwrap_or(u32::MAX);
                    let (title, content) = self.source.texts(list, n, revision);
                    let is_one = (1..=last.revision).contains(&revision);
                    is_one && raw["title"] == title && raw["content"] == content
                });
                if !is_own || !was_served {
                    self.found.extra.push(format!("{} {}: the state {raw}", row.channel, row.id));
                }
            }
        }
    }

    /// The books balance, and nothing is in quarantine.
    async fn rest(&mut self, store: &Database) -> anyhow::Result<()> {
        let quarantined = store.quarantine_list(None, ROWS).await?;
        self.found.extra.extend(quarantined.iter().map(|row| format!("in quarantine: {row:?}")));
        let books = store.books(None, None).await?;
        for book in &books {
            self.found.declared_lost += book.lost;
            self.found.books.extend(doubt(book));
        }
        if books.len() != LISTS.len() {
            self.found.books.push(format!("there are books of {} channels", books.len()));
        }
        Ok(())
    }
}

/// Why the books of a channel are not what they must be.
fn doubt(book: &BooksRow) -> Option<String> {
    let odd = book.in_flight + book.extra + book.rejected + book.quarantined + book.skipped;
    (book.balanced != Some(true) || odd > 0).then(|| format!("{book:?}"))
}
