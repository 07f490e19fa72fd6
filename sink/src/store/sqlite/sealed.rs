//! Sealed values of the SQLite store.

use std::collections::BTreeMap;

use contract::Fault;
use sqlx::{SqliteConnection, query};

use super::{Sqlite, iso};
use crate::store::privacy::sealed::{
    self, AuditEntry, Erased, Erasure, RawOf, SealedRaw, SealedRow, sealed_raw, sealed_row,
};

const SET_ROW: &str = "UPDATE demand SET address = $2, people = $3, unmasked = $4
     WHERE seq = $1 AND revision = $5 AND read_no = $6 AND mapping = $7";

impl Sqlite {
    /// Demands with sealed values, behind the row `after`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn sealed_rows(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Fault> {
        let rows = query(sealed::ROWS).bind(after).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(sealed_row).collect())
            .map_err(|error| self.fault("read sealed values", error))
    }

    /// Demands that name the person with this token.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn sealed_rows_of(&self, token: &str) -> Result<Vec<SealedRow>, Fault> {
        let rows = query(sealed::ROWS_OF).bind(token).fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(sealed_row).collect())
            .map_err(|error| self.fault("read sealed values", error))
    }

    /// Writes rows that were sealed again, and their new tokens beside the old ones. A row whose
    /// state has moved is left as it is; the answer counts those that were written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reseal_rows(&self, rows: &[SealedRow]) -> Result<u64, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let mut n_written = 0;
            for row in rows {
                if set_row(&mut tx, row).await? {
                    n_written += 1;
                    for token in row.tokens() {
                        let add = query(sealed::ADD_TOKEN).bind(token).bind(row.seq);
                        add.execute(&mut *tx).await?;
                    }
                }
            }
            tx.commit().await?;
            Ok(n_written)
        };
        work.await.map_err(|error| self.fault("seal values again", error))
    }

    /// Records as their sources said them, behind the row `after`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn sealed_raws(
        &self,
        of: RawOf,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRaw>, Fault> {
        let rows = query(sealed::raws(of)).bind(after).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(sealed_raw).collect())
            .map_err(|error| self.fault("read records", error))
    }

    /// Writes records that were sealed again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reseal_raws(&self, of: RawOf, rows: &[SealedRaw]) -> Result<u64, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let mut n_written = 0;
            for row in rows {
                let set = query(sealed::set_raw(of)).bind(row.seq).bind(row.raw.0.as_slice());
                n_written += set.execute(&mut *tx).await?.rows_affected();
            }
            tx.commit().await?;
            Ok(n_written)
        };
        work.await.map_err(|error| self.fault("seal records again", error))
    }

    /// Takes a person out of everything that is kept, and writes that down, in one transaction.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let mut erased = Erased::default();
            let mut found = BTreeMap::new();
            for token in &erasure.tokens {
                for row in query(sealed::ROWS_OF).bind(token).fetch_all(&mut *tx).await? {
                    let row = sealed_row(&row)?;
                    found.insert(row.seq, row);
                }
            }
            for mut row in found.into_values() {
                let gone = row.forget(&erasure.tokens);
                erased.demands += u64::from(set_row(&mut tx, &row).await?);
                for token in gone {
                    let drop = query(sealed::DROP_TOKEN).bind(token).bind(row.seq);
                    drop.execute(&mut *tx).await?;
                }
                let raws = query(sealed::DROP_RAWS).bind(row.seq).execute(&mut *tx).await?;
                erased.raws += raws.rows_affected();
                let reject = query(sealed::FORGET_REJECT).bind(row.id.to_string());
                erased.quarantined += reject.execute(&mut *tx).await?.rows_affected();
            }
            for seq in &erasure.quarantine {
                let row = query(sealed::FORGET_QUARANTINED).bind(seq).execute(&mut *tx).await?;
                erased.quarantined += row.rows_affected();
            }
            write(&mut tx, &erasure.entry).await?;
            tx.commit().await?;
            Ok(erased)
        };
        work.await.map_err(|error| self.fault("erase a person", error))
    }

    /// Writes a line of the audit log.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn record(&self, entry: &AuditEntry) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            write(&mut tx, entry).await?;
            tx.commit().await
        };
        work.await.map_err(|error| self.fault("write the audit log", error))
    }

    /// The newest lines of the audit log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn audited(&self, limit: u32) -> Result<Vec<AuditEntry>, Fault> {
        let rows = query(sealed::AUDITED).bind(i64::from(limit)).fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(sealed::audited).collect())
            .map_err(|error| self.fault("read the audit log", error))
    }
}

async fn set_row(conn: &mut SqliteConnection, row: &SealedRow) -> Result<bool, sqlx::Error> {
    let (address, people) = sealed::json(row)?;
    let (revision, read_no, mapping) = row.state;
    let done = query(SET_ROW)
        .bind(row.seq)
        .bind(address)
        .bind(people)
        .bind(row.unmasked.as_ref().map(|sealed| sealed.0.as_slice()))
        .bind(revision)
        .bind(read_no)
        .bind(mapping)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn write(conn: &mut SqliteConnection, entry: &AuditEntry) -> Result<(), sqlx::Error> {
    let line = query(sealed::AUDIT)
        .bind(iso(entry.at))
        .bind(&entry.who)
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(&entry.detail);
    line.execute(conn).await.map(drop)
}
