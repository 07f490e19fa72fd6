//! A folder, wherever it is: what the rest of the connector may ask of it.
//!
//! Listing, looking, fetching and renaming; nothing else, because nothing else is allowed to us. A
//! name is one component of a path, symbolic links are not followed, and a listing has an end.

mod address;
mod local;
mod sftp;

use std::{fs::File, io, path::Path, sync::Arc};

use contract::{ConnectorContext, Fault, Gate};

use self::{address::Address, local::Local, sftp::Sftp};
use crate::{
    config::Config,
    cursor::{Debt, Mark},
    options::Options,
    pick::is_plain,
};

/// Names that are tried where one is taken.
const TRIES: u32 = 100;

/// A folder, within the limits that its owner sets.
#[derive(Debug)]
pub(crate) struct Folder {
    gate: Arc<dyn Gate>,
    backend: Backend,
}

/// On this machine or on a server.
#[derive(Debug)]
enum Backend {
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

impl Folder {
    /// Touches no network.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Self, Fault> {
        let backend = match Address::parse(config.url.expose())? {
            Address::Local(folder) => Backend::Local(Local::new(folder, config.listing)),
            Address::Sftp(server) => Backend::Sftp(Box::new(Sftp::new(server, config)?)),
        };
        Ok(Self { gate: Arc::clone(&context.gate), backend })
    }

    /// What lies there.
    pub(crate) async fn list(&mut self) -> Result<Listing, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.list().await,
            Backend::Sftp(sftp) => sftp.list().await,
        }
    }

    /// How a regular file lies there; `None` where there is none.
    pub(crate) async fn stamp(&mut self, name: &str) -> Result<Option<Stamp>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.stamp(name).await,
            Backend::Sftp(sftp) => sftp.stamp(name).await,
        }
    }

    /// The content as a file of this machine; `None` where it is not there any more as `stamp` says.
    pub(crate) async fn fetch(&mut self, name: &str, stamp: Stamp) -> Result<Option<File>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.fetch(name, stamp).await,
            Backend::Sftp(sftp) => sftp.fetch(name, stamp).await,
        }
    }

    /// Moves a file of the folder to a path that is absolute or within the folder.
    pub(crate) async fn rename(&mut self, name: &str, to: &Path) -> Result<Moved, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.rename(name, to).await,
            Backend::Sftp(sftp) => sftp.rename(name, to).await,
        }
    }

    /// Moves what a batch owes: files that are in our custody leave the folder, so that nobody takes
    /// them twice. Only a file that still lies there as it was read is moved: one that took its name
    /// since is new. A file that is gone was moved before, or by somebody else. Twice is harmless.
    pub(crate) async fn settle(&mut self, options: &Options, debt: &Debt) -> Result<(), Fault> {
        let Some(folder) = (if debt.is_error { &options.error } else { &options.archive }) else {
            return Ok(());
        };
        let data = self.stamp(&debt.name).await?.map(Stamp::mark);
        if data.as_ref().is_some_and(|there| *there != debt.data) {
            return Ok(());
        }
        let manifest = options.manifest.as_ref().zip(debt.manifest.as_ref());
        let manifest = manifest.map(|(end, mark)| (format!("{}{end}", debt.name), mark));
        for (name, mark) in [(debt.name.clone(), &debt.data)].into_iter().chain(manifest) {
            if self.stamp(&name).await?.map(Stamp::mark).as_ref() != Some(mark) {
                continue;
            }
            let mut moved = Moved::Taken;
            for n in 0..TRIES {
                if moved == Moved::Yes {
                    break;
                }
                moved = self.rename(&name, &folder.join(free_name(&name, &debt.md5, n))).await?;
            }
            if moved == Moved::Taken {
                return Err(Fault::stopped(format!("{name}: there are too many of this name"))
                    .remedy("clear the folders `archive` and `error`"));
            }
        }
        Ok(())
    }

    /// Nothing is asked for a while: a server has few sessions to give.
    pub(crate) fn rest(&mut self) {
        if let Backend::Sftp(sftp) = &mut self.backend {
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
enum EntryKind {
    File(Stamp),
    Folder,
    Other,
}

impl Listing {
    fn take(&mut self, name: String, kind: EntryKind) {
        // Hidden files are nobody's business, and `.` and `..` are among them.
        if name.starts_with('.') {
            return;
        }
        match kind {
            EntryKind::Folder => {}
            EntryKind::File(stamp) if is_plain(&name) => self.files.push((name, stamp)),
            EntryKind::File(_) | EntryKind::Other => self.odd.push(name),
        }
    }
}

/// A name that was used before is told apart by its content.
fn free_name(name: &str, md5: &Mark, n: u32) -> String {
    match n {
        0 => name.to_owned(),
        1 => format!("{name}.{}", md5.as_str()),
        n => format!("{name}.{}.{n}", md5.as_str()),
    }
}

/// Runs `work` on a thread that may block. Where the caller is dropped the work ends by itself, and
/// what it found is lost: it is done again.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::stopped("reading a file failed in a way that nobody foresaw"))
}

/// The disk that a file lies on, or the one that it is unpacked to.
pub(crate) fn disk(error: io::Error) -> Fault {
    Fault::transient("a file cannot be read, or not be unpacked for its reading").because(error)
}
