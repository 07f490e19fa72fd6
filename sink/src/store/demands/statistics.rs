//! Statistics of demands: quality flags, labels that no code table has, the number of demands of a day, and
//! which fields demands have.

use std::sync::LazyLock;

use chrono::TimeDelta;
use contract::{ChannelId, DemandId, DemandShape, Fault, Timestamp};
use serde::Serialize;

use crate::store::{
    Database, RequestKind, RequestState,
    database::sql::{Columns, NO_ROWS},
};

/// How many demands of a channel have a certain quality flag at a certain field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityCount {
    /// The channel.
    pub channel: ChannelId,
    /// The field.
    pub field: String,
    /// The code of the quality flag: what is doubtful about the field.
    pub flag: String,
    /// The number of demands that have the flag.
    pub demands: u64,
    /// The number of demands of the channel that were examined.
    pub of: u64,
}

/// A label that no code table has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownLabel {
    /// The channel.
    pub channel: ChannelId,
    /// The field of the demand.
    pub field: String,
    /// The label of the source.
    pub raw: String,
    /// The number of demands that have it.
    pub demands: u64,
    /// The key of one of these demands.
    pub sample: String,
}

impl Database {
    /// Counts the quality flags of each channel and field, of the `newest` newest demands of the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quality(&self, newest: i64) -> Result<Vec<QualityCount>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(QualityCount {
                channel: row.channel()?,
                field: row.some_text("field")?,
                flag: row.some_text("flag")?,
                demands: row.count("demands")?,
                of: row.count("of_all")?,
            })
        };
        self.query("count doubts", COUNTS, &[newest.into()], read).await
    }

    /// Labels that no code table has, the most frequent first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn unknown_labels(&self) -> Result<Vec<UnknownLabel>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(UnknownLabel {
                channel: row.channel()?,
                field: row.some_text("field")?,
                raw: row.some_text("raw")?,
                demands: row.count("demands")?,
                sample: row.some_text("sample")?,
            })
        };
        self.query("list unknown labels", UNKNOWN.as_str(), &[], read).await
    }
}

/// Counts the quality flags of the $1 newest demands.
const COUNTS: &str = "
    WITH d AS (SELECT seq, channel, quality FROM demand ORDER BY seq DESC LIMIT $1)
     SELECT d.channel, q.value ->> 'field' AS field, q.value ->> 'flag' AS flag,
            count(DISTINCT d.seq) AS demands,
            (SELECT count(*) FROM d a WHERE a.channel = d.channel) AS of_all
     FROM d CROSS JOIN {each}(d.quality) q
     GROUP BY d.channel, field, flag ORDER BY d.channel, demands DESC, field, flag";

/// The labels without a code of every field that has a column for its label, the most frequent first.
static UNKNOWN: LazyLock<String> = LazyLock::new(|| {
    let fields = ["kind", "status", "category", "org", "region"].map(|field| {
        format!(
            "SELECT channel, source_key, '{field}' AS field, {field}_raw AS raw FROM demand
             WHERE {field} IS NULL AND {field}_raw IS NOT NULL"
        )
    });
    format!(
        "SELECT channel, field, raw, count(*) AS demands, min(source_key) AS sample
         FROM ({}) unknown
         GROUP BY channel, field, raw ORDER BY demands DESC, channel, field, raw",
        fields.join(" UNION ALL ")
    )
});

/// Maximum number of earlier weeks that an average covers.
const MAX_WEEKS: i32 = 4;

/// The number of demands of a channel from midnight until now, and the usual number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// The number of demands.
    pub received: u64,
    /// The average number in the same hours of the same weekday, of up to four earlier weeks; `None` if the
    /// channel has no demand that is older than a week.
    pub expected: Option<u64>,
}

impl Database {
    /// Counts the demands of a channel whose source received them from `midnight` to `now`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn volume(
        &self,
        channel: &ChannelId,
        midnight: Timestamp,
        now: Timestamp,
    ) -> Result<Volume, Fault> {
        let received = self.received(channel, midnight, now).await?;
        let (mut sum, mut weeks) = (0, 0);
        for week in 1..=MAX_WEEKS {
            let age = TimeDelta::weeks(week.into());
            // Weeks before the first demand of the channel do not count.
            if !self.has_older(channel, midnight - age).await? {
                break;
            }
            sum += self.received(channel, midnight - age, now - age).await?;
            weeks += 1;
        }
        Ok(Volume { received, expected: (sum + weeks / 2).checked_div(weeks) })
    }

    /// The shapes (which fields they have) of the last thousand demands of a channel, the last read first.
    /// Those before the last [`accept_shape`](Self::accept_shape) are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn shapes(&self, channel: &ChannelId) -> Result<Vec<(DemandId, DemandShape)>, Fault> {
        let read = |row: &dyn Columns| {
            let mut has = [false; DemandShape::FIELDS.len()];
            for (has, name) in has.iter_mut().zip(DemandShape::FIELDS) {
                *has = row.bool(name)?.unwrap_or(false);
            }
            Ok((row.demand_id()?, DemandShape::new(has)))
        };
        self.query("read the shapes", SHAPES, &[channel.as_str().into()], read).await
    }

    /// Accepts that the demands of this channel have another shape from now on. `who` is the user who accepts
    /// it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn accept_shape(&self, channel: &ChannelId, who: &str) -> Result<(), Fault> {
        let read = |row: &dyn Columns| Ok(row.int("seq")?.unwrap_or(0));
        let newest = self.query_first("read the newest demand", NEWEST, &[], read).await?;
        let seq = self.ask(RequestKind::Accept, Some(channel), None, who).await?;
        self.answer(seq, &RequestState::Done(newest.unwrap_or(0).to_string())).await?;
        self.write("release the brake", RELEASE, &[channel.as_str().into()], NO_ROWS).await?;
        Ok(())
    }

    async fn received(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64, Fault> {
        let values = [channel.as_str().into(), from.into(), until.into()];
        let read = |row: &dyn Columns| row.count("n");
        Ok(self.query_first("count demands", RECEIVED, &values, read).await?.unwrap_or(0))
    }

    /// Whether the channel has a demand from before `time`.
    async fn has_older(&self, channel: &ChannelId, time: Timestamp) -> Result<bool, Fault> {
        let values = [channel.as_str().into(), time.into()];
        let rows = self.query("look for old demands", OLDER, &values, NO_ROWS).await?;
        Ok(!rows.is_empty())
    }
}

/// The number of demands of channel $1 that its source received from $2 to $3.
const RECEIVED: &str = "SELECT count(*) AS n FROM demand
     WHERE channel = $1 AND received_at >= $2 AND received_at < $3";

const OLDER: &str = "SELECT 1 FROM demand WHERE channel = $1 AND received_at < $2 LIMIT 1";

const RELEASE: &str = "UPDATE checkpoint SET braked = false WHERE channel = $1";

const NEWEST: &str = "SELECT max(seq) AS seq FROM demand";

/// The shapes of the newest demands of channel $1, the last read first: a read may bring nothing but new states of
/// earlier demands. Demands without a time are looked up separately, because the index by time does not have them
/// among the newest ones.
const SHAPES: &str = r#"
    WITH accepted AS (
        SELECT coalesce(max(CAST(answer AS bigint)), 0) AS upto FROM request
        WHERE kind = 'accept' AND state = 'done' AND channel = $1
    ), timed AS (
        SELECT seq FROM demand WHERE channel = $1 AND received_at IS NOT NULL
        AND seq > (SELECT upto FROM accepted) ORDER BY received_at DESC LIMIT 1000
    ), untimed AS (
        SELECT seq FROM demand WHERE channel = $1 AND received_at IS NULL
        AND seq > (SELECT upto FROM accepted) ORDER BY seq DESC LIMIT 1000
    )
    SELECT id, source_no IS NOT NULL AS source_no, title IS NOT NULL AS title,
           content IS NOT NULL AS content, coalesce(kind, kind_raw) IS NOT NULL AS kind,
           coalesce(region, region_raw) IS NOT NULL AS region,
           received_at IS NOT NULL AS received_at,
           coalesce(status, status_raw) IS NOT NULL AS status, people IS NOT NULL AS people,
           coalesce(CAST(people AS text) LIKE '%"name"%', false) AS "people.name",
           coalesce(CAST(people AS text) LIKE '%"phone"%', false) AS "people.phone",
           coalesce(CAST(people AS text) LIKE '%"id_no"%', false) AS "people.id_no"
    FROM demand WHERE seq IN (SELECT seq FROM timed UNION ALL SELECT seq FROM untimed)
    ORDER BY read_no DESC, seq DESC LIMIT 1000"#;
