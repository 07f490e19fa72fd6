//! Demands read back: their current states, their history and what is in quarantine.

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
    demands::columns::{COLUMNS, Column, Kind},
};

/// A demand with what the store knows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemandRow {
    /// Its current state. The version moves whenever it is seen; `origin` tells where the content came
    /// from.
    pub demand: Demand,
    /// When it was first stored: time of the read.
    pub first_seen_at: Timestamp,
    /// When this content was last seen.
    pub last_seen_at: Timestamp,
}

/// One state that a demand had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// Names the row; ascends in the order of judgement.
    pub seq: i64,
    /// The version it came with.
    pub version: Version,
    /// What became of it.
    pub outcome: Outcome,
    /// Its status code.
    pub status: Option<String>,
    /// Stands for its content.
    pub digest: Digest,
    /// Names of the fields that differed from the state before; empty for the first one.
    pub changed: Vec<String>,
    /// Time of the read that saw it.
    pub seen_at: Timestamp,
}

/// Something in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Id of its key, or of its bytes.
    pub id: DemandId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The source's key, where it could be read.
    pub source_key: Option<String>,
    /// Its newest version.
    pub version: Version,
    /// A stable code, to group by.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// Where it was in the source.
    pub place: String,
    /// The message it came in.
    pub message: String,
    /// The record as the source said it, compressed and sealed.
    pub raw: Option<SealedBytes>,
    /// The event, where it is one of ours that this version cannot read.
    pub event: Option<String>,
    /// When it was first seen, where the message says.
    pub first_seen_at: Option<Timestamp>,
    /// When it was last seen, where the message says.
    pub last_seen_at: Option<Timestamp>,
    /// How often it came; a redelivery does not count.
    pub times_seen: u64,
    /// When a newer good state of the same thing was seen.
    pub resolved_at: Option<Timestamp>,
}

impl Database {
    /// The current state of what has this id.
    ///
    /// # Errors
    /// The store cannot be read, or the row does not hold a demand.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        let (sql, values) = (DEMAND.as_str(), [Value::Id(*id)]);
        self.query_first("read a demand", sql, &values, DemandRow::read).await
    }

    /// The current state of what has this key.
    ///
    /// # Errors
    /// As [`Database::demand`].
    pub async fn current(
        &self,
        channel: &ChannelId,
        key: &RecordKey,
    ) -> Result<Option<Demand>, Fault> {
        let row = self.demand(&DemandId::of(channel, key)).await?;
        Ok(row.map(|row| row.demand))
    }

    /// Demands seen since a moment, behind the row `after`, with the numbers of their rows.
    ///
    /// # Errors
    /// As [`Database::demand`].
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

    /// All states of a demand, in the order of judgement.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        self.query("read a history", HISTORY, &[Value::Id(*id)], HistoryRow::read).await
    }

    /// The record behind a row of history, as the source said it: compressed and sealed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        let (values, read) = ([history_seq.into()], |row: &dyn Columns| row.sealed("raw"));
        Ok(self.query_first("read a record", RAW, &values, read).await?.flatten())
    }

    /// What waits in quarantine, newest first; what is resolved does not wait.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        let values = [Value::Text(channel.map(ChannelId::as_str)), i64::from(limit).into()];
        self.query("list the quarantine", QUARANTINE_LIST, &values, Quarantined::read).await
    }

    /// What is in quarantine under this id, resolved or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        let values = [Value::Id(*id)];
        self.query_first("read the quarantine", QUARANTINE_SHOW, &values, Quarantined::read).await
    }
}

/// The demand with id $1.
static DEMAND: LazyLock<String> = LazyLock::new(|| demands("WHERE id = $1"));

/// Demands behind row $1 that were seen since $2, $3 at most.
static DEMANDS: LazyLock<String> =
    LazyLock::new(|| demands("WHERE seq > $1 AND last_seen_at >= $2 ORDER BY seq LIMIT $3"));

fn demands(which: &str) -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    format!(
        "SELECT seq, revision, read_no, mapping, first_seen_at, last_seen_at, {}, (
             SELECT raw FROM demand_raw WHERE history = (
                 SELECT max(h.seq) FROM demand_history h
                 WHERE h.demand = demand.seq AND h.outcome = 'stored')
         ) AS raw FROM demand {which}",
        columns.join(", ")
    )
}

/// All states of the demand with id $1.
const HISTORY: &str = "SELECT h.* FROM demand d JOIN demand_history h ON h.demand = d.seq
     WHERE d.id = $1 ORDER BY h.seq";

/// The bytes behind row $1 of history.
const RAW: &str = "SELECT raw FROM demand_raw WHERE history = $1";

/// What waits in quarantine of channel $1 or of all, $2 at most.
const QUARANTINE_LIST: &str = "SELECT * FROM quarantine
     WHERE resolved_at IS NULL AND (CAST($1 AS text) IS NULL OR channel = $1)
     ORDER BY last_seen_at DESC NULLS LAST, seq DESC LIMIT $2";

/// What is in quarantine under id $1.
const QUARANTINE_SHOW: &str = "SELECT * FROM quarantine WHERE id = $1";

impl DemandRow {
    /// A demand is read back through its wire form: the columns are its fields.
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let mut wire = Map::new();
        for column in COLUMNS {
            if let Some(value) = value(row, column)? {
                wire.insert(column.name.to_owned(), value);
            }
        }
        let raw = row.sealed("raw")?.unwrap_or(SealedBytes(Vec::new()));
        wire.insert("version".to_owned(), json("version", &row.version()?)?);
        wire.insert("raw".to_owned(), json("raw", &raw)?);
        Ok(Self {
            demand: serde_json::from_value(Json::Object(wire))
                .map_err(|error| decode("demand", error))?,
            first_seen_at: row.some_time("first_seen_at")?,
            last_seen_at: row.some_time("last_seen_at")?,
        })
    }
}

impl HistoryRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let outcome = Outcome::from_code(&row.some_text("outcome")?);
        Ok(Self {
            seq: row.some_int("seq")?,
            version: row.version()?,
            outcome: outcome.ok_or_else(|| decode("outcome", "unknown word"))?,
            status: row.text("status")?,
            digest: row.digest("digest")?,
            changed: row.json_value("changed")?.unwrap_or_default(),
            seen_at: row.some_time("seen_at")?,
        })
    }
}

impl Quarantined {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            id: row.demand_id()?,
            channel: row.channel()?,
            source_key: row.text("source_key")?,
            version: row.version()?,
            reason: row.some_text("reason")?,
            detail: row.some_text("detail")?,
            place: row.some_text("place")?,
            message: row.some_text("message")?,
            raw: row.sealed("raw")?,
            event: row.text("event")?,
            first_seen_at: row.time("first_seen_at")?,
            last_seen_at: row.time("last_seen_at")?,
            times_seen: row.count("times_seen")?,
            resolved_at: row.time("resolved_at")?,
        })
    }
}

fn value(row: &dyn Columns, column: &Column) -> Result<Option<Json>, Error> {
    let name = column.name;
    Ok(match column.kind {
        Kind::Id => row.id(name)?.map(|id| json(name, &id)).transpose()?,
        Kind::Text => row.text(name)?.map(Json::from),
        Kind::Time => row.time(name)?.map(|time| json(name, &time)).transpose()?,
        Kind::Int => row.int(name)?.map(Json::from),
        Kind::Bool => row.bool(name)?.map(Json::from),
        Kind::Json => row.json_value(name)?,
        Kind::Digest => Some(json(name, &row.digest(name)?)?),
        Kind::Sealed => row.sealed(name)?.map(|bytes| json(name, &bytes)).transpose()?,
    })
}

fn json(name: &str, value: &impl Serialize) -> Result<Json, Error> {
    serde_json::to_value(value).map_err(|error| decode(name, error))
}
