//! Rows read back, whichever database they come from: only how a column is decoded differs.

use contract::{
    ChannelId, Current, Demand, DemandId, Digest, MappingNo, ReadNo, Revision, SealedBytes,
    Timestamp, Tracked, Version,
};
use serde_json::{Map, Value};
use sqlx::Error;

use crate::store::{
    ChannelStatus, DemandRow, HistoryRow, Outcome, Quarantined,
    demands::columns::{COLUMNS, Get},
    demands::plan::KnownDemand,
};

/// A row whose columns are asked for by name; null is `None`.
pub(crate) trait Columns {
    fn text(&self, name: &str) -> Result<Option<String>, Error>;
    fn int(&self, name: &str) -> Result<Option<i64>, Error>;
    fn bool(&self, name: &str) -> Result<Option<bool>, Error>;
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error>;
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
    fn id(&self, name: &str) -> Result<Option<DemandId>, Error>;
    /// The text of a JSON value.
    fn json(&self, name: &str) -> Result<Option<String>, Error>;
}

/// A column that does not hold what it must.
pub(crate) fn decode(
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}

/// What the judge must know of a demand, and its id.
pub(crate) fn known_demand(
    row: &(impl Columns + ?Sized),
) -> Result<(DemandId, KnownDemand), Error> {
    let tracked = Tracked {
        status: row.text("status")?,
        status_raw: row.text("status_raw")?,
        kind: row.text("kind")?,
        region: row.text("region")?,
        org: row.text("org")?,
        urgency: row.text("urgency")?,
        due_at: row.time("due_at")?.map(|due| due.timestamp_micros()),
        urged: row.int("urged")?.and_then(|urged| u32::try_from(urged).ok()),
    };
    let current = Current { version: version(row)?, digest: digest(row)?, tracked };
    let (seq, last_seen_at) = (some(row.int("seq")?, "seq")?, last_seen_at(row)?);
    Ok((id(row)?, KnownDemand { seq, current, last_seen_at }))
}

/// A demand is read back through its wire form: the columns are its fields.
pub(crate) fn demand(row: &(impl Columns + ?Sized)) -> Result<DemandRow, Error> {
    let mut wire = Map::new();
    for column in COLUMNS {
        if let Some(value) = value(row, column.name, &column.get)? {
            wire.insert(column.name.to_owned(), value);
        }
    }
    let raw = SealedBytes(row.bytes("raw")?.unwrap_or_default());
    wire.insert("version".to_owned(), json("version", &version(row)?)?);
    wire.insert("raw".to_owned(), json("raw", &raw)?);
    let demand: Demand =
        serde_json::from_value(Value::Object(wire)).map_err(|error| decode("demand", error))?;
    let first_seen_at = some(row.time("first_seen_at")?, "first_seen_at")?;
    Ok(DemandRow { demand, first_seen_at, last_seen_at: last_seen_at(row)? })
}

/// A row of history.
pub(crate) fn history(row: &(impl Columns + ?Sized)) -> Result<HistoryRow, Error> {
    let outcome = some(row.text("outcome")?, "outcome")?;
    let changed = some(row.json("changed")?, "changed")?;
    Ok(HistoryRow {
        seq: some(row.int("seq")?, "seq")?,
        version: version(row)?,
        outcome: Outcome::from_code(&outcome).ok_or_else(|| decode("outcome", "unknown word"))?,
        status: row.text("status")?,
        digest: digest(row)?,
        changed: serde_json::from_str(&changed).map_err(|error| decode("changed", error))?,
        seen_at: some(row.time("seen_at")?, "seen_at")?,
    })
}

/// A row of quarantine.
pub(crate) fn quarantined(row: &(impl Columns + ?Sized)) -> Result<Quarantined, Error> {
    Ok(Quarantined {
        id: id(row)?,
        channel: channel(row)?,
        source_key: row.text("source_key")?,
        version: version(row)?,
        reason: some(row.text("reason")?, "reason")?,
        detail: some(row.text("detail")?, "detail")?,
        place: some(row.text("place")?, "place")?,
        message: some(row.text("message")?, "message")?,
        raw: row.bytes("raw")?.map(SealedBytes),
        event: row.text("event")?,
        first_seen_at: row.time("first_seen_at")?,
        last_seen_at: row.time("last_seen_at")?,
        times_seen: count(some(row.int("times_seen")?, "times_seen")?),
        resolved_at: row.time("resolved_at")?,
    })
}

/// Where one channel stands.
pub(crate) fn status(row: &(impl Columns + ?Sized)) -> Result<ChannelStatus, Error> {
    Ok(ChannelStatus {
        channel: channel(row)?,
        step: count(some(row.int("step")?, "step")?),
        last_read_at: row.time("read_at")?,
        fault: row.text("fault")?,
        demands: count(some(row.int("demands")?, "demands")?),
        quarantined: count(some(row.int("quarantined")?, "quarantined")?),
    })
}

/// The channel of a row.
pub(crate) fn channel(row: &(impl Columns + ?Sized)) -> Result<ChannelId, Error> {
    some(row.text("channel")?, "channel")?.parse().map_err(|error| decode("channel", error))
}

/// The digest of a row.
pub(crate) fn digest(row: &(impl Columns + ?Sized)) -> Result<Digest, Error> {
    to_digest("digest", some(row.bytes("digest")?, "digest")?)
}

/// A digest in a column of this name.
pub(crate) fn to_digest(name: &str, bytes: Vec<u8>) -> Result<Digest, Error> {
    bytes.try_into().map(Digest).map_err(|_| decode(name, "not 16 bytes"))
}

/// Counters are unsigned in Rust and signed in SQL; none of ours comes near the difference.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The inverse of [`int`]; a negative count is none.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn version(row: &(impl Columns + ?Sized)) -> Result<Version, Error> {
    let mapping = some(row.int("mapping")?, "mapping")?;
    Ok(Version {
        revision: Revision::from_column(some(row.int("revision")?, "revision")?),
        read_no: ReadNo(count(some(row.int("read_no")?, "read_no")?)),
        mapping: MappingNo(u32::try_from(mapping).map_err(|error| decode("mapping", error))?),
    })
}

pub(crate) fn id(row: &(impl Columns + ?Sized)) -> Result<DemandId, Error> {
    some(row.id("id")?, "id")
}

fn last_seen_at(row: &(impl Columns + ?Sized)) -> Result<Timestamp, Error> {
    some(row.time("last_seen_at")?, "last_seen_at")
}

fn value(row: &(impl Columns + ?Sized), name: &str, get: &Get) -> Result<Option<Value>, Error> {
    Ok(match get {
        Get::Id(_) => row.id(name)?.map(|id| json(name, &id)).transpose()?,
        Get::Text(_) => row.text(name)?.map(Value::from),
        Get::Time(_) => row.time(name)?.map(|time| json(name, &time)).transpose()?,
        Get::Int(_) => row.int(name)?.map(Value::from),
        Get::Bool(_) => row.bool(name)?.map(Value::from),
        Get::Json(_) => {
            let text = row.json(name)?;
            let value = text.as_deref().map(serde_json::from_str).transpose();
            value.map_err(|error| decode(name, error))?
        }
        Get::Bytes(_) if name == "digest" => Some(json(name, &digest(row)?)?),
        Get::Bytes(_) => {
            row.bytes(name)?.map(|bytes| json(name, &SealedBytes(bytes))).transpose()?
        }
    })
}

fn json(name: &str, value: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| decode(name, error))
}

fn some<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| decode(name, "it is null"))
}
