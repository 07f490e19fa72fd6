//! Tells the source which rows are stored.
//!
//! A row that changed after it was read is not acknowledged: its value in the column of `changes`
//! differs, so it stays pending and is read again. If the source refuses to acknowledge a row, that row
//! stays pending too, but blocks no other row: the scans go past it.

use contract::Fault;

use crate::{cursor::PendingAck, database::Database, plan::TablePlan};

/// Maximum number of rows in one statement, so that they are locked only briefly.
const CHUNK_ROWS: usize = 500;

/// Sets the flags of these rows of one table.
pub(crate) async fn acknowledge(
    database: &mut Database,
    table: &TablePlan,
    acks: &[PendingAck],
) -> Result<(), Fault> {
    if table.flags.is_empty() {
        return Ok(());
    }
    for chunk in acks.chunks(CHUNK_ROWS) {
        if database.acknowledge(table, chunk).await? {
            continue;
        }
        let mut n_refused = 0;
        for ack in chunk {
            let was_set = database.acknowledge(table, std::slice::from_ref(ack)).await?;
            n_refused += usize::from(!was_set);
        }
        tracing::warn!(table = table.name, n_refused, "the source refused to acknowledge rows");
    }
    Ok(())
}
