//! The oracle: compares by identity what the source ever held with what the store contains.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use contract::{Demand, DemandId, RecordKey, Timestamp};
use normalizer::{Place, Sealer, open_raw};
use serde_json::Value;
use sink::store::{BooksRow, Database, RawTable};

use super::source::{LISTS, Source, State, key, names_a_person, number};

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

/// What was done by the operator, and must be seen in the store.
#[derive(Debug)]
pub(crate) struct Deeds {
    /// The numbers of the records of the first list among which all people were erased.
    pub(crate) erased: Range<usize>,
    /// For each list, the field of the source that is mapped to the grid.
    pub(crate) grids: [&'static str; 2],
}

/// Compares everything. The source must not change meanwhile.
pub(crate) async fn compare(
    source: &Source,
    store: &Database,
    sealer: &Sealer,
    deeds: &Deeds,
) -> anyhow::Result<Findings> {
    let mut comparison = Comparison { source, sealer, deeds, found: Findings::default() };
    Box::pin(comparison.demands(store)).await?;
    Box::pin(comparison.history(store)).await?;
    Box::pin(comparison.rest(store)).await?;
    Ok(comparison.found)
}

struct Comparison<'a> {
    source: &'a Source,
    sealer: &'a Sealer,
    deeds: &'a Deeds,
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
        if demand.id != DemandId::of(&demand.channel, &demand.source_key) {
            return Some(format!("it has the id {}", demand.id));
        }
        // The record of a person who was erased is gone, and so is the person. It cannot be mapped again.
        let is_erased = list == 0 && names_a_person(number) && self.deeds.erased.contains(&number);
        if demand.raw.0.is_empty() && is_erased {
            let is_left = demand.body.people.iter().any(|person| {
                person.name.is_some() || person.phone.is_some() || person.id_no.is_some()
            });
            return is_left.then(|| "the person is not erased".to_owned());
        }
        let row = self.source.row(list, number, &state);
        let grid = self.deeds.grids.get(list).and_then(|field| row[*field].as_str());
        if demand.body.grid.as_deref() != grid {
            return Some(format!("the grid is {:?}, not {grid:?}", demand.body.grid));
        }
        let raw = open_raw(self.sealer, Place::from(demand), &demand.raw);
        let raw = raw.map(|bytes| serde_json::from_slice::<Value>(&bytes));
        match raw {
            Ok(Ok(raw)) if raw == row => None,
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

    /// The books balance, no state that they counted is gone, and nothing is in quarantine.
    async fn rest(&mut self, store: &Database) -> anyhow::Result<()> {
        let quarantined = store.quarantine_list(None, ROWS).await?;
        self.found.extra.extend(quarantined.iter().map(|row| format!("in quarantine: {row:?}")));
        let books = store.books(None, None).await?;
        for book in &books {
            self.found.declared_lost += book.lost;
            self.found.books.extend(doubt(book));
        }
        let gone = store.missing_states(&books, false).await?;
        if gone > 0 {
            self.found.books.push(format!("{gone} stored states are gone from history"));
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

#[cfg(test)]
mod tests {
    use contract::{
        DemandBody, Digest, MappingNo, ReadNo, Revision, Sealed, SealedBytes, Version,
        demand::{Cause, Origin, Person},
    };
    use normalizer::{Keys, RAW};

    use super::*;

    const KEYS: &str = include_str!("../../system/keys.json");

    /// What must be stored of a record of the first list.
    fn demand(source: &Source, sealer: &Sealer, number: usize) -> Demand {
        let state = source.states(0)[number];
        let (title, content) = source.texts(0, number, state.revision);
        let row = source.row(0, number, &state);
        let (channel, source_key) = (LISTS[0].parse().unwrap(), RecordKey::new(key(number)));
        let sealed = Sealed { mask: "*".to_owned(), token: None, sealed: SealedBytes(vec![1]) };
        let person = Person { phone: Some(sealed), ..Person::default() };
        let read_no = ReadNo(1);
        let mut demand = Demand {
            id: DemandId::of(&channel, &source_key),
            channel,
            source_key,
            version: Version { revision: Revision::NONE, read_no, mapping: MappingNo(1) },
            digest: Digest([0; 16]),
            origin: Origin {
                read_at: Timestamp::UNIX_EPOCH,
                message: "changes/1/0".to_owned(),
                charset: None,
                charset_by: None,
                cause: Cause::Live,
            },
            raw: SealedBytes(Vec::new()),
            body: DemandBody {
                title: Some(title),
                content: Some(content),
                grid: row["grid"].as_str().map(str::to_owned),
                people: if names_a_person(number) { vec![person] } else { Vec::new() },
                ..DemandBody::default()
            },
        };
        // A record that is not compressed begins with a zero.
        let packed = [&[0][..], row.to_string().as_bytes()].concat();
        demand.raw = sealer.seal(Place::from(&demand), RAW, &packed);
        demand
    }

    type Change = fn(&mut Demand);

    fn lose_record(demand: &mut Demand) {
        demand.raw.0.clear();
    }

    fn erase(demand: &mut Demand) {
        lose_record(demand);
        demand.body.people = vec![Person::default()];
    }

    fn change_grid(demand: &mut Demand) {
        demand.body.grid = Some("O1".to_owned());
    }

    fn change_id(demand: &mut Demand) {
        demand.id = DemandId::of(&demand.channel, &RecordKey::new("S0"));
    }

    #[tokio::test]
    async fn only_an_erased_person_may_be_without_record_and_then_without_values_too() {
        let source = Source::open(1, 0).await.unwrap();
        let sealer = Sealer::new(&Keys::from_json(KEYS).unwrap());
        let deeds = Deeds { erased: 1..26, grids: ["grid", "grid"] };
        let comparison = Comparison {
            source: &source,
            sealer: &sealer,
            deeds: &deeds,
            found: Findings::default(),
        };
        let cases: [(&str, usize, Change, bool); 10] = [
            ("as the source has it", 26, |_| {}, true),
            ("with a person", 50, |_| {}, true),
            ("an erased person who came back", 25, |_| {}, true),
            ("erased", 25, erase, true),
            ("erased, but for the values", 25, lose_record, false),
            ("not erased yet", 50, erase, false),
            ("the first one is never erased", 0, erase, false),
            ("without a person, and without its record", 24, erase, false),
            ("mapped by an earlier mapping", 26, change_grid, false),
            ("with the id of another one", 26, change_id, false),
        ];
        for (what, number, change, is_right) in cases {
            let mut stored = demand(&source, &sealer, number);
            change(&mut stored);
            let state = source.states(0)[number];
            let difference = comparison.difference(&stored, (0, number, state));
            assert_eq!(difference.is_none(), is_right, "{what}: {difference:?}");
        }
    }
}
