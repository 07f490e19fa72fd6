//! Tells the source which rows are stored, and notices if it does not take that.
//!
//! A row that changed after it was read is not acknowledged: its value in the column of `changes` or its
//! content differs, so it stays pending and is read again. If the
//! source refuses to acknowledge a row, that row stays pending too, but blocks no other row: the scans go
//! past it.

use contract::Fault;

use crate::{
    cursor::PendingAck,
    database::{Database, Taken},
    plan::TablePlan,
};

/// Maximum number of rows in one statement, so that they are locked only briefly.
const CHUNK_ROWS: usize = 500;

/// What became of the acknowledgements of a pass.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    /// Rows that were to be acknowledged.
    n_owed: usize,
    /// Rows that the source left pending without an error.
    n_ignored: usize,
    /// Rows for which it reported an error.
    n_refused: usize,
    /// Why no row of a table can be acknowledged.
    read_only: Option<Fault>,
    /// The last table with such a row.
    table: String,
}

impl Acknowledgements {
    /// Sets the flags of these rows of one table.
    ///
    /// # Errors
    /// The database cannot be reached, or a permission is missing. A database that accepts no changes is
    /// no error yet: reading goes on.
    pub(crate) async fn acknowledge(
        &mut self,
        database: &mut Database,
        table: &TablePlan,
        acks: &[PendingAck],
    ) -> Result<(), Fault> {
        if table.flags.is_empty() {
            return Ok(());
        }
        let mut chunks: Vec<&[PendingAck]> = acks.chunks(CHUNK_ROWS).rev().collect();
        while let Some(chunk) = chunks.pop() {
            match database.acknowledge(table, chunk).await? {
                Taken::AllBut { n_changed, n_ignored } => {
                    self.note(table, chunk.len() - n_changed, n_ignored, 0);
                    if n_changed > 0 {
                        tracing::info!(
                            table = table.name,
                            n_changed,
                            "rows have changed since they were read, are gone or are not pending any \
                             more; those that are pending are read again"
                        );
                    }
                }
                Taken::TooLarge => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    chunks.extend([second, first]);
                }
                Taken::ReadOnly(fault) => {
                    self.n_owed += chunk.len();
                    self.read_only = Some(fault);
                    return Ok(());
                }
                Taken::Refused if chunk.len() > 1 => chunks.extend(chunk.chunks(1).rev()),
                Taken::Refused => self.note(table, 1, 0, 1),
            }
        }
        Ok(())
    }

    fn note(&mut self, table: &TablePlan, n_owed: usize, n_ignored: usize, n_refused: usize) {
        self.n_owed += n_owed;
        self.n_ignored += n_ignored;
        self.n_refused += n_refused;
        if n_ignored + n_refused > 0 {
            table.name.clone_into(&mut self.table);
        }
    }

    /// The fault if the source did not take the acknowledgements. One row that is refused is that row's
    /// trouble: it is only in the log.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let Self { n_owed, n_ignored, n_refused, read_only, table } = std::mem::take(self);
        if let Some(fault) = read_only {
            return Err(fault);
        }
        if n_refused > 0 {
            tracing::warn!(
                table,
                n_refused,
                "a trigger or a constraint of the source refused to acknowledge rows; they stay pending \
                 and are read again"
            );
        }
        let n_taken = n_owed - n_ignored - n_refused;
        let what = format!("the source took {n_taken} of {n_owed} acknowledgements");
        let fault = Fault::stopped(what).at(format!("table {table}"));
        if n_ignored > 0 {
            return Err(fault.remedy(
                "the database reported no error, but the rows are still pending: look for a row \
                 level security policy, a trigger or a view that discards the change",
            ));
        }
        if n_refused > 1 && n_taken == 0 {
            return Err(fault.remedy(
                "a trigger or a constraint refuses the change: have the owner of the table allow it",
            ));
        }
        Ok(())
    }
}
