//! Which fields each of the newest demands of a channel has, and since when that counts.

use contract::{ChannelId, DemandId, Fault, Shape};

use crate::store::{
    Database, RequestKind, RequestState,
    database::either,
    database::row::{Columns, id},
    database::shared_sql::Small,
};

impl Database {
    /// The shapes of the last thousand demands that were first seen after the last change of shape was
    /// accepted, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn shapes(&self, channel: &ChannelId) -> Result<Vec<(DemandId, Shape)>, Fault> {
        let read = |row: &dyn Columns| {
            let mut has = [false; Shape::FIELDS.len()];
            for (has, name) in has.iter_mut().zip(Shape::FIELDS) {
                *has = row.bool(name)?.unwrap_or(false);
            }
            Ok((id(row)?, Shape::new(has)))
        };
        let values = [channel.as_str().into()];
        either!(self, store => store.look("read the shapes", SHAPES, &values, read))
    }

    /// Takes the shape that the demands of this channel will have from now on for the right one.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn accept_shape(&self, channel: &ChannelId, who: &str) -> Result<(), Fault> {
        let read = |row: &dyn Columns| Ok(row.int("seq")?.unwrap_or(0));
        let rows = either!(self, store => store.look("read the newest demand", NEWEST, &[], read));
        let newest = rows?.first().copied().unwrap_or(0);
        let seq = self.ask(RequestKind::Accept, Some(channel), None, who).await?;
        self.answer(seq, &RequestState::Done(newest.to_string())).await
    }
}

const NEWEST: &str = "SELECT max(seq) AS seq FROM demand";

// Two halves, because a demand without a time is in another place of the index than the newest.
const SHAPES: &str = "
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
           coalesce(status, status_raw) IS NOT NULL AS status, people IS NOT NULL AS people
    FROM demand WHERE seq IN (SELECT seq FROM timed UNION ALL SELECT seq FROM untimed)
    ORDER BY seq DESC LIMIT 1000";
