//! Tells the source which rows are in our custody.
//!
//! A row that was changed after it was read is not acknowledged: its column that grows no longer
//! holds what was read, so it stays pending and is read again. A row that the source refuses to
//! have acknowledged stays pending too, and holds up nobody: the walks pass it.

use contract::Fault;

use crate::{cursor::Debt, database::Database, plan::Target, sql::Sql};

/// Rows of one statement: few enough to lock briefly.
const CHUNK: usize = 500;

/// Sets the flags of the owed rows of one table.
pub(crate) async fn settle(
    database: &mut Database,
    target: &Target,
    debts: &[Debt],
) -> Result<(), Fault> {
    if target.flags.is_empty() {
        return Ok(());
    }
    for chunk in debts.chunks(CHUNK) {
        let refused = acknowledge(database, target, chunk).await?;
        if !refused {
            continue;
        }
        let mut n_refused = 0;
        for debt in chunk {
            if acknowledge(database, target, std::slice::from_ref(debt)).await? {
                n_refused += 1;
            }
        }
        tracing::warn!(table = target.table, n_refused, "the source refuses acknowledgements");
    }
    Ok(())
}

/// Whether the source refused one of the rows.
async fn acknowledge(
    database: &mut Database,
    target: &Target,
    debts: &[Debt],
) -> Result<bool, Fault> {
    let sql = Sql::acknowledge(database.dialect(), target, debts);
    match database.execute(sql, target).await {
        Ok(_) => Ok(false),
        Err(None) => Ok(true),
        Err(Some(fault)) => Err(fault),
    }
}
