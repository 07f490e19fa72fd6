//! `tonghui backup` and `tonghui restore`: a copy of the embedded store in one file, also while a service runs.
//!
//! The keys are not in it: who finds a copy must not be able to open what is sealed in it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use config::{Settings, StoreSettings};
use contract::Fault;
use rustix::fs::{FlockOperation, fcntl_lock};
use sink::store::{Access, Database, Sqlite};

use super::{Context, Exit, audit, out};
use crate::{
    assemble, clock,
    keys::{self, file_fault},
    store_mark,
};

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The new file. Keep it on another disk; the keys belong somewhere else (`tonghui key backup`).
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The file that `tonghui backup` wrote.
    file: PathBuf,
}

/// Copies the store, and looks through the copy.
pub(super) fn backup(context: &Context, Backup { file }: &Backup) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadWrite, async |settings, store| {
        let Database::Sqlite(sqlite) = store else { return Err(shared().into()) };
        let subject = file.display().to_string();
        store.write_audit(&audit::entry("backup", &subject, String::new())).await?;
        audit::copy(settings, store).await?;
        sqlite.copy_to(file).await?;
        let said = examine(file).await?;
        out::note(format!(
            "copied the store to {subject}: {said}; the keys are not in it: `tonghui key backup FILE` copies them to \
             another place"
        ));
        Ok(Exit::Done)
    })
}

/// Puts a copy in the place of the store, and moves the store that is there aside.
pub(super) fn restore(context: &Context, Restore { file: copy }: &Restore) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    let StoreSettings::Sqlite(file) = &settings.store else { return Err(shared().into()) };
    super::runtime()?.block_on(async {
        let said = examine(copy).await?;
        if let Some(folder) = file.parent() {
            keys::create_private_folder(folder).map_err(|error| {
                file_fault("cannot create the folder of the store", folder, error)
            })?;
        }
        let new = prepare(&settings, copy, file).await?;
        let aside = replace(&settings, &new, file).inspect_err(|_| drop(fs::remove_file(&new)))?;
        let (store, _) = assemble::open(&settings).await?;
        let replaced = aside.as_ref().map_or_else(String::new, |aside| {
            format!("; the store that was there is {} now", aside.display())
        });
        let subject = copy.display().to_string();
        store.write_audit(&audit::entry("restore", &subject, format!("{said}{replaced}"))).await?;
        audit::copy(&settings, &store).await?;
        store.close().await;
        out::note(format!("restored the store from {subject}: {said}{replaced}"));
        out::note(
            "sources are read on from the positions in the copy. What a source gives only once, and gave after the copy \
             was made, is not in it: pushed records, files that were moved away, rows that were acknowledged. Find the \
             rest with `tonghui reconcile CHANNEL --repair`, and ask the senders of push channels to send again",
        );
        Ok(Exit::Done)
    })
}

fn shared() -> Fault {
    Fault::stopped("the store is PostgreSQL, which has its own copies").remedy(
        "use `pg_dump` and `pg_restore`, or its continuous archiving; `tonghui key backup FILE` copies the keys",
    )
}

/// Looks through a copy, and says what is in it.
async fn examine(copy: &Path) -> anyhow::Result<String> {
    let sqlite = Sqlite::open(copy, Access::ReadOnly).await?;
    sqlite.verify().await?;
    let store = Database::Sqlite(sqlite);
    let channels = store.status().await?;
    let demands: u64 = channels.iter().map(|channel| channel.demands).sum();
    let last = channels.iter().filter_map(|channel| channel.last_read_at).max();
    let books = store.books(None, None).await?;
    store.close().await;
    let last =
        last.map_or_else(|| "nothing was read yet".to_owned(), |at| format!("last read at {at}"));
    let balanced = match books.iter().map(|book| book.balanced).min() {
        Some(Some(false)) => "the books do NOT balance",
        Some(None) => "messages are in flight",
        Some(Some(true)) | None => "the books balance",
    };
    Ok(format!("{demands} demands, {last}, {balanced}"))
}

/// Copies `copy` beside the store, and checks that the keys of these settings open it.
async fn prepare(settings: &Settings, copy: &Path, file: &Path) -> anyhow::Result<PathBuf> {
    let new = with_suffix(file, ".restoring");
    for suffix in ["", "-wal", "-shm"] {
        // An earlier attempt may have left it.
        let _ = fs::remove_file(with_suffix(&new, suffix));
    }
    let work = async {
        let write = || {
            let mut to =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            io::copy(&mut File::open(copy)?, &mut to)?;
            to.sync_all()
        };
        write().map_err(|error| file_fault("cannot copy the store", &new, error))?;
        let keys = keys::read(settings)?;
        let store = Database::Sqlite(Sqlite::open(&new, Access::ReadWrite).await?);
        let bound = store.bind_key(&keys.check_values()).await;
        store.close().await;
        bound
    };
    Box::pin(work).await.inspect_err(|_| drop(fs::remove_file(&new)))?;
    Ok(new)
}

/// Moves the store that is there aside, and `new` in its place. Returns the new name of the old one, if there was one.
fn replace(settings: &Settings, new: &Path, file: &Path) -> Result<Option<PathBuf>, Fault> {
    let moved = |error: io::Error| file_fault("cannot move the store", file, error);
    // It is held until the file has its new name.
    let held = match File::options().read(true).write(true).open(file) {
        Ok(held) => Some(held),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(moved(error)),
    };
    if let Some(held) = &held
        // Each process that has the file open holds a lock on a part of it.
        && fcntl_lock(held, FlockOperation::NonBlockingLockExclusive).is_err()
    {
        return Err(Fault::stopped("another process is using the store")
            .at(format!("sqlite file {}", file.display()))
            .remedy("stop the service, and every program that has the file open, and repeat the command"));
    }
    let marks = store_mark::find(settings, file)?;
    let aside = with_suffix(file, &format!(".before-{}", clock::now().format("%Y%m%dT%H%M%S%3fZ")));
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(with_suffix(file, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(moved(error)),
            _ => {}
        }
    }
    store_mark::remove(&marks)?;
    let place = || {
        fs::rename(new, file)?;
        file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    place().map_err(moved)?;
    Ok(held.map(|_| aside))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
