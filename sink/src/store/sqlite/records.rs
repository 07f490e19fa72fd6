//! What the SQLite store shows of itself.

use contract::{ChannelId, Demand, DemandId, Fault, RecordKey, SealedBytes, Timestamp};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};

use super::{
    Sqlite, count,
    known::{decode, digest, id, version},
};
use crate::store::{
    ChannelStatus, DemandRow, HistoryRow, Outcome, Quarantined,
    columns::{COLUMNS, Get},
};

impl Sqlite {
    /// The demand with this id.
    ///
    /// # Errors
    /// The file cannot be read, or the row does not hold a demand.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        let sql = format!(
            "SELECT revision, read_no, mapping, first_seen_at, last_seen_at, {}, (
                 SELECT raw FROM demand_raw WHERE history = (
                     SELECT max(h.seq) FROM demand_history h
                     WHERE h.demand = demand.seq AND h.outcome = 'stored')
             ) AS raw FROM demand WHERE id = ?",
            names.join(", "),
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .and_then(|row| row.as_ref().map(demand).transpose());
        row.map_err(|error| self.fault("read a demand", error))
    }

    /// The current state of what has this key.
    ///
    /// # Errors
    /// As [`Sqlite::demand`].
    pub async fn current(
        &self,
        channel: &ChannelId,
        key: &RecordKey,
    ) -> Result<Option<Demand>, Fault> {
        let row = self.demand(&DemandId::of(channel, key)).await?;
        Ok(row.map(|row| row.demand))
    }

    /// All states of a demand, in the order of judgement.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        let rows = sqlx::query(
            "SELECT h.* FROM demand d JOIN demand_history h ON h.demand = d.seq
             WHERE d.id = ? ORDER BY h.seq",
        )
        .bind(id.to_string())
        .fetch_all(&self.readers)
        .await
        .and_then(|rows| rows.iter().map(history).collect());
        rows.map_err(|error| self.fault("read a history", error))
    }

    /// The record behind a row of history, as the source said it: compressed and sealed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        let raw = sqlx::query_scalar("SELECT raw FROM demand_raw WHERE history = ?")
            .bind(history_seq)
            .fetch_optional(&self.readers)
            .await;
        raw.map(|raw| raw.map(SealedBytes)).map_err(|error| self.fault("read a record", error))
    }

    /// What waits in quarantine, newest first; what is resolved does not wait.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        let rows = sqlx::query(
            "SELECT * FROM quarantine
             WHERE resolved_at IS NULL AND (?1 IS NULL OR channel = ?1)
             ORDER BY last_seen_at DESC, seq DESC LIMIT ?2",
        )
        .bind(channel.map(ChannelId::as_str))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .and_then(|rows| rows.iter().map(quarantined).collect());
        rows.map_err(|error| self.fault("list the quarantine", error))
    }

    /// What is in quarantine under this id, resolved or not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        let row = sqlx::query("SELECT * FROM quarantine WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .and_then(|row| row.as_ref().map(quarantined).transpose());
        row.map_err(|error| self.fault("read the quarantine", error))
    }

    /// Where each channel stands.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn status(&self) -> Result<Vec<ChannelStatus>, Fault> {
        let rows = sqlx::query(
            "SELECT c.channel, c.step, c.read_at,
                    CASE WHEN c.read_at IS NULL OR c.fault_at > c.read_at THEN c.fault END AS fault,
                    (SELECT count(*) FROM demand d WHERE d.channel = c.channel) AS demands,
                    (SELECT count(*) FROM quarantine q
                     WHERE q.channel = c.channel AND q.resolved_at IS NULL) AS quarantined
             FROM checkpoint c ORDER BY c.channel",
        )
        .fetch_all(&self.readers)
        .await
        .and_then(|rows| rows.iter().map(status).collect());
        rows.map_err(|error| self.fault("read the status", error))
    }
}

/// A demand is read back through its wire form: the columns are its fields.
fn demand(row: &SqliteRow) -> Result<DemandRow, sqlx::Error> {
    let mut wire = Map::new();
    for column in COLUMNS {
        if let Some(value) = value(row, column.name, &column.get)? {
            wire.insert(column.name.to_owned(), value);
        }
    }
    let raw: Option<Vec<u8>> = row.try_get("raw")?;
    wire.insert("version".to_owned(), json("version", &version(row)?)?);
    wire.insert("raw".to_owned(), json("raw", &SealedBytes(raw.unwrap_or_default()))?);
    let demand: Demand =
        serde_json::from_value(Value::Object(wire)).map_err(|error| decode("demand", error))?;
    Ok(DemandRow {
        demand,
        first_seen_at: row.try_get("first_seen_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
    })
}

fn value(row: &SqliteRow, name: &str, get: &Get) -> Result<Option<Value>, sqlx::Error> {
    Ok(match get {
        Get::Id(_) | Get::Text(_) | Get::Time(_) => {
            row.try_get::<Option<String>, _>(name)?.map(Value::from)
        }
        Get::Int(_) => row.try_get::<Option<i64>, _>(name)?.map(Value::from),
        Get::Bool(_) => row.try_get::<Option<bool>, _>(name)?.map(Value::from),
        Get::Json(_) => {
            let text: Option<&str> = row.try_get(name)?;
            text.map(serde_json::from_str).transpose().map_err(|error| decode(name, error))?
        }
        Get::Bytes(_) if name == "digest" => Some(json(name, &digest(row, name)?)?),
        Get::Bytes(_) => {
            let bytes: Option<Vec<u8>> = row.try_get(name)?;
            bytes.map(|bytes| json(name, &SealedBytes(bytes))).transpose()?
        }
    })
}

fn json(name: &str, value: &impl serde::Serialize) -> Result<Value, sqlx::Error> {
    serde_json::to_value(value).map_err(|error| decode(name, error))
}

fn history(row: &SqliteRow) -> Result<HistoryRow, sqlx::Error> {
    let outcome: &str = row.try_get("outcome")?;
    let changed: &str = row.try_get("changed")?;
    Ok(HistoryRow {
        seq: row.try_get("seq")?,
        version: version(row)?,
        outcome: Outcome::from_code(outcome).ok_or_else(|| decode("outcome", "unknown word"))?,
        status: row.try_get("status")?,
        digest: digest(row, "digest")?,
        changed: serde_json::from_str(changed).map_err(|error| decode("changed", error))?,
        seen_at: row.try_get("seen_at")?,
    })
}

fn quarantined(row: &SqliteRow) -> Result<Quarantined, sqlx::Error> {
    let raw: Option<Vec<u8>> = row.try_get("raw")?;
    Ok(Quarantined {
        id: id(row)?,
        channel: channel(row)?,
        source_key: row.try_get("source_key")?,
        version: version(row)?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        place: row.try_get("place")?,
        message: row.try_get("message")?,
        raw: raw.map(SealedBytes),
        event: row.try_get("event")?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        times_seen: count(row.try_get("times_seen")?),
        resolved_at: row.try_get("resolved_at")?,
    })
}

fn status(row: &SqliteRow) -> Result<ChannelStatus, sqlx::Error> {
    Ok(ChannelStatus {
        channel: channel(row)?,
        step: count(row.try_get("step")?),
        last_read_at: row.try_get::<Option<Timestamp>, _>("read_at")?,
        fault: row.try_get("fault")?,
        demands: count(row.try_get("demands")?),
        quarantined: count(row.try_get("quarantined")?),
    })
}

fn channel(row: &SqliteRow) -> Result<ChannelId, sqlx::Error> {
    let name: &str = row.try_get("channel")?;
    name.parse().map_err(|error| decode("channel", error))
}
