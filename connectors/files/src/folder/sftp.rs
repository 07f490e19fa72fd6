//! A folder on an SFTP server. It uses one session, which is closed when no file is ready to read.

mod session;

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt as _, path::Path, sync::Arc};

use contract::Fault;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use russh_sftp::{
    client::{RawSftpSession, error::Error},
    protocol::{File as NamedFile, FileAttributes, OpenFlags, StatusCode},
};

use self::session::{Login, Session};
use super::{EntryKind, Listing, RenameOutcome, SizeAndTime, address::SftpAddress, disk_fault};
use crate::config::Config;

/// The largest number of bytes that one request reads. Every server supports this size.
const MAX_REQUEST_BYTES: u32 = 32 * 1024;
/// The largest number of requests that wait for their answers at the same time.
const MAX_PARALLEL_REQUESTS: usize = 16;

/// A listing ends with an error after this number of answers in a row that name nothing new.
const MAX_IDLE_ANSWERS: u32 = 100;

/// A folder on a server, and the open session, if there is one.
pub(crate) struct Sftp {
    login: Login,
    max_listed: usize,
    session: Option<Session>,
}

impl Sftp {
    /// Checks the login settings. Uses no network.
    pub(super) fn new(address: SftpAddress, config: &Config) -> Result<Self, Fault> {
        let login = Login::new(address, config)?;
        Ok(Self { login, max_listed: config.listing as usize, session: None })
    }

    pub(super) fn close(&mut self) {
        self.session = None;
    }

    pub(super) async fn list(&mut self) -> Result<Listing, Fault> {
        let (sftp, mut folder) = (self.session().await?, self.login.address.folder.clone());
        if folder.is_empty() {
            folder.push('/');
        }
        let result = list(&sftp, &folder, self.max_listed).await;
        result.map_err(|error| self.fault(&folder, &error))
    }

    pub(super) async fn size_and_time(&mut self, name: &str) -> Result<Option<SizeAndTime>, Fault> {
        let (sftp, path) = (self.session().await?, self.path(name));
        match sftp.lstat(path.clone()).await {
            Ok(found) => Ok(match kind(&found.attrs) {
                EntryKind::File(found) => Some(found),
                EntryKind::Folder | EntryKind::Other => None,
            }),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.fault(&path, &error)),
        }
    }

    pub(super) async fn fetch(
        &mut self,
        name: &str,
        expected: SizeAndTime,
    ) -> Result<Option<File>, Fault> {
        // A server follows links when it opens a file, so the name is inspected first.
        if self.size_and_time(name).await? != Some(expected) {
            return Ok(None);
        }
        let (sftp, path) = (self.session().await?, self.path(name));
        match fetch(&sftp, &path, expected).await {
            Ok(file) => Ok(file),
            Err(FetchError::Server(error)) if is_absent(&error) => Ok(None),
            Err(FetchError::Server(error)) => Err(self.fault(&path, &error)),
            Err(FetchError::Disk(error)) => Err(disk_fault(error).at(path)),
        }
    }

    pub(super) async fn rename(&mut self, name: &str, to: &Path) -> Result<RenameOutcome, Fault> {
        let (sftp, from, to) =
            (self.session().await?, self.path(name), self.path(&to.to_string_lossy()));
        match sftp.lstat(to.clone()).await {
            Ok(_) => return Ok(RenameOutcome::NameInUse),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(self.fault(&to, &error)),
        }
        match sftp.rename(from, to.clone()).await {
            Ok(_) => Ok(RenameOutcome::Done),
            Err(error) => Err(self.fault(&to, &error)),
        }
    }

    /// The open session, or a new one.
    async fn session(&mut self) -> Result<Arc<RawSftpSession>, Fault> {
        self.session.take_if(|session| session.handle.is_closed());
        let session = match self.session.take() {
            Some(session) => session,
            None => self.login.open_session().await?,
        };
        Ok(Arc::clone(&self.session.insert(session).sftp))
    }

    fn path(&self, name: &str) -> String {
        let folder = &self.login.address.folder;
        if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") }
    }

    fn fault(&mut self, path: &str, error: &Error) -> Fault {
        if !matches!(error, Error::Status(_)) {
            // After an error that the server did not report, the session may be unusable.
            self.session = None;
        }
        session::request_fault(error).at(path).at(self.login.server_name())
    }
}

async fn list(sftp: &RawSftpSession, folder: &str, max_entries: usize) -> Result<Listing, Error> {
    let handle = sftp.opendir(folder).await?.handle;
    let mut listing = Listing::default();
    let (mut names_listed, mut n_idle) = (BTreeSet::new(), 0);
    let result = loop {
        match sftp.readdir(handle.as_str()).await {
            Ok(names) => {
                n_idle += 1;
                for NamedFile { filename, attrs, .. } in names.files {
                    // The folder itself and the one around it are no entries.
                    if matches!(filename.as_str(), "." | "..") || names_listed.contains(&filename) {
                        continue;
                    }
                    listing.is_truncated = names_listed.len() >= max_entries;
                    if listing.is_truncated {
                        break;
                    }
                    names_listed.insert(filename.clone());
                    listing.add(filename, kind(&attrs));
                    n_idle = 0;
                }
                if listing.is_truncated {
                    break Ok(listing);
                }
                if n_idle >= MAX_IDLE_ANSWERS {
                    let text = "the server lists the same names again and again".to_owned();
                    break Err(Error::UnexpectedBehavior(text));
                }
            }
            Err(Error::Status(status)) if status.status_code == StatusCode::Eof => {
                break Ok(listing);
            }
            Err(error) => break Err(error),
        }
    };
    // If this fails, the server closes the handle at the end of the session.
    let _ = sftp.close(handle).await;
    result
}

fn kind(attributes: &FileAttributes) -> EntryKind {
    if attributes.is_dir() {
        EntryKind::Folder
    } else if attributes.is_symlink() || !attributes.is_regular() {
        EntryKind::Other
    } else {
        EntryKind::File(size_and_time(attributes))
    }
}

fn size_and_time(attributes: &FileAttributes) -> SizeAndTime {
    let modified = i128::from(attributes.mtime.unwrap_or_default()) * 1_000_000_000;
    SizeAndTime { n_bytes: attributes.len(), modified, changed: 0 }
}

fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// Why a file was not fetched.
enum FetchError {
    Server(Error),
    Disk(io::Error),
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// Copies a file to a temporary file; `None` if its size or time is not `expected` after the copy.
async fn fetch(
    sftp: &RawSftpSession,
    path: &str,
    expected: SizeAndTime,
) -> Result<Option<File>, FetchError> {
    let file = tempfile::tempfile().map_err(FetchError::Disk)?;
    let opened = sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await?;
    let handle = opened.handle.as_str();
    let offsets = (0..expected.n_bytes).step_by(MAX_REQUEST_BYTES as usize);
    let copied = stream::iter(offsets)
        .map(|at| async move { read_part(sftp, handle, at).await.map(|bytes| (at, bytes)) })
        .buffered(MAX_PARALLEL_REQUESTS)
        .try_for_each(|(at, bytes)| {
            let written = file.write_all_at(&bytes, at).map_err(FetchError::Disk);
            async { written }
        })
        .await;
    let attributes = sftp.fstat(handle).await;
    let _ = sftp.close(handle).await;
    copied?;
    let n_bytes = file.metadata().map_err(FetchError::Disk)?.len();
    let is_same = size_and_time(&attributes?.attrs) == expected && n_bytes == expected.n_bytes;
    Ok(is_same.then_some(file))
}

/// Reads `MAX_REQUEST_BYTES` bytes from offset `at`, or fewer at the end of the file. A server may
/// return fewer bytes than requested, so this may take several requests.
async fn read_part(sftp: &RawSftpSession, handle: &str, at: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_REQUEST_BYTES as usize {
        let (from, left) = (at + bytes.len() as u64, MAX_REQUEST_BYTES as usize - bytes.len());
        match sftp.read(handle, from, u32::try_from(left).unwrap_or(MAX_REQUEST_BYTES)).await {
            Ok(answer) if answer.data.is_empty() => break,
            Ok(answer) => bytes.extend(answer.data.into_iter().take(left)),
            Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}
