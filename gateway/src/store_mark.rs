//! The mark of an embedded store: a small file that says that there is a store, which one, and how far it was.
//!
//! Without it, a store that is missing (a volume that is not mounted) could not be told from one that was never made, and
//! an old copy not from the newest one. A new store would be empty: what a source gives only once would be lost, and
//! paused channels would be read again. So the mark is not in the folder of the store, if another folder takes it.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use config::{KeySource, Settings, StoreSettings};
use contract::Fault;
use serde::{Deserialize, Serialize};
use sink::store::{Database, Identity, Sqlite};

use crate::keys::file_fault;

/// The name of the file.
pub(crate) const NAME: &str = ".tonghui-store";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// For who finds the file.
    about: String,
    #[serde(flatten)]
    identity: Identity,
    /// The hash of the last row of the audit log.
    audit: Option<String>,
    /// While another file takes the place of the store, and after that was interrupted: the new name of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restoring: Option<PathBuf>,
}

/// A mark that was found.
pub(crate) struct StoreMark {
    path: PathBuf,
    content: Content,
}

/// The marks of the store of these settings in `file`. There may be two, if a folder could not be written once. Read
/// them before the store: another process may use it at any moment.
///
/// # Errors
/// A mark cannot be read.
pub(crate) fn find(settings: &Settings, file: &Path) -> Result<Vec<StoreMark>, Fault> {
    let mut marks = Vec::new();
    for folder in folders(settings, file) {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            // What this account may not enter has nothing to say to it.
            Err(error)
                if is_nothing(&error)
                    || matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory
                    ) =>
            {
                continue;
            }
            Err(error) => {
                return Err(file_fault("cannot read the mark of the store", &path, error));
            }
        };
        let content = serde_json::from_slice(&text).map_err(|error| {
            Fault::stopped("this is not the mark of a store")
                .at(path.display().to_string())
                .because(error)
                .remedy("if the store is there and is the newest one, remove this file")
        })?;
        marks.push(StoreMark { path, content });
    }
    Ok(marks)
}

/// Forgets a store whose folder, in that of the configuration, is gone too: whoever removes that wants to begin anew. A
/// volume that is not mounted there leaves an empty folder, or a link to nothing.
///
/// # Errors
/// A mark cannot be removed.
pub(crate) fn forget_removed(
    settings: &Settings,
    marks: Vec<StoreMark>,
    file: &Path,
) -> Result<Vec<StoreMark>, Fault> {
    let Some(folder) = file.parent() else { return Ok(marks) };
    let is_ours = folder.parent() == settings.codes_dir.parent();
    let is_gone = || fs::symlink_metadata(folder).is_err_and(|error| is_nothing(&error));
    if marks.is_empty() || !is_ours || !is_gone() {
        return Ok(marks);
    }
    tracing::warn!(
        "the folder of the store, {}, is gone: an empty store is made there, and every source is read from its start",
        folder.display()
    );
    remove(&marks)?;
    Ok(Vec::new())
}

/// Marks that another file takes the place of the store, so that nobody begins with an empty store if that is interrupted.
/// Returns the name that the store gets: `aside`, or the one that it began to get before an interruption.
///
/// # Errors
/// No mark can be written.
pub(crate) fn begin_restore(settings: &Settings, aside: PathBuf) -> Result<PathBuf, Fault> {
    let StoreSettings::Sqlite(file) = &settings.store else { return Ok(aside) };
    let marks = find(settings, file)?;
    let begun = marks.iter().find_map(|mark| mark.content.restoring.clone());
    // Where there is no store, nothing is written over.
    let has_no_store = || fs::metadata(file).is_err_and(|error| is_nothing(&error));
    let is_free = |begun: &PathBuf| !begun.exists() || has_no_store();
    let aside = begun.filter(is_free).unwrap_or(aside);
    let about =
        "A restore of the store has not ended. Repeat it; do not remove this file.".to_owned();
    let identity = marks.first().map_or(Identity { id: 0, uses: 0 }, |mark| mark.content.identity);
    let content = Content { about, identity, audit: None, restoring: Some(aside.clone()) };
    if folders(settings, file).any(|folder| replace(&folder, &content).is_ok()) {
        return Ok(aside);
    }
    Err(Fault::stopped("the mark of the store cannot be written")
        .at(file.display().to_string())
        .remedy("let this account write to the folder of gateway.toml, or to that of the store"))
}

/// Ends what [`begin_restore`] began: the store is another one, or an older one, from now on.
///
/// # Errors
/// A mark cannot be removed.
pub(crate) fn end_restore(settings: &Settings) -> Result<(), Fault> {
    let StoreSettings::Sqlite(file) = &settings.store else { return Ok(()) };
    remove(&find(settings, file)?)
}

fn remove(marks: &[StoreMark]) -> Result<(), Fault> {
    marks.iter().try_for_each(|StoreMark { path, .. }| {
        fs::remove_file(path)
            .map_err(|error| file_fault("cannot remove the mark of the store", path, error))
    })
}

/// Refuses a store that is not the one of the marks, or not as far.
///
/// # Errors
/// `Stopped` if the store is missing or empty, another one, or older; or it cannot be opened.
pub(crate) async fn check(marks: &[StoreMark], file: &Path) -> Result<(), Fault> {
    let Some(first) = marks.first() else { return Ok(()) };
    if let Some(aside) = marks.iter().find_map(|mark| mark.content.restoring.as_ref()) {
        return Err(Fault::stopped("a restore of the store was interrupted")
            .at(format!("sqlite file {}", file.display()))
            .remedy(format!(
                "repeat `tonghui restore FILE`; the store that was there is {}, or becomes that",
                aside.display()
            )));
    }
    let is_missing = match fs::metadata(file) {
        Ok(about) => about.is_file() && about.len() == 0,
        Err(error) => is_nothing(&error),
    };
    if is_missing {
        return Err(first.refusal(
            file,
            "the store is missing",
            "mount or restore it; to begin with an empty one, which reads every source from its start,",
        ));
    }
    let found = Sqlite::identity(file).await?;
    for mark in marks {
        let known = mark.content.identity;
        let refusal = match found {
            Identity { id: 0, .. } => Some((
                "this is not the store that was used last: it was copied without its -wal file, or made anew",
                "restore the file and its -wal file together; to go on with it as it is,",
            )),
            Identity { id, .. } if id != known.id => Some((
                "this is another store than the one that was used last",
                "set `sqlite` under [store] in gateway.toml to that one; to go on with this one,",
            )),
            Identity { uses, .. } if uses < known.uses => Some((
                "this is an older copy of the store than the one that was used last",
                "restore the newest one with its -wal file; to go on with this one, which lacks what a source gave only \
                 once since then,",
            )),
            Identity { .. } => None,
        };
        if let Some((what, remedy)) = refusal {
            return Err(mark.refusal(file, what, remedy));
        }
    }
    Ok(())
}

/// The mark that knows the last row of the audit log which these marks missed in `store`; `None` if they miss none.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn missed<'a>(
    marks: &'a [StoreMark],
    store: &Database,
) -> Result<Option<&'a StoreMark>, Fault> {
    let latest = marks.iter().max_by_key(|mark| mark.content.identity.uses);
    let Some(mark) = latest else { return Ok(None) };
    Ok(match &mark.content.audit {
        Some(hash) if !store.has_audit_row(hash).await? => Some(mark),
        Some(_) | None => None,
    })
}

/// Counts that an embedded store is used, and marks it. A service repeats this, so that a backup from the same run is
/// known as older.
///
/// # Errors
/// The store cannot be written. That the mark cannot be written is no error.
pub(crate) async fn renew(settings: &Settings, store: &Database) -> Result<(), Fault> {
    let (StoreSettings::Sqlite(file), Database::Sqlite(sqlite)) = (&settings.store, store) else {
        return Ok(());
    };
    let marks = find(settings, file)?;
    let identity = sqlite.count_use().await?;
    // What was removed from the audit log is not forgotten.
    let audit = match missed(&marks, store).await? {
        Some(mark) => mark.content.audit.clone(),
        None => store.audit_end().await?,
    };
    let about = format!(
        "Says which store {} is, so that a missing or an older one is noticed. Do not copy or remove it with the store.",
        file.display()
    );
    let content = Content { about, identity, audit, restoring: None };
    // A folder of the configuration may belong to somebody else.
    let is_written = folders(settings, file).any(|folder| replace(&folder, &content).is_ok());
    if !is_written {
        tracing::warn!(
            "the mark of the store cannot be written, so a missing store is not noticed"
        );
    }
    Ok(())
}

impl StoreMark {
    /// Whether it knows a row of the audit log.
    pub(crate) fn knows_audit(&self) -> bool {
        self.content.audit.is_some()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn refusal(&self, file: &Path, what: &str, remedy: &str) -> Fault {
        let mark = self.path.display();
        Fault::stopped(what)
            .at(format!("sqlite file {}", file.display()))
            .remedy(format!("{remedy} remove {mark}"))
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Where a mark may be, the best place first.
fn folders(settings: &Settings, file: &Path) -> impl Iterator<Item = PathBuf> {
    let keys = match &settings.keys {
        KeySource::File(keys) => keys.parent(),
        KeySource::Env(_) => None,
    };
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in [settings.codes_dir.parent(), keys, file.parent()].into_iter().flatten() {
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
    }
    folders.into_iter()
}

/// Writes the file beside the old one and renames it, so that there is always a whole one.
fn replace(folder: &Path, content: &Content) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mine = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = folder.join(format!("{NAME}.{}.{}", mine.0, mine.1));
    let write = || {
        let mut file = fs::File::create(&path)?;
        // Whoever may use the store may know which one it is.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(&serde_json::to_vec_pretty(content)?)?;
        file.sync_all()?;
        fs::rename(&path, folder.join(NAME))
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })
}

#[cfg(test)]
mod tests {
    use sink::store::Access;

    use super::*;
    use crate::{assemble, shipped};

    #[tokio::test]
    async fn a_store_that_is_missing_empty_another_or_older_is_refused_until_the_mark_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        shipped::write(home, &["hotline"]).unwrap();
        let settings = assemble::settings_without_secrets(home).unwrap();
        let opened = async || {
            let opened = assemble::open(&settings).await;
            let (store, _) = opened.map_err(|fault| fault.to_string())?;
            let Database::Sqlite(store) = store else { return Ok(()) };
            store.close().await;
            Ok::<_, String>(())
        };
        let file = home.join("data/tonghui.db");
        let remove = || {
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(home.join(format!("data/tonghui.db{suffix}")));
            }
        };
        opened().await.unwrap();
        let first = fs::read(&file).unwrap();
        opened().await.unwrap();
        opened().await.unwrap();

        let refused = async |part: &str| {
            let why = opened().await.unwrap_err();
            assert!(
                why.contains(part)
                    && why.contains(&format!("remove {}", home.join(NAME).display())),
                "{why}"
            );
        };
        remove();
        fs::write(&file, "").unwrap();
        refused("the store is missing").await;
        remove();
        fs::write(&file, &first).unwrap();
        refused("an older copy").await;
        remove();
        let other = Sqlite::open(&file, Access::ReadWrite).await.unwrap();
        other.close().await;
        refused("without its -wal file").await;
        let other = Sqlite::open(&file, Access::ReadWrite).await.unwrap();
        other.count_use().await.unwrap();
        other.close().await;
        refused("another store").await;
        remove();
        refused("the store is missing").await;
        assert!(!file.exists(), "it was made");
        // As if the volume of the data were not mounted.
        let data = home.join("data");
        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        refused("the store is missing").await;
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "the keys were made");

        fs::remove_file(home.join(NAME)).unwrap();
        opened().await.unwrap();
        assert!(home.join(NAME).exists() && file.exists());
        // Somebody wants to begin anew.
        fs::remove_dir_all(&data).unwrap();
        opened().await.unwrap();
        opened().await.unwrap();
        assert!(home.join(NAME).exists() && file.exists());
    }

    #[tokio::test]
    async fn after_an_interrupted_restore_nothing_begins_with_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        shipped::write(home, &["hotline"]).unwrap();
        let settings = assemble::settings_without_secrets(home).unwrap();
        let (store, _) = assemble::open(&settings).await.unwrap();
        store.close().await;
        let (file, aside) = (home.join("data/tonghui.db"), home.join("data/aside"));
        assert_eq!(begin_restore(&settings, aside.clone()).unwrap(), aside);
        let again = home.join("data/again");
        assert_eq!(begin_restore(&settings, again.clone()).unwrap(), aside, "it goes on");
        fs::rename(&file, &aside).unwrap();
        let why = assemble::open(&settings).await.map(drop).unwrap_err().to_string();
        assert!(why.contains("interrupted") && why.contains("aside"), "{why}");
        assert_eq!(begin_restore(&settings, again.clone()).unwrap(), aside, "the store is there");
        std::os::unix::fs::symlink(home.join("data/nowhere"), &file).unwrap();
        assert_eq!(
            begin_restore(&settings, again.clone()).unwrap(),
            aside,
            "so is a dangling link"
        );
        fs::remove_file(&file).unwrap();
        fs::copy(&aside, &file).unwrap();
        let fresh = begin_restore(&settings, again.clone()).unwrap();
        assert_eq!(fresh, again, "nothing is written over");
        end_restore(&settings).unwrap();
        assemble::open(&settings).await.unwrap();
    }

    #[tokio::test]
    async fn where_the_configuration_cannot_be_written_the_mark_is_beside_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        shipped::write(home, &["hotline"]).unwrap();
        // Nobody, not even root, can replace a folder by a file.
        fs::create_dir_all(home.join(NAME).join("x")).unwrap();
        let settings = assemble::settings_without_secrets(home).unwrap();
        let file = home.join("data/tonghui.db");
        fs::create_dir(home.join("data")).unwrap();
        let store = Database::Sqlite(Sqlite::open(&file, Access::ReadWrite).await.unwrap());
        renew(&settings, &store).await.unwrap();
        assert!(home.join("data").join(NAME).is_file());
        assert_eq!(
            fs::read_dir(home)
                .unwrap()
                .filter(|entry| {
                    entry
                        .as_ref()
                        .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(NAME))
                })
                .count(),
            1,
            "nothing is left over"
        );
    }
}
