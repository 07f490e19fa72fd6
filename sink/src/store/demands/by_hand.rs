//! What people decide about demands and rows of quarantine. Each decision is written together with its entry of the
//! audit log.

use contract::{DemandId, Fault, Revision};

use crate::store::{
    Database,
    audit::{self, AuditEntry},
    database::sql::Value,
};

impl Database {
    /// Resolves the row in quarantine with this id by hand, and writes an entry of the audit log, in one
    /// transaction. False, and nothing is written, if there is no unresolved row.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn resolve_quarantined(
        &self,
        id: &DemandId,
        entry: &AuditEntry,
    ) -> Result<bool, Fault> {
        let values = [Value::Id(*id), entry.at.into()];
        self.change_one("resolve a row of quarantine", RESOLVE_BY_HAND, &values, entry).await
    }

    /// Forgets the revision of the demand with this id, and writes an entry of the audit log, in one transaction:
    /// the next state with a revision counts as newer, and so does the next read of a source without revisions.
    /// False, and nothing is written, if there is no such demand, or if it has no revision.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn release_revision(&self, id: &DemandId, entry: &AuditEntry) -> Result<bool, Fault> {
        let values = [Value::Id(*id), Revision::NONE.to_column().into()];
        self.change_one("release a demand", RELEASE, &values, entry).await
    }

    /// Runs a statement that changes one row or none. If it changed one, writes the entry too.
    async fn change_one(
        &self,
        action: &str,
        sql: &'static str,
        values: &[Value<'_>],
        entry: &AuditEntry,
    ) -> Result<bool, Fault> {
        let mut tx = self.begin_exclusive(action).await?;
        if tx.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Resolves the row with id $1 at time $2.
const RESOLVE_BY_HAND: &str =
    "UPDATE quarantine SET resolved_at = $2 WHERE id = $1 AND resolved_at IS NULL";

/// Sets the revision of the demand with id $1 to $2, which stands for none.
const RELEASE: &str = "UPDATE demand SET revision = $2 WHERE id = $1 AND revision <> $2";
