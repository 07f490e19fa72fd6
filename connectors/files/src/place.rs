//! A folder, wherever it is: what the rest of the connector may ask of it.
//!
//! Listing, looking, fetching and renaming; nothing else, because nothing else is allowed to us. A
//! name is one component of a path, symbolic links are not followed, and a listing has an end.

mod address;
mod local;
mod sftp;

use std::{fs::File, path::Path, sync::Arc};

use contract::{Fault, Gate, Means};

use self::{address::Address, local::Local, sftp::Sftp};
use crate::{config::Config, cursor::Mark, name};

/// A folder, within the limits that its owner sets.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<dyn Gate>,
    folder: Folder,
}

/// On this machine or on a server.
#[derive(Debug)]
enum Folder {
    Local(Local),
    Sftp(Box<Sftp>),
}

/// What tells a file from what it was before, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) n_bytes: u64,
    /// Nanoseconds since 1970; whole seconds on a server.
    pub(crate) modified: i128,
}

/// What lies in the folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Regular files.
    pub(crate) files: Vec<(String, Stamp)>,
    /// What is neither a regular file nor a folder, and names that are no names.
    pub(crate) odd: Vec<String>,
    /// There was more.
    pub(crate) is_cut: bool,
}

/// What became of a rename.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    Yes,
    /// There is something of that name.
    Taken,
}

impl Place {
    /// Touches no network.
    pub(crate) fn new(config: &Config, means: &Means) -> Result<Self, Fault> {
        let folder = match Address::parse(config.url.expose())? {
            Address::Local(folder) => Folder::Local(Local::new(folder, config.listing)),
            Address::Sftp(server) => Folder::Sftp(Box::new(Sftp::new(server, config)?)),
        };
        Ok(Self { gate: Arc::clone(&means.gate), folder })
    }

    /// What lies there.
    pub(crate) async fn list(&mut self) -> Result<Listing, Fault> {
        let _pass = self.gate.enter().await?;
        match &mut self.folder {
            Folder::Local(local) => local.list().await,
            Folder::Sftp(sftp) => sftp.list().await,
        }
    }

    /// How a regular file lies there; `None` where there is none.
    pub(crate) async fn stamp(&mut self, name: &str) -> Result<Option<Stamp>, Fault> {
        let _pass = self.gate.enter().await?;
        match &mut self.folder {
            Folder::Local(local) => local.stamp(name).await,
            Folder::Sftp(sftp) => sftp.stamp(name).await,
        }
    }

    /// The content as a file of this machine; `None` where it is not there any more as `stamp` says.
    pub(crate) async fn fetch(&mut self, name: &str, stamp: Stamp) -> Result<Option<File>, Fault> {
        let _pass = self.gate.enter().await?;
        match &mut self.folder {
            Folder::Local(local) => local.fetch(name, stamp).await,
            Folder::Sftp(sftp) => sftp.fetch(name, stamp).await,
        }
    }

    /// Moves a file of the folder to a path that is absolute or within the folder.
    pub(crate) async fn rename(&mut self, name: &str, to: &Path) -> Result<Moved, Fault> {
        let _pass = self.gate.enter().await?;
        match &mut self.folder {
            Folder::Local(local) => local.rename(name, to).await,
            Folder::Sftp(sftp) => sftp.rename(name, to).await,
        }
    }

    /// Nothing is asked for a while: a server has few sessions to give.
    pub(crate) fn rest(&mut self) {
        if let Folder::Sftp(sftp) = &mut self.folder {
            sftp.rest();
        }
    }
}

impl Stamp {
    /// Short enough for a cursor.
    pub(crate) fn mark(self) -> Mark {
        Mark::of(&format!("{} {}", self.n_bytes, self.modified))
    }
}

/// What a directory entry is.
enum Kind {
    File(Stamp),
    Folder,
    Other,
}

impl Listing {
    fn take(&mut self, name: String, kind: Kind) {
        // Hidden files are nobody's business, and `.` and `..` are among them.
        if name.starts_with('.') {
            return;
        }
        match kind {
            Kind::Folder => {}
            Kind::File(stamp) if name::is_plain(&name) => self.files.push((name, stamp)),
            Kind::File(_) | Kind::Other => self.odd.push(name),
        }
    }
}
