//! A folder on an SFTP server, by one session that is given back between two reads.

mod fault;
mod fetch;
mod session;

use std::{path::Path, sync::Arc};

use contract::Fault;
use russh_sftp::{
    client::{RawSftpSession, error::Error},
    protocol::{File as Entry, FileAttributes, StatusCode},
};

use self::session::{Entrance, Session};
use super::{Kind, Listing, Moved, Stamp, address::Server};
use crate::config::Config;

/// A folder and the way to it.
#[derive(Debug)]
pub(crate) struct Sftp {
    entrance: Entrance,
    folder: String,
    listing: usize,
    session: Option<Session>,
}

impl Sftp {
    /// Touches no network.
    pub(super) fn new(server: Server, config: &Config) -> Result<Self, Fault> {
        let folder = server.folder.clone();
        let entrance = Entrance::new(server, config)?;
        Ok(Self { entrance, folder, listing: config.listing as usize, session: None })
    }

    pub(super) fn rest(&mut self) {
        self.session = None;
    }

    pub(super) async fn list(&mut self) -> Result<Listing, Fault> {
        let (sftp, folder) = (self.sftp().await?, self.folder.clone());
        let done = list(&sftp, &folder, self.listing).await;
        done.map_err(|error| self.fault(&folder, &error))
    }

    pub(super) async fn stamp(&mut self, name: &str) -> Result<Option<Stamp>, Fault> {
        let (sftp, path) = (self.sftp().await?, self.path(name));
        match sftp.lstat(path.clone()).await {
            Ok(found) => Ok(match kind(&found.attrs) {
                Kind::File(stamp) => Some(stamp),
                Kind::Folder | Kind::Other => None,
            }),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.fault(&path, &error)),
        }
    }

    pub(super) async fn fetch(
        &mut self,
        name: &str,
        expected: Stamp,
    ) -> Result<Option<std::fs::File>, Fault> {
        // The server follows links when it opens: what is listed is looked at first.
        if self.stamp(name).await? != Some(expected) {
            return Ok(None);
        }
        let (sftp, path) = (self.sftp().await?, self.path(name));
        match fetch::fetch(&sftp, &path, expected).await {
            Ok(file) => Ok(file),
            Err(fetch::Failed::Server(error)) if is_absent(&error) => Ok(None),
            Err(fetch::Failed::Server(error)) => Err(self.fault(&path, &error)),
            Err(fetch::Failed::Disk(error)) => {
                Err(Fault::transient("it cannot be kept here while it is read")
                    .at(path)
                    .because(error)
                    .remedy("make room in the folder for temporary files"))
            }
        }
    }

    pub(super) async fn rename(&mut self, name: &str, to: &Path) -> Result<Moved, Fault> {
        let (sftp, from, to) =
            (self.sftp().await?, self.path(name), self.path(&to.to_string_lossy()));
        match sftp.lstat(to.clone()).await {
            Ok(_) => return Ok(Moved::Taken),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(self.fault(&to, &error)),
        }
        match sftp.rename(from, to.clone()).await {
            Ok(_) => Ok(Moved::Yes),
            Err(error) => Err(self.fault(&to, &error)),
        }
    }

    async fn sftp(&mut self) -> Result<Arc<RawSftpSession>, Fault> {
        if let Some(session) = self.session.take().filter(Session::is_open) {
            let sftp = session.sftp();
            self.session = Some(session);
            return Ok(sftp);
        }
        let session = self.entrance.enter().await?;
        Ok(self.session.insert(session).sftp())
    }

    fn path(&self, name: &str) -> String {
        if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", self.folder) }
    }

    fn fault(&mut self, path: &str, error: &Error) -> Fault {
        if !matches!(error, Error::Status(_)) {
            // Nobody knows what such a session would say next.
            self.session = None;
        }
        fault::of_request(error).at(path).at(self.entrance.place())
    }
}

async fn list(sftp: &RawSftpSession, folder: &str, most: usize) -> Result<Listing, Error> {
    let handle = sftp.opendir(folder).await?.handle;
    let mut listing = Listing::default();
    let mut n_seen = 0;
    let done = loop {
        match sftp.readdir(handle.as_str()).await {
            Ok(names) => {
                for Entry { filename, attrs, .. } in names.files {
                    n_seen += 1;
                    listing.take(filename, kind(&attrs));
                }
                if n_seen >= most {
                    listing.is_cut = true;
                    break Ok(listing);
                }
            }
            Err(Error::Status(status)) if status.status_code == StatusCode::Eof => {
                break Ok(listing);
            }
            Err(error) => break Err(error),
        }
    };
    // A server closes what is left open with the session.
    let _ = sftp.close(handle).await;
    done
}

fn kind(attributes: &FileAttributes) -> Kind {
    if attributes.is_dir() {
        Kind::Folder
    } else if attributes.is_symlink() || !attributes.is_regular() {
        Kind::Other
    } else {
        Kind::File(stamp(attributes))
    }
}

fn stamp(attributes: &FileAttributes) -> Stamp {
    let modified = i128::from(attributes.mtime.unwrap_or_default()) * 1_000_000_000;
    Stamp { n_bytes: attributes.len(), modified }
}

fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Status(status) if status.status_code == StatusCode::NoSuchFile)
}
