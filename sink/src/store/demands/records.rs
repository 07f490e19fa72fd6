//! Reads demands: their current states and their history.

use std::sync::LazyLock;

use contract::{
    ChannelId, Demand, DemandId, Digest, Fault, RecordKey, SealedBytes, Timestamp, Version,
};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use sqlx::Error;

use crate::store::{
    Database, Outcome,
    database::sql::{Columns, Value, decode},
    demands::columns::{COLUMNS, Column, ColumnKind},
};

/// A demand, and when it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemandRow {
    /// Its current state. Its version is that of the last read that returned this content; `origin` is that
    /// of the first one. Its `raw` is empty if the record was dropped or erased.
    pub demand: Demand,
    /// The time of the read that first saw it.
    pub first_seen_at: Timestamp,
    /// The time of the last read that saw this content.
    pub last_seen_at: Timestamp,
}

/// What the content of a demand is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDigest {
    /// The number of the row.
    pub seq: i64,
    /// Its id.
    pub id: DemandId,
    /// The digest of its content.
    pub digest: Digest,
    /// When its source was last seen to have this content.
    pub last_seen_at: Timestamp,
}

/// One state that a demand had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// The number of the row, in the order in which states were judged.
    pub seq: i64,
    /// Its version.
    pub version: Version,
    /// What became of the state.
    pub outcome: Outcome,
    /// The status code of the demand in this state.
    pub status: Option<String>,
    /// The digest of its content.
    pub digest: Digest,
    /// Names of the fields that differed from the state before; empty for the first one.
    pub changed: Vec<String>,
    /// The time of the read that saw it.
    pub seen_at: Timestamp,
}

impl Database {
    /// The demand with this id.
    ///
    /// # Errors
    /// The store cannot be read, or the row does not hold a demand.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        let (sql, values) = (DEMAND.as_str(), [Value::Id(*id)]);
        self.query_first("read a demand", sql, &values, DemandRow::read).await
    }

    /// The current state of the demand with this key.
    ///
    /// # Errors
    /// Like [`Database::demand`].
    pub async fn current(
        &self,
        channel: &ChannelId,
        key: &RecordKey,
    ) -> Result<Option<Demand>, Fault> {
        let row = self.demand(&DemandId::of(channel, key)).await?;
        Ok(row.map(|row| row.demand))
    }

    /// The first `limit` demands after row number `after` that were seen at the time `since` or later, with
    /// their row numbers.
    ///
    /// # Errors
    /// Like [`Database::demand`].
    pub async fn demands(
        &self,
        after: i64,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(i64, DemandRow)>, Fault> {
        let values = [after.into(), since.into(), i64::from(limit).into()];
        let read = |row: &dyn Columns| Ok((row.some_int("seq")?, DemandRow::read(row)?));
        self.query("read demands", DEMANDS.as_str(), &values, read).await
    }

    /// What the contents of the first `limit` demands of a channel after row number `after` are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn digests(
        &self,
        channel: &ChannelId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredDigest>, Fault> {
        let values = [channel.as_str().into(), after.into(), i64::from(limit).into()];
        let read = |row: &dyn Columns| {
            Ok(StoredDigest {
                seq: row.some_int("seq")?,
                id: row.demand_id()?,
                digest: row.digest("digest")?,
                last_seen_at: row.some_time("last_seen_at")?,
            })
        };
        self.query("read the ids of a channel", DIGESTS, &values, read).await
    }

    /// All states of a demand, in the order in which they were judged.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        self.query("read a history", HISTORY, &[Value::Id(*id)], HistoryRow::read).await
    }

    /// The record of a row of history, as the source sent it, compressed and sealed. `None` if it was dropped
    /// or erased.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        let (values, read) = ([history_seq.into()], |row: &dyn Columns| row.sealed("raw"));
        Ok(self.query_first("read a record", RAW, &values, read).await?.flatten())
    }
}

/// The demand with id $1.
static DEMAND: LazyLock<String> = LazyLock::new(|| select("WHERE id = $1"));

/// Demands after row $1 that were seen since $2, $3 at most.
static DEMANDS: LazyLock<String> =
    LazyLock::new(|| select("WHERE seq > $1 AND last_seen_at >= $2 ORDER BY seq LIMIT $3"));

/// Demands of channel $1 after row $2, $3 at most.
const DIGESTS: &str =
    "SELECT seq, id, digest, last_seen_at FROM demand WHERE channel = $1 AND seq > $2
     ORDER BY seq LIMIT $3";

/// A SELECT of demands, with this condition.
fn select(condition: &str) -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    format!(
        "SELECT seq, revision, read_no, mapping, first_seen_at, last_seen_at, {}, (
             SELECT raw FROM demand_raw WHERE history = (
                 SELECT max(h.seq) FROM demand_history h
                 WHERE h.demand = demand.seq AND h.outcome = 'stored')
         ) AS raw FROM demand {condition}",
        columns.join(", ")
    )
}

/// All states of the demand with id $1.
const HISTORY: &str = "SELECT h.* FROM demand d JOIN demand_history h ON h.demand = d.seq
     WHERE d.id = $1 ORDER BY h.seq";

/// The record of row $1 of history.
const RAW: &str = "SELECT raw FROM demand_raw WHERE history = $1";

impl DemandRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let raw = row.sealed("raw")?.unwrap_or(SealedBytes(Vec::new()));
        Ok(Self {
            demand: demand(row, COLUMNS.iter(), &raw)?,
            first_seen_at: row.some_time("first_seen_at")?,
            last_seen_at: row.some_time("last_seen_at")?,
        })
    }
}

impl HistoryRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let outcome = serde_json::from_value(row.some_text("outcome")?.into());
        Ok(Self {
            seq: row.some_int("seq")?,
            version: row.version()?,
            outcome: outcome.map_err(|error| decode("outcome", error))?,
            status: row.text("status")?,
            digest: row.digest("digest")?,
            changed: row.json_value("changed")?.unwrap_or_default(),
            seen_at: row.some_time("seen_at")?,
        })
    }
}

/// The demand in a row that has these columns and those of a version. It builds the JSON of the wire format, which has
/// a field for each column, and parses it.
pub(super) fn demand<'a>(
    row: &dyn Columns,
    columns: impl Iterator<Item = &'a Column>,
    raw: &SealedBytes,
) -> Result<Demand, Error> {
    let mut wire = Map::new();
    for column in columns {
        if let Some(value) = value(row, column)? {
            wire.insert(column.name.to_owned(), value);
        }
    }
    wire.insert("version".to_owned(), json("version", &row.version()?)?);
    wire.insert("raw".to_owned(), json("raw", raw)?);
    serde_json::from_value(Json::Object(wire)).map_err(|error| decode("demand", error))
}

fn value(row: &dyn Columns, column: &Column) -> Result<Option<Json>, Error> {
    let name = column.name;
    Ok(match column.kind {
        ColumnKind::Id => row.id(name)?.map(|id| json(name, &id)).transpose()?,
        ColumnKind::Text => row.text(name)?.map(Json::from),
        ColumnKind::Time => row.time(name)?.map(|time| json(name, &time)).transpose()?,
        ColumnKind::Int => row.int(name)?.map(Json::from),
        ColumnKind::Bool => row.bool(name)?.map(Json::from),
        ColumnKind::Json => row.json_value(name)?,
        ColumnKind::Digest => Some(json(name, &row.digest(name)?)?),
        ColumnKind::Sealed => row.sealed(name)?.map(|bytes| json(name, &bytes)).transpose()?,
    })
}

fn json(name: &str, value: &impl Serialize) -> Result<Json, Error> {
    serde_json::to_value(value).map_err(|error| decode(name, error))
}
