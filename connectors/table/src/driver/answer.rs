//! The rows of an answer, read one by one, and the connection that they come from.

use futures_util::{TryStreamExt as _, stream::BoxStream};
use sqlx::{Database, Pool, pool::PoolConnection};

use crate::value::Row;

/// Maximum size of the rows of one answer. The row that exceeds it is the last one that is read: rows may have
/// columns of any size.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The rows of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// Whether it may have more rows, which were not read because the others were too large.
    pub(crate) is_cut: bool,
}

impl Answer {
    pub(super) async fn read<R>(
        mut stream: BoxStream<'_, Result<R, sqlx::Error>>,
        read_row: fn(&R) -> Result<Row, sqlx::Error>,
    ) -> Result<Self, sqlx::Error> {
        let (mut answer, mut n_bytes) = (Self::default(), 0);
        while let Some(row) = stream.try_next().await? {
            let row = read_row(&row)?;
            n_bytes += row.size();
            answer.rows.push(row);
            if n_bytes > MAX_BYTES {
                answer.is_cut = true;
                break;
            }
        }
        Ok(answer)
    }
}

/// A connection of a pool. Unless its answer was read to the end, it is closed: the pool would read the rest,
/// which may take long, before it could be used again.
pub(super) struct InUse<DB: Database> {
    pub(super) connection: PoolConnection<DB>,
    is_at_end: bool,
}

impl<DB: Database> InUse<DB> {
    pub(super) async fn of(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, is_at_end: false })
    }

    /// Returns the connection to its pool, or closes it.
    pub(super) fn end(
        mut self,
        answer: Result<Answer, sqlx::Error>,
    ) -> Result<Answer, sqlx::Error> {
        self.is_at_end = match &answer {
            Ok(answer) => !answer.is_cut,
            Err(error) => matches!(error, sqlx::Error::Database(_)),
        };
        answer
    }
}

impl<DB: Database> Drop for InUse<DB> {
    fn drop(&mut self) {
        if !self.is_at_end {
            self.connection.close_on_drop();
        }
    }
}
