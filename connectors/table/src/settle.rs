//! Tells the source which rows are stored.
//!
//! A row that was changed after it was read is not acknowledged: its column that grows has another
//! value now, so it stays pending and is read again. A row for which the source refuses the
//! acknowledgement stays pending too and blocks no other: the scans go past it.

use contract::Fault;

use crate::{cursor::PendingAck, database::Database, plan::TablePlan, sql::Sql};

/// Rows of one statement: few enough to lock briefly.
const CHUNK: usize = 500;

/// Sets the flags of these rows of one table.
pub(crate) async fn settle(
    database: &mut Database,
    table: &TablePlan,
    acks: &[PendingAck],
) -> Result<(), Fault> {
    if table.flags.is_empty() {
        return Ok(());
    }
    let statement = |database: &Database, acks: &[PendingAck]| {
        Sql::acknowledge(database.dialect(), table, acks)
    };
    for chunk in acks.chunks(CHUNK) {
        let sql = statement(database, chunk);
        if database.execute(sql, table).await? {
            continue;
        }
        let mut n_refused = 0;
        for ack in chunk {
            let sql = statement(database, std::slice::from_ref(ack));
            n_refused += usize::from(!database.execute(sql, table).await?);
        }
        tracing::warn!(table = table.name, n_refused, "the source refuses acknowledgements");
    }
    Ok(())
}
