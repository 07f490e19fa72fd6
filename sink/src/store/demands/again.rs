//! The records that the store keeps, for mapping them again: those of demands, and those in quarantine. They are read
//! in pages of limited size, because each may have many megabytes.

use contract::{
    ChannelId, DemandId, Digest, Fault, MappingNo, RecordKey, SealedBytes, Timestamp, Version,
    demand::{Origin, Quality},
};
use sqlx::Error;

use super::quarantine::Quarantined;
use crate::store::{
    Database,
    database::sql::{Columns, Value},
};

/// Maximum number of sealed bytes on a page; one record alone may have more.
const MAX_PAGE_BYTES: i64 = 1 << 20;

/// A demand whose current state was made by an earlier mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Outdated {
    /// The number of its row.
    pub seq: i64,
    /// Its id.
    pub id: DemandId,
    /// The key of the source.
    pub source_key: RecordKey,
    /// Its version.
    pub version: Version,
    /// The digest of its content.
    pub digest: Digest,
    /// Where its content came from.
    pub origin: Origin,
    /// Its quality flags.
    pub quality: Vec<Quality>,
    /// Its record; `None` if it was dropped or erased.
    pub raw: Option<SealedBytes>,
    /// Whether the source was read again since that record, and what is mapped of it had not changed: what else has
    /// changed in it is not in the record.
    pub is_older: bool,
}

impl Database {
    /// The first demands of a channel after row number `after` whose mapping has a lower number than `mapping`: all
    /// of them, or those that were last seen at the time `since` or later. Empty if there are none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn outdated(
        &self,
        channel: &ChannelId,
        mapping: MappingNo,
        since: Option<Timestamp>,
        after: i64,
    ) -> Result<Vec<Outdated>, Fault> {
        let values = [
            channel.as_str().into(),
            i64::from(mapping.0).into(),
            after.into(),
            Value::Time(since),
            MAX_PAGE_BYTES.into(),
        ];
        self.query("read demands of earlier mappings", OUTDATED, &values, Outdated::read).await
    }

    /// The first unresolved rows in quarantine of a channel after row number `after`, with their row numbers.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn unresolved(
        &self,
        channel: &ChannelId,
        after: i64,
    ) -> Result<Vec<(i64, Quarantined)>, Fault> {
        let values = [channel.as_str().into(), after.into(), MAX_PAGE_BYTES.into()];
        let read = |row: &dyn Columns| Ok((row.some_int("seq")?, Quarantined::read(row)?));
        self.query("read the quarantine", UNRESOLVED, &values, read).await
    }

    /// The number of the mapping with this fingerprint if no other was used after it; `None` if it gets a new one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn latest_mapping(
        &self,
        channel: &ChannelId,
        fingerprint: Digest,
    ) -> Result<Option<MappingNo>, Fault> {
        let values = [channel.as_str().into(), fingerprint.0.as_slice().into()];
        let read = |row: &dyn Columns| row.some_int("mapping");
        let number = self.query_first("read a mapping", LATEST_MAPPING, &values, read).await?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).map(MappingNo))
    }
}

impl Outdated {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let origin = row.json_value("origin")?;
        Ok(Self {
            seq: row.some_int("seq")?,
            id: row.demand_id()?,
            source_key: RecordKey::new(row.some_text("source_key")?),
            version: row.version()?,
            digest: row.digest("digest")?,
            origin: origin.ok_or_else(|| Error::ColumnNotFound("origin".to_owned()))?,
            quality: row.json_value("quality")?.unwrap_or_default(),
            raw: row.sealed("raw")?,
            is_older: row.bool("is_older")?.unwrap_or(false),
        })
    }
}

/// The demands of channel $1 with a lower mapping than $2, after row $3, seen since $4: 500, or as many as have $5
/// sealed bytes together. The limit within keeps PostgreSQL from looking up a record twice.
const OUTDATED: &str = "SELECT * FROM (
         SELECT kept.*, coalesce(sum(length(kept.raw)) OVER (
                    ORDER BY kept.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
         FROM (
             SELECT seq, id, source_key, revision, read_no, mapping, digest, origin, quality, (
                 SELECT raw FROM demand_raw WHERE history = (
                     SELECT max(h.seq) FROM demand_history h
                     WHERE h.demand = demand.seq AND h.outcome = 'stored')
             ) AS raw, NOT EXISTS (
                 SELECT 1 FROM demand_history h WHERE h.demand = demand.seq
                 AND h.revision = demand.revision AND h.read_no = demand.read_no
             ) AS is_older
             FROM demand
             WHERE channel = $1 AND mapping < $2 AND seq > $3 AND ($4 IS NULL OR last_seen_at >= $4)
             ORDER BY seq LIMIT 500
         ) kept
     ) page WHERE bytes_before < $5 ORDER BY seq";

/// The unresolved rows of channel $1 after row $2: 500, or as many as have $3 bytes of records and messages together.
const UNRESOLVED: &str = "SELECT * FROM (
         SELECT kept.*, coalesce(sum(coalesce(length(kept.raw), 0) + coalesce(length(kept.event), 0)) OVER (
                    ORDER BY kept.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
         FROM (
             SELECT * FROM quarantine
             WHERE channel = $1 AND resolved_at IS NULL AND seq > $2 ORDER BY seq LIMIT 500
         ) kept
     ) page WHERE bytes_before < $3 ORDER BY seq";

const LATEST_MAPPING: &str = "SELECT mapping FROM mapping WHERE channel = $1 AND fingerprint = $2
     AND mapping = (SELECT max(mapping) FROM mapping WHERE channel = $1)";
