//! Copies of the file: a whole one is made while others write, and one is looked through before it is used.

use std::{fs, os::unix::fs::OpenOptionsExt as _, path::Path};

use contract::Fault;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{LOCK_TIMEOUT, Sqlite, fault};

impl Sqlite {
    /// Writes everything that is committed now into a new file that only its owner can read. Others may go on
    /// writing; what they write meanwhile is not in the copy. Only a whole copy is left: one that could not be finished
    /// is removed.
    ///
    /// # Errors
    /// The file exists already or cannot be written, or the store cannot be read.
    pub async fn copy_to(&self, copy: &Path) -> Result<(), Fault> {
        let place = format!("sqlite file {}", copy.display());
        let new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy);
        let written = |error: std::io::Error| {
            Fault::stopped("cannot write a copy of the store")
                .at(&*place)
                .because(error)
                .remedy("name a new file, in a folder in which this account may write")
        };
        let new = new.map_err(written)?;
        let work = async {
            // The connections of a store do not write outside their file.
            let options =
                SqliteConnectOptions::new().filename(&self.file).busy_timeout(LOCK_TIMEOUT);
            let mut conn = SqliteConnection::connect_with(&options).await?;
            // SQLite takes an empty file as a new one.
            let copied = sqlx::query("VACUUM INTO ?").bind(copy.to_string_lossy().into_owned());
            copied.execute(&mut conn).await?;
            conn.close().await
        };
        let copied: Result<(), sqlx::Error> = work.await;
        let copied = copied
            .map_err(|error| fault(&place, "copy the store", &error))
            .and_then(|()| new.sync_all().map_err(written));
        copied.inspect_err(|_| drop(fs::remove_file(copy)))
    }

    /// Looks through all pages and indices.
    ///
    /// # Errors
    /// The file is damaged or cannot be read; the fault says the first places.
    pub async fn verify(&self) -> Result<(), Fault> {
        let found: Result<Vec<String>, sqlx::Error> =
            sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(&self.readers).await;
        let found = found.map_err(|error| fault(&self.place, "look through the file", &error))?;
        if found == ["ok"] {
            return Ok(());
        }
        Err(Fault::stopped("the file is damaged")
            .at(&self.place)
            .because(found.join("; "))
            .remedy("use another copy"))
    }
}
