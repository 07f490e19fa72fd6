//! How much a channel brings, beside what it usually brings.

use chrono::TimeDelta;
use contract::{ChannelId, Fault, Timestamp};

use crate::store::{
    Database,
    database::either,
    database::row::{Columns, count},
    database::shared_sql::{Small, Value},
};

/// So many weeks back the same day of the week is looked at.
const WEEKS: i32 = 4;

/// Demands of a day so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// How many were received.
    pub received: u64,
    /// How many there were by the same hour of this day of the week, on average of the weeks before;
    /// `None` where the channel is younger than a week.
    pub expected: Option<u64>,
}

impl Database {
    /// What a channel has received since `midnight`, as of `now`.
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
        for week in 1..=WEEKS {
            let back = TimeDelta::weeks(week.into());
            // Before its first demand it brought nothing, and that says nothing.
            if !self.is_older(channel, midnight - back).await? {
                break;
            }
            sum += self.received(channel, midnight - back, now - back).await?;
            weeks += 1;
        }
        Ok(Volume { received, expected: (sum + weeks / 2).checked_div(weeks) })
    }

    async fn received(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64, Fault> {
        let read = |row: &dyn Columns| Ok(count(row.int("n")?.unwrap_or(0)));
        let (from, until) = (text(from), text(until));
        let values: [Value<'_>; 3] = [channel.as_str().into(), (&*from).into(), (&*until).into()];
        let sql = match self {
            Self::Sqlite(_) => RECEIVED,
            Self::Postgres(_) => RECEIVED_POSTGRES,
        };
        let rows = either!(self, store => store.look("count demands", sql, &values, read));
        Ok(rows?.first().copied().unwrap_or(0))
    }

    async fn is_older(&self, channel: &ChannelId, than: Timestamp) -> Result<bool, Fault> {
        let read = |row: &dyn Columns| Ok(row.int("n")? == Some(1));
        let than = text(than);
        let values: [Value<'_>; 2] = [channel.as_str().into(), (&*than).into()];
        let sql = match self {
            Self::Sqlite(_) => OLDER,
            Self::Postgres(_) => OLDER_POSTGRES,
        };
        let rows = either!(self, store => store.look("look for old demands", sql, &values, read));
        Ok(rows?.first().copied().unwrap_or(false))
    }
}

/// As SQLite keeps times: of fixed width, so that they sort.
fn text(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

const RECEIVED: &str = "SELECT count(*) AS n FROM demand
     WHERE channel = $1 AND received_at >= $2 AND received_at < $3";

const RECEIVED_POSTGRES: &str = "SELECT count(*) AS n FROM demand WHERE channel = $1
     AND received_at >= CAST(CAST($2 AS text) AS timestamptz)
     AND received_at < CAST(CAST($3 AS text) AS timestamptz)";

const OLDER: &str = "SELECT CAST(EXISTS (
         SELECT 1 FROM demand WHERE channel = $1 AND received_at < $2) AS bigint) AS n";

const OLDER_POSTGRES: &str = "SELECT CAST(CAST(EXISTS (
         SELECT 1 FROM demand
         WHERE channel = $1 AND received_at < CAST(CAST($2 AS text) AS timestamptz)
     ) AS int) AS bigint) AS n";
