//! Tells the source which rows are stored.
//!
//! A row that was changed after it was read is not acknowledged: its column that grows has another
//! value now, so it stays pending and is read again. A row for which the source refuses the
//! acknowledgement stays pending too and blocks no other: the scans go past it.

use contract::Fault;

use crate::{cursor::PendingAck, database::Database, plan::TablePlan};

/// Rows of one statement: few enough to lock briefly.
const CHUNK_ROWS: usize = 500;

/// Sets the flags of these rows of one table.
pub(crate) async fn settle(
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
        tracing::warn!(table = table.name, n_refused, "the source refuses acknowledgements");
    }
    Ok(())
}
