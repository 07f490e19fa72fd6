//! Indexes of history: which demands name a person, and which demands belong together.
//!
//! The sink does not write them, because finding other demands of a person takes time. A worker reads
//! `demand_history` in the order of its row numbers, batch by batch. It writes its position (the last row that
//! it has read) in the same transaction as the rows of the index. It only adds rows that are missing, so an
//! index can be rebuilt by reading history again. How far it may read is decided in `walk.rs`.

use contract::{Fault, Sealed, Timestamp, demand::Person};
use serde::{Deserialize, Serialize};
use sqlx::Error;

use crate::store::{
    Database,
    database::{
        sql::{Columns, NO_ROWS, Sql, Value},
        transaction::Transaction,
    },
    demands::{
        rows::Outcome,
        walk::{Behind, FIRST_ROW_AFTER, number, stretch_end},
    },
};

/// Maximum number of row numbers in one transaction. With SQLite, the sink waits until it ends.
const MAX_BATCH: i64 = 1_000;

/// An index of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Index {
    /// Which demands name a person, by token (keyed hash of a personal value). Erasing a person needs it.
    People,
    /// Which demands of different channels are the same demand. It is derived from the rows of `People`.
    Links,
}

/// How far an index is behind history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexLag {
    /// The index.
    pub index: Index,
    /// The number of rows of history that it does not cover yet, or more: numbers that were skipped are counted
    /// as rows.
    pub rows: u64,
    /// When the oldest of these rows was read from its source.
    pub since: Option<Timestamp>,
}

impl Index {
    /// All indexes; each depends only on those before it.
    pub const ALL: [Self; 2] = [Self::People, Self::Links];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Links => "links",
        }
    }
}

impl Database {
    /// How far each index is behind history.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn index_lag(&self) -> Result<Vec<IndexLag>, Fault> {
        let mut lags = Vec::new();
        for index in Index::ALL {
            let Behind { rows, since } = self.behind(self.index_position(index).await?).await?;
            lags.push(IndexLag { index, rows, since });
        }
        Ok(lags)
    }

    /// The number of the row of history up to which an index is complete.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn index_position(&self, index: Index) -> Result<i64, Fault> {
        let values = [index.name().into()];
        let position = self.query_first("read the index", POSITION, &values, number).await?;
        Ok(position.unwrap_or(0))
    }

    /// Indexes the next rows of history, a thousand at most. Returns false if there is nothing to index.
    ///
    /// # Errors
    /// The store cannot be written; the index has not changed.
    pub async fn index_batch(&self, index: Index) -> Result<bool, Fault> {
        // The bound must be read before the rows, so that all rows up to it are visible.
        let bound = match index {
            Index::People => self.last_visible().await?,
            // A link needs the tokens of both demands in the index of people.
            Index::Links => self.index_position(Index::People).await?,
        };
        if bound <= self.index_position(index).await? {
            return Ok(false);
        }
        let mut tx = self.begin("index history").await?;
        let after = lock_index(&mut tx, index).await?;
        let first = tx.query(FIRST_ROW_AFTER, &[after.into()], |row| row.int("seq")).await?;
        let first = first.into_iter().next().flatten();
        let Some(end) = stretch_end(after, first, bound, MAX_BATCH) else {
            return Ok(false); // another worker has moved the index since the bound was read
        };
        let states = tx.query(STATES, &[after.into(), end.into()], State::read).await?;
        let mut tokens: Vec<_> = states.iter().flat_map(|state| state.pairs_for(index)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        if !tokens.is_empty() {
            let tokens = serde_json::json!(tokens);
            let write = match index {
                Index::People => PEOPLE.into(),
                Index::Links => LINKS,
            };
            tx.execute(write, &[tokens.into()]).await?;
        }
        tx.execute(MOVE_INDEX, &[index.name().into(), end.into()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Makes the workers read history from its start again and add what the indexes lack. Rows that are in the
    /// indexes stay.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn rebuild_indexes(&self) -> Result<(), Fault> {
        self.write("rebuild the indexes", REBUILD, &[], NO_ROWS).await?;
        Ok(())
    }
}

/// Locks an index until the transaction ends; returns its position. Code that changes `demand_person` or
/// the tokens in history must lock `People`.
pub(crate) async fn lock_index(tx: &mut Transaction<'_>, index: Index) -> Result<i64, Fault> {
    let position = tx.query(LOCK_INDEX, &[index.name().into()], number).await?;
    Ok(position.first().copied().unwrap_or(0))
}

/// Applies `change` to the tokens of each state in the history of a demand. The indexes are rebuilt from
/// these tokens. `demand` is its row number.
pub(crate) async fn change_tokens(
    tx: &mut Transaction<'_>,
    demand: i64,
    change: impl Fn(&mut Tokens) + Send,
) -> Result<(), Fault> {
    let read = |row: &dyn Columns| Ok((row.some_int("seq")?, row.json_value("tokens")?));
    for (seq, stored) in tx.query(TOKENS, &[demand.into()], read).await? {
        let stored: Tokens = stored.unwrap_or_default();
        let mut tokens = stored.clone();
        change(&mut tokens);
        if tokens != stored {
            tx.execute(SET_TOKENS, &[seq.into(), tokens.to_json()]).await?;
        }
    }
    Ok(())
}

/// The tokens of the people that a state names, and of its address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    /// Tokens of telephone and identity numbers, which identify a person.
    #[serde(rename = "contacts", skip_serializing_if = "Vec::is_empty")]
    pub(crate) identifying: Vec<String>,
    /// Tokens of names, which many people share, and of the address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(people: &[Person], address: Option<&Sealed>) -> Self {
        let token = |sealed: Option<&Sealed>| sealed?.token.clone();
        let numbers = people.iter().flat_map(|person| [&person.phone, &person.id_no]);
        let names = people.iter().filter_map(|person| token(person.name.as_ref()));
        Self {
            identifying: numbers.filter_map(|value| token(value.as_ref())).collect(),
            others: names.chain(token(address)).collect(),
        }
    }

    /// The value of the column `tokens`.
    pub(crate) fn to_json(&self) -> Value<'static> {
        serde_json::json!(self).into()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&String) -> bool) {
        self.identifying.retain(&keep);
        self.others.retain(&keep);
    }

    /// Adds the tokens of `more` that are not there yet.
    pub(crate) fn add(&mut self, more: &Self) {
        for (tokens, more) in
            [(&mut self.identifying, &more.identifying), (&mut self.others, &more.others)]
        {
            for token in more {
                if !tokens.contains(token) {
                    tokens.push(token.clone());
                }
            }
        }
    }
}

/// What an index needs from a row of history.
struct State {
    /// The row number of the demand.
    demand: i64,
    is_stored: bool,
    tokens: Tokens,
}

impl State {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let tokens = match row.json_value("tokens")? {
            Some(tokens) => tokens,
            // The row is older than the column `tokens`: the current state of the demand has its people.
            None => {
                let people: Vec<Person> = row.json_value("people")?.unwrap_or_default();
                let address: Option<Sealed> = row.json_value("address")?;
                Tokens::new(&people, address.as_ref())
            }
        };
        let (demand, outcome) = (row.some_int("demand")?, row.some_text("outcome")?);
        Ok(Self { demand, is_stored: outcome == Outcome::Stored.code(), tokens })
    }

    /// The pairs of token and demand that an index needs of this state.
    fn pairs_for(&self, index: Index) -> Vec<(&str, i64)> {
        let Tokens { identifying, others } = &self.tokens;
        let tokens = match index {
            Index::People => identifying.iter().chain(others),
            // A state that was never the current one does not justify a link.
            Index::Links if !self.is_stored => return Vec::new(),
            Index::Links => identifying.iter().chain(&[]),
        };
        tokens.map(|token| (token.as_str(), self.demand)).collect()
    }
}

/// The position of index $1.
const POSITION: &str = "SELECT position AS n FROM index_position WHERE name = $1";

/// Locks the position of index $1, and returns it.
const LOCK_INDEX: &str =
    "UPDATE index_position SET position = position WHERE name = $1 RETURNING position AS n";

/// Moves index $1 to position $2.
const MOVE_INDEX: &str = "UPDATE index_position SET position = $2 WHERE name = $1";

const REBUILD: &str = "UPDATE index_position SET position = 0";

/// States after row $1 up to row $2.
const STATES: &str = "
    SELECT h.demand, h.outcome, h.tokens,
           CASE WHEN h.tokens IS NULL
           THEN (SELECT people FROM demand d WHERE d.seq = h.demand) END AS people,
           CASE WHEN h.tokens IS NULL
           THEN (SELECT address FROM demand d WHERE d.seq = h.demand) END AS address
    FROM demand_history h WHERE h.seq > $1 AND h.seq <= $2";

/// The tokens of each state of demand $1.
const TOKENS: &str = "SELECT seq, tokens FROM demand_history
     WHERE demand = $1 AND tokens IS NOT NULL";

/// Sets the tokens of row $1 of history to $2.
const SET_TOKENS: &str = "UPDATE demand_history SET tokens = $2 WHERE seq = $1";

/// Adds the pairs of token and demand in the list $1.
const PEOPLE: &str = "INSERT INTO demand_person (token, demand)
     SELECT v.value ->> 0, CAST(v.value ->> 1 AS bigint) FROM {each}($1) v WHERE true
     ON CONFLICT (token, demand) DO NOTHING";

/// For each pair of token and demand in the list $1: adds links between this demand and the demands of other
/// channels that have the same token and exactly the same content. Of the demands with this token, only the
/// nineteen before it and the nineteen after it, by row number, are compared with it, which bounds the work for a
/// telephone number that hundreds of demands give. Links are never removed; a rebuild adds those that are missing, by
/// the contents that the demands have then.
///
/// The statements fix the order of the look-ups. Without that, a database that plans while the tables are
/// empty would choose to read whole tables.
const LINKS: Sql = Sql {
    sqlite: "INSERT INTO demand_link (a, b, reason, score, by)
     SELECT DISTINCT min(d.seq, e.seq), max(d.seq, e.seq), 'same person, same text', 100, 'rule'
     FROM (SELECT value ->> 0 AS token, value ->> 1 AS demand FROM json_each($1)) v
     CROSS JOIN demand_person p CROSS JOIN demand d CROSS JOIN demand e
     WHERE p.token = v.token AND p.demand <> v.demand
     AND p.demand >= coalesce((
         SELECT q.demand FROM demand_person q WHERE q.token = v.token AND q.demand < v.demand
         ORDER BY q.demand DESC LIMIT 1 OFFSET 18), 0)
     AND p.demand <= coalesce((
         SELECT q.demand FROM demand_person q WHERE q.token = v.token AND q.demand > v.demand
         ORDER BY q.demand LIMIT 1 OFFSET 18), 9223372036854775807)
     AND d.seq = v.demand AND e.seq = p.demand
     AND e.channel <> d.channel AND e.content = d.content
     ON CONFLICT (a, b, reason) DO NOTHING",
    postgres: "INSERT INTO demand_link (a, b, reason, score, by)
     SELECT DISTINCT least(v.demand, p.demand), greatest(v.demand, p.demand),
            'same person, same text', 100, 'rule'
     FROM (SELECT value ->> 0 AS token, CAST(value ->> 1 AS bigint) AS demand
           FROM jsonb_array_elements($1)) v
     CROSS JOIN LATERAL (
         (SELECT demand FROM demand_person WHERE token = v.token AND demand < v.demand
          ORDER BY demand DESC LIMIT 19)
         UNION ALL
         (SELECT demand FROM demand_person WHERE token = v.token AND demand > v.demand
          ORDER BY demand LIMIT 19)) p
     CROSS JOIN LATERAL (
         SELECT 1 FROM demand d JOIN demand e ON e.seq = p.demand
         WHERE d.seq = v.demand AND e.channel <> d.channel AND e.content = d.content LIMIT 1) same
     ON CONFLICT (a, b, reason) DO NOTHING",
};
