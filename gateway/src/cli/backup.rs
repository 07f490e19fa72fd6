//! `tonghui backup` and `tonghui restore`: a copy of the embedded store in one file, also while a service runs.
//!
//! The keys are not in it: who finds a copy must not be able to open what is sealed in it. SQLite does not notice each
//! damage, so the hash of a copy is beside it, as `sha256sum` writes and checks it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::ensure;
use config::{Settings, StoreSettings};
use contract::Fault;
use rustix::fs::{FlockOperation, fcntl_lock};
use sha2::{Digest as _, Sha256};
use sink::store::{Access, Database, Sqlite, copy_file};

use super::{Context, Exit, audit, books, out};
use crate::{
    assemble, clock,
    keys::{self, file_fault},
    store_mark,
};

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The new file; its hash goes to FILE.sha256. Keep both on another disk; the keys belong somewhere else (`tonghui
    /// key backup`).
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The file that `tonghui backup` wrote.
    file: PathBuf,
}

/// The suffix of the file with the hash of a copy.
const HASH: &str = ".sha256";

/// Copies the store, and looks through the copy.
pub(super) fn backup(context: &Context, Backup { file }: &Backup) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadWrite, async |settings, store| {
        let Database::Sqlite(sqlite) = store else { return Err(shared().into()) };
        let own = std::path::absolute(sqlite.file())?.display().to_string();
        let is_own = std::path::absolute(file)?.display().to_string().starts_with(&own);
        ensure!(!is_own, "this name belongs to the store {own}: name a file in another folder");
        let beside = with_suffix(file, HASH);
        let is_left = fs::symlink_metadata(&beside).is_ok();
        ensure!(!is_left, "{} exists already: move it away, or name a new file", beside.display());
        let subject = file.display().to_string();
        store.write_audit(&audit::entry("backup", &subject, String::new())).await?;
        audit::copy(settings, store).await?;
        sqlite.copy_to(file).await?;
        let said = contents(&Database::Sqlite(Sqlite::open(file, Access::ReadOnly).await?)).await?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let hash = format!("{}  {name}\n", hash_of(file)?);
        keys::write_new(&beside, &hash, true)
            .map_err(|error| file_fault("cannot write the hash of the copy", &beside, error))?;
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
        let is_hashed = ensure_hash(copy)?;
        if let Some(folder) = file.parent() {
            keys::create_private_folder(folder).map_err(|error| {
                file_fault("cannot create the folder of the store", folder, error)
            })?;
        }
        // The store may be a link to another disk, which stays.
        let linked = || {
            let to = fs::read_link(file).ok()?;
            Some(file.parent().map_or_else(|| to.clone(), |folder| folder.join(&to)))
        };
        let real = fs::canonicalize(file).ok().or_else(linked);
        let file = &real.unwrap_or_else(|| file.clone());
        let now = clock::now().format("%Y%m%dT%H%M%S%3fZ");
        let new = with_suffix(file, &format!(".restoring-{now}-{}", std::process::id()));
        let restored = Box::pin(prepare(&settings, copy, &new)).await.and_then(|said| {
            let aside = aside(file, &now.to_string());
            Ok((said, replace(&settings, &new, file, aside)?))
        });
        let (said, aside) = restored.inspect_err(|_| {
            for suffix in PARTS {
                let _ = fs::remove_file(with_suffix(&new, suffix));
            }
        })?;
        let (store, _) = assemble::open(&settings).await?;
        let replaced = aside.as_ref().map_or_else(String::new, |aside| {
            format!("; the store that was there is {} now", aside.display())
        });
        let subject = copy.display().to_string();
        store.write_audit(&audit::entry("restore", &subject, format!("{said}{replaced}"))).await?;
        audit::copy(&settings, &store).await?;
        store.close().await;
        out::note(format!("restored the store from {subject}: {said}{replaced}"));
        if !is_hashed {
            out::note(format!(
                "there is no {subject}{HASH}, so damage that SQLite does not notice was not looked for"
            ));
        }
        out::note(
            "sources are read on from the positions in the copy. What a source gives only once, and gave after the copy \
             was made, is not in it: pushed records, files that were moved away, rows that were acknowledged. Find the \
             rest with `tonghui reconcile CHANNEL --repair`, and ask the senders of push channels to send again. The \
             audit log since the copy was made is in the former store only, and persons who were erased since then are \
             in this one again: repeat `tonghui erase`",
        );
        Ok(Exit::Done)
    })
}

fn shared() -> Fault {
    Fault::stopped("the store is PostgreSQL, which has its own copies").remedy(
        "use `pg_dump` and `pg_restore`, or its continuous archiving; `tonghui key backup FILE` copies the keys",
    )
}

/// Says what is in a store, and closes it.
async fn contents(store: &Database) -> Result<String, Fault> {
    let (channels, books) = (store.status().await, store.books(None, None).await);
    store.close().await;
    let (channels, books) = (channels?, books?);
    let demands: u64 = channels.iter().map(|channel| channel.demands).sum();
    let last = channels.iter().filter_map(|channel| channel.last_read_at).max();
    let last =
        last.map_or_else(|| "nothing was read yet".to_owned(), |at| format!("last read at {at}"));
    let balanced = match books::balanced(&books) {
        Some(false) => "the books do NOT balance",
        None => "messages are in flight",
        Some(true) => "the books balance",
    };
    Ok(format!("{demands} demands, {last}, {balanced}"))
}

/// The SHA-256 of a file, in hexadecimal.
fn hash_of(file: &Path) -> Result<String, Fault> {
    let failed = |error| file_fault("cannot read the copy", file, error);
    let (mut bytes, mut hash) = (File::open(file).map_err(failed)?, Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        match bytes.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Compares a copy with the hash beside it; false if there is none.
fn ensure_hash(copy: &Path) -> Result<bool, Fault> {
    let beside = with_suffix(copy, HASH);
    let known = match fs::read_to_string(&beside) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(file_fault("cannot read the hash of the copy", &beside, error)),
    };
    if known.split_whitespace().next() == Some(hash_of(copy)?.as_str()) {
        return Ok(true);
    }
    Err(Fault::stopped(format!(
        "the copy is damaged: its hash is not that in {}",
        beside.display()
    ))
    .at(copy.display().to_string())
    .remedy("use another copy"))
}

/// Copies `copy` into the new file `new`, brings its tables up to date and checks that the keys of these settings open
/// it. Says what is in it.
async fn prepare(settings: &Settings, copy: &Path, new: &Path) -> Result<String, Fault> {
    copy_file(copy, new).await?;
    let keys = keys::read(settings)?;
    let store = Database::Sqlite(Sqlite::open(new, Access::ReadWrite).await?);
    let bound = store.bind_key(&keys.check_values()).await;
    let said = contents(&store).await;
    bound.and(said)
}

/// The files of a store, by their suffixes.
const PARTS: [&str; 3] = ["-wal", "-shm", ""];

/// Moves the store that is there aside, and `new` in its place. Returns the new name of the old one, if there was one.
/// Until the end a mark says what is going on, so that nothing begins with an empty store if this is interrupted.
fn replace(
    settings: &Settings,
    new: &Path,
    file: &Path,
    aside: PathBuf,
) -> Result<Option<PathBuf>, Fault> {
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
    // After an interruption, the other files of the old store are there already.
    let aside = store_mark::begin_restore(settings, aside)?;
    for suffix in PARTS {
        match fs::rename(with_suffix(file, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let remedy = format!("what was moved is {}; repeat the command", aside.display());
                return Err(moved(error).remedy(remedy));
            }
            _ => {}
        }
    }
    let place = || {
        fs::rename(new, file)?;
        file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    place().map_err(|error| {
        let remedy = format!("the store that was there is {}; repeat the command", aside.display());
        moved(error).remedy(remedy)
    })?;
    store_mark::end_restore(settings)?;
    Ok(aside.exists().then_some(aside))
}

/// Where `restore` puts the store that was there at this time.
pub(super) fn aside(store: &Path, time: &str) -> PathBuf {
    with_suffix(store, &format!(".before-{time}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
