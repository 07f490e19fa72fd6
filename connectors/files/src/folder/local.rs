//! A folder in the file system of this machine, which may be mounted.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use contract::Fault;

use super::{EntryKind, Listing, RenameOutcome, SizeAndTime, blocking};

/// A folder that is accessed by its path.
pub(crate) struct Local {
    folder: PathBuf,
    max_listed: usize,
}

impl Local {
    pub(super) fn new(folder: PathBuf, max_listed: usize) -> Self {
        Self { folder, max_listed }
    }

    pub(super) async fn list(&self) -> Result<Listing, Fault> {
        let (folder, max_listed) = (self.folder.clone(), self.max_listed);
        blocking(move || list(&folder, max_listed))
            .await?
            .map_err(|error| fault(&self.folder, error))
    }

    pub(super) async fn size_and_time(&self, name: &str) -> Result<Option<SizeAndTime>, Fault> {
        let path = self.folder.join(name);
        let found = blocking(move || fs::symlink_metadata(path)).await?;
        self.if_found(name, found.map(|found| found.is_file().then(|| size_and_time(&found))))
    }

    pub(super) async fn fetch(
        &self,
        name: &str,
        size_and_time: SizeAndTime,
    ) -> Result<Option<File>, Fault> {
        let path = self.folder.join(name);
        let opened = blocking(move || open(&path, size_and_time)).await?;
        self.if_found(name, opened)
    }

    /// Turns an error into a fault, but that of a file that does not exist into `None`.
    fn if_found<T>(&self, name: &str, result: io::Result<Option<T>>) -> Result<Option<T>, Fault> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map_err(|error| fault(&self.folder.join(name), error)),
        }
    }

    pub(super) async fn rename(&self, name: &str, to: &Path) -> Result<RenameOutcome, Fault> {
        let (from, to) = (self.folder.join(name), self.folder.join(to));
        let target = to.clone();
        let moved = blocking(move || {
            // A rename would overwrite an existing file.
            match fs::symlink_metadata(&to) {
                Ok(_) => return Ok(RenameOutcome::NameInUse),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            fs::rename(from, to).map(|()| RenameOutcome::Done)
        });
        moved.await?.map_err(|error| fault(&target, error))
    }
}

fn fault(path: &Path, error: io::Error) -> Fault {
    let fault = match error.kind() {
        io::ErrorKind::NotFound => Fault::stopped("this file or folder does not exist")
            .remedy("check the path in `url`, and create the folders `archive` and `error`"),
        io::ErrorKind::NotADirectory => Fault::stopped("this is a file, not a folder")
            .remedy("write the path of its folder in `url`, and its name in `match`"),
        io::ErrorKind::PermissionDenied => Fault::stopped("access to this path was denied")
            .remedy("give the account of this program the right to read and rename files there"),
        io::ErrorKind::StorageFull => {
            Fault::transient("the disk is full").remedy("free space on it")
        }
        _ => Fault::transient("the file or folder cannot be used").because(error),
    };
    fault.at(path.display().to_string())
}

fn list(folder: &Path, max_listed: usize) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for (n, entry) in fs::read_dir(folder)?.enumerate() {
        if n >= max_listed {
            listing.is_truncated = true;
            break;
        }
        let entry = entry?;
        let kind = match fs::symlink_metadata(entry.path()) {
            Ok(found) if found.is_dir() => EntryKind::Folder,
            Ok(found) if found.is_file() => EntryKind::File(size_and_time(&found)),
            // It was just removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(_) | Err(_) => EntryKind::Other,
        };
        listing.add(entry.file_name().to_string_lossy().into_owned(), kind);
    }
    Ok(listing)
}

/// Opens a file; `None` if it is not the file that was listed.
fn open(path: &Path, expected: SizeAndTime) -> io::Result<Option<File>> {
    let by_path = fs::symlink_metadata(path)?;
    if !by_path.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    // The path may have become a link before the file was opened.
    let is_same = (by_path.dev(), by_path.ino()) == (opened.dev(), opened.ino());
    Ok((is_same && size_and_time(&opened) == expected).then_some(file))
}

fn size_and_time(found: &Metadata) -> SizeAndTime {
    let time = |seconds, nanoseconds| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    SizeAndTime {
        n_bytes: found.len(),
        modified: time(found.mtime(), found.mtime_nsec()),
        changed: time(found.ctime(), found.ctime_nsec()),
    }
}
