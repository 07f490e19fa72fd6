//! Which fields the newest demands of a channel have, and since when that counts.

use contract::{ChannelId, Fault, Shape};

use super::{
    Database, RequestKind, RequestState,
    database::either,
    row::{Columns, count},
    small::Small,
};

impl Database {
    /// The shape of the last thousand demands that were first seen after the last change of shape was
    /// accepted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn shape(&self, channel: &ChannelId) -> Result<Shape, Fault> {
        let read = |row: &dyn Columns| {
            let number = |name| row.int(name).map(|n| count(n.unwrap_or(0)));
            let mut shape = Shape { demands: number("demands")?, ..Shape::default() };
            for (present, name) in shape.present.iter_mut().zip(Shape::FIELDS) {
                *present = number(name)?;
            }
            Ok(shape)
        };
        let values = [channel.as_str().into()];
        let rows = either!(self, store => store.look("read the shape", SHAPE, &values, read));
        Ok(rows?.first().copied().unwrap_or_default())
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

const SHAPE: &str = "
    SELECT count(*) AS demands, count(source_no) AS source_no, count(title) AS title,
           count(content) AS content, count(coalesce(kind, kind_raw)) AS kind,
           count(coalesce(region, region_raw)) AS region, count(received_at) AS received_at,
           count(coalesce(status, status_raw)) AS status, count(people) AS people
    FROM (
        SELECT source_no, title, content, kind, kind_raw, region, region_raw, received_at, status,
               status_raw, people
        FROM demand WHERE channel = $1 AND seq > coalesce((
            SELECT max(CAST(answer AS bigint)) FROM request
            WHERE kind = 'accept' AND state = 'done' AND channel = $1), 0)
        ORDER BY received_at DESC LIMIT 1000
    ) newest";
