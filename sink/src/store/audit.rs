//! The audit log: who viewed or erased personal values, or changed something that matters.
//!
//! Its rows are a chain: each has a hash of its own content and of the hash of the row before it, so a row that was
//! altered, removed or inserted no longer fits. Whoever may write to the store can make the whole chain anew; a hash
//! that was noted elsewhere is then missing from it.

use contract::{Fault, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::Error;

use super::{
    Database,
    database::{
        sql::{Columns, Value},
        transaction::Transaction,
    },
};

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When it was done.
    pub at: Timestamp,
    /// Who did it: the name of an account, or of a user of this machine.
    pub who: String,
    /// What was done: `reveal`, `erase`, `rotate`, …
    pub action: String,
    /// To what it was done: names, ids and tokens; never a personal value.
    pub subject: String,
    /// Further facts, such as numbers and reasons.
    pub detail: String,
}

/// What a check of the audit log has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditCheck {
    /// The number of its rows.
    pub rows: u64,
    /// The hash of its last row, in hexadecimal digits; empty if it has no rows.
    pub end: String,
    /// The first thing that is wrong with it.
    pub flaw: Option<String>,
}

impl Database {
    /// Writes an entry of the audit log.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn write_audit(&self, entry: &AuditEntry) -> Result<(), Fault> {
        let mut tx = self.begin("write the audit log").await?;
        append(&mut tx, entry).await?;
        tx.commit().await
    }

    /// The newest `limit` entries of the audit log, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>, Fault> {
        let values = [i64::from(limit).into()];
        self.query("read the audit log", NEWEST, &values, AuditEntry::read).await
    }

    /// Checks that no row of the audit log was altered, removed or inserted. `noted` is the [`AuditCheck::end`] of
    /// an earlier check: the log must still contain that row.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn check_audit(&self, noted: Option<&str>) -> Result<AuditCheck, Fault> {
        let action = "check the audit log";
        loop {
            let before = self.query(action, END, &[], hash).await?;
            let rows = self.query(action, ROWS, &[], ChainedRow::read).await?;
            // Otherwise somebody has written to it in between.
            if self.query(action, END, &[], hash).await? == before {
                return Ok(check(&rows, before.into_iter().flatten().next(), noted));
            }
        }
    }
}

/// Appends an entry to the audit log.
pub(super) async fn append(tx: &mut Transaction<'_>, entry: &AuditEntry) -> Result<(), Fault> {
    // Two rows must not follow the same one.
    tx.lock_others_out().await?;
    let end = tx.query(END, &[], hash).await?.into_iter().flatten().next();
    let previous = match end {
        Some(end) => end,
        // Rows of earlier versions have no hashes. The first one with a hash covers all of them.
        None => {
            let rows = tx.query(ROWS, &[], ChainedRow::read).await?;
            rows.iter().fold(Vec::new(), |previous: Vec<u8>, row| link(&previous, &row.entry))
        }
    };
    let hash = link(&previous, entry);
    let [who, action, subject, detail] = entry.texts().map(Value::from);
    let values = [entry.at.into(), who, action, subject, detail, hash.as_slice().into()];
    tx.execute(APPEND, &values).await?;
    tx.execute(SET_END, &[hash.as_slice().into()]).await?;
    Ok(())
}

/// The hash of a row whose predecessor has the hash `previous`.
fn link(previous: &[u8], entry: &AuditEntry) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(entry.at.timestamp_micros().to_be_bytes());
    for text in entry.texts() {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().to_vec()
}

/// Checks the chain of these rows, all that there are. `end` is the hash that the last one must have.
fn check(rows: &[ChainedRow], end: Option<Vec<u8>>, noted: Option<&str>) -> AuditCheck {
    let (mut previous, mut is_chained) = (Vec::<u8>::new(), false);
    let mut flaw: Option<String> = None;
    for ChainedRow { seq, entry, hash } in rows {
        let due = link(&previous, entry);
        // Only rows of earlier versions, which come first, may have none.
        if hash.as_ref().map_or(is_chained, |hash| *hash != due) {
            flaw.get_or_insert_with(|| {
                format!(
                    "row {seq} was altered or inserted, or a row before it was altered or removed"
                )
            });
        }
        is_chained |= hash.is_some();
        previous = hash.clone().unwrap_or(due);
    }
    if end.map_or(is_chained, |end| end != previous) {
        flaw.get_or_insert_with(|| {
            "the last rows were removed, or rows inserted after them".to_owned()
        });
    }
    let has = |noted: &str| {
        rows.iter().filter_map(|row| row.hash.as_ref()).any(|hash| hex::encode(hash) == noted)
    };
    if !noted.is_none_or(has) {
        flaw.get_or_insert_with(|| "it has no row with the noted hash".to_owned());
    }
    AuditCheck { rows: rows.len() as u64, end: hex::encode(previous), flaw }
}

impl AuditEntry {
    fn texts(&self) -> [&str; 4] {
        [&self.who, &self.action, &self.subject, &self.detail]
    }

    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            at: row.some_time("at")?,
            who: row.some_text("who")?,
            action: row.some_text("action")?,
            subject: row.some_text("subject")?,
            detail: row.some_text("detail")?,
        })
    }
}

/// A row of the audit log, with its place in the chain.
struct ChainedRow {
    seq: i64,
    entry: AuditEntry,
    hash: Option<Vec<u8>>,
}

impl ChainedRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self { seq: row.some_int("seq")?, entry: AuditEntry::read(row)?, hash: hash(row)? })
    }
}

fn hash(row: &dyn Columns) -> Result<Option<Vec<u8>>, Error> {
    row.bytes("hash")
}

const APPEND: &str = "INSERT INTO audit (at, who, action, subject, detail, hash)
     VALUES ($1, $2, $3, $4, $5, $6)";

/// The newest rows, $1 at most.
const NEWEST: &str =
    "SELECT at, who, action, subject, detail FROM audit ORDER BY seq DESC LIMIT $1";

const ROWS: &str = "SELECT seq, at, who, action, subject, detail, hash FROM audit ORDER BY seq";

const END: &str = "SELECT hash FROM audit_end";

const SET_END: &str =
    "INSERT INTO audit_end (id, hash) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET hash = $1";
