//! Copies of the file. A copy is made while others write, and what is read from a copy is examined first: a file that
//! SQLite can open may still be damaged, or lack what is in its write-ahead log.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf, absolute},
};

use contract::Fault;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{LOCK_TIMEOUT, Sqlite, fault};

impl Sqlite {
    /// Writes everything that is committed now into a new file that only its owner can read. Others may go on
    /// writing; what they write meanwhile is not in the copy. There is no file with this name until it is whole.
    ///
    /// # Errors
    /// The file exists already or cannot be written, or the store cannot be read.
    pub async fn copy_to(&self, copy: &Path) -> Result<(), Fault> {
        copy_file(&self.file, copy).await
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Writes everything that is committed in the file of a store, and in its write-ahead log, into the new file `to`. All
/// pages and indices are looked through first.
///
/// # Errors
/// `from` is no file of a store or is damaged, or `to` exists already or cannot be written.
pub async fn copy_file(from: &Path, to: &Path) -> Result<(), Fault> {
    let (from, to) = (plain_path(from)?, plain_path(to)?);
    let place = format!("sqlite file {}", from.display());
    if !from.is_file() {
        return Err(Fault::stopped("there is no such file").at(place).remedy("name another file"));
    }
    let failed = |error: io::Error| {
        Fault::stopped("cannot write a copy of the store")
            .at(format!("sqlite file {}", to.display()))
            .because(error)
            .remedy("name a new file, in a folder in which this account may write")
    };
    if fs::symlink_metadata(&to).is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    // If this is killed, only the part is left, which nobody takes for a copy.
    let part = PathBuf::from(format!("{}.part{}", to.display(), std::process::id()));
    let _ = fs::remove_file(&part);
    let new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let new = new.map_err(failed)?;
    // Where it fails: when the copy is written, the disk that is full is that of the copy.
    let (mut at, target) = (place.as_str(), format!("sqlite file {}", to.display()));
    let work = async {
        // The connections of a store do not write outside their file.
        let options = SqliteConnectOptions::new().filename(&from).busy_timeout(LOCK_TIMEOUT);
        let mut conn = SqliteConnection::connect_with(&options).await?;
        let found = sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(&mut conn);
        let mut found: Vec<String> = found.await?;
        let tables = "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut conn).await?;
        if tables == 0 {
            found = vec!["it has no tables of a store".to_owned()];
        }
        if found == ["ok"] {
            at = &target;
            // SQLite takes an empty file as a new one.
            let copied = sqlx::query("VACUUM INTO ?").bind(part.display().to_string());
            copied.execute(&mut conn).await?;
        }
        conn.close().await?;
        Ok(found)
    };
    let work: Result<Vec<String>, sqlx::Error> = work.await;
    let copied = work.map_err(|error| fault(at, "copy the store", &error)).and_then(|found| {
        if found != ["ok"] {
            let why = found.join("; ");
            let fault = Fault::stopped("the file is no whole store").at(&*place).because(why);
            return Err(fault.remedy("use a copy that `tonghui backup` wrote"));
        }
        new.sync_all().and_then(|()| fs::rename(&part, &to)).map_err(failed)
    });
    copied.inspect_err(|_| drop(fs::remove_file(&part)))
}

/// The absolute path, which SQLite takes for nothing but a path: not for a URL or a database in memory.
fn plain_path(path: &Path) -> Result<PathBuf, Fault> {
    let plain = absolute(path).ok().filter(|path| path.to_str().is_some());
    plain.ok_or_else(|| {
        Fault::stopped("this is not the name of a file in UTF-8").remedy("name another file")
    })
}
