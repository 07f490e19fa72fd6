//! A folder, on this machine or on a server.
//!
//! Only list, stat, fetch and rename are used: accounts often have no other rights. A name is one
//! component of a path, symbolic links are not followed, and a listing has a limit.

mod address;
mod local;
mod sftp;

use std::{fs::File, io, path::Path, sync::Arc};

use contract::{ConnectorContext, Fault, Gate};

use self::{address::Address, local::Local, sftp::Sftp};
use crate::{
    config::Config,
    cursor::{Fingerprint, PendingMove},
    options::Options,
    selection::is_plain,
};

/// How many names are tried for a file that is moved.
const MAX_NAMES: u32 = 100;

/// A folder, and the gate that limits requests to it.
pub(crate) struct Folder {
    gate: Arc<dyn Gate>,
    backend: Backend,
}

/// Where the folder is.
enum Backend {
    Local(Local),
    Sftp(Box<Sftp>),
}

/// Size and time of a file: they show that it has changed, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) n_bytes: u64,
    /// Nanoseconds since 1970; whole seconds on a server.
    pub(crate) modified: i128,
}

/// The content of the folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Regular files.
    pub(crate) files: Vec<(String, Stamp)>,
    /// Names of links and devices, and names that are not valid.
    pub(crate) irregular: Vec<String>,
    /// There are more names than the limit.
    pub(crate) is_truncated: bool,
}

/// The result of a rename.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RenameOutcome {
    Done,
    NameInUse,
}

impl Folder {
    /// Uses no network.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Self, Fault> {
        let backend = match Address::parse(config.url.expose())? {
            Address::Local(folder) => Backend::Local(Local::new(folder, config.listing as usize)),
            Address::Sftp(server) => Backend::Sftp(Box::new(Sftp::new(server, config)?)),
        };
        Ok(Self { gate: Arc::clone(&context.gate), backend })
    }

    /// Lists the folder.
    pub(crate) async fn list(&mut self) -> Result<Listing, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.list().await,
            Backend::Sftp(sftp) => sftp.list().await,
        }
    }

    /// The stamp of a regular file; `None` where there is none.
    pub(crate) async fn stamp(&mut self, name: &str) -> Result<Option<Stamp>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.stamp(name).await,
            Backend::Sftp(sftp) => sftp.stamp(name).await,
        }
    }

    /// The content as a file of this machine; `None` where its stamp has changed.
    pub(crate) async fn fetch(&mut self, name: &str, stamp: Stamp) -> Result<Option<File>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.fetch(name, stamp).await,
            Backend::Sftp(sftp) => sftp.fetch(name, stamp).await,
        }
    }

    /// Moves a file of the folder to a path that is absolute or within the folder.
    pub(crate) async fn rename(&mut self, name: &str, to: &Path) -> Result<RenameOutcome, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.rename(name, to).await,
            Backend::Sftp(sftp) => sftp.rename(name, to).await,
        }
    }

    /// Moves the file that a batch has finished, and its manifest. A file that was replaced since it
    /// was read is not moved: the new file is still to be read. A file that is not found was moved
    /// before. Calling it twice is harmless.
    pub(crate) async fn settle(
        &mut self,
        options: &Options,
        pending: &PendingMove,
    ) -> Result<(), Fault> {
        let Some(folder) =
            (if pending.is_error { &options.config.error } else { &options.config.archive })
        else {
            return Ok(());
        };
        let current = self.stamp(&pending.name).await?.map(Stamp::fingerprint);
        if current.is_some_and(|current| current != pending.data) {
            return Ok(());
        }
        let manifest = options.config.manifest.as_ref().zip(pending.manifest.as_ref());
        let manifest = manifest.map(|(suffix, read)| (format!("{}{suffix}", pending.name), read));
        for (name, read) in [(pending.name.clone(), &pending.data)].into_iter().chain(manifest) {
            if self.stamp(&name).await?.map(Stamp::fingerprint).as_ref() == Some(read) {
                self.move_to(folder, &name, &pending.md5).await?;
            }
        }
        Ok(())
    }

    /// Moves a file to another folder, under a name that is not in use there.
    async fn move_to(&mut self, folder: &str, name: &str, md5: &Fingerprint) -> Result<(), Fault> {
        for n in 0..MAX_NAMES {
            let to = Path::new(folder).join(unused_name(name, md5, n));
            if self.rename(name, &to).await? == RenameOutcome::Done {
                return Ok(());
            }
        }
        Err(Fault::stopped(format!("{name}: too many files of this name were moved already"))
            .remedy("clear the folders `archive` and `error`"))
    }

    /// Ends the session: a server has few of them.
    pub(crate) fn close(&mut self) {
        if let Backend::Sftp(sftp) = &mut self.backend {
            sftp.close();
        }
    }
}

impl Stamp {
    /// The stamp as a short hash, for the cursor.
    pub(crate) fn fingerprint(self) -> Fingerprint {
        Fingerprint::of(&format!("{} {}", self.n_bytes, self.modified))
    }
}

/// The kind of a directory entry.
enum EntryKind {
    File(Stamp),
    Folder,
    Other,
}

impl Listing {
    fn add(&mut self, name: String, kind: EntryKind) {
        // Hidden files, and `.` and `..`, are ignored.
        if name.starts_with('.') {
            return;
        }
        match kind {
            EntryKind::Folder => {}
            EntryKind::File(stamp) if is_plain(&name) => self.files.push((name, stamp)),
            EntryKind::File(_) | EntryKind::Other => self.irregular.push(name),
        }
    }
}

/// The `n`th name to try: after the first one, with a part of the hash of the content.
fn unused_name(name: &str, md5: &Fingerprint, n: u32) -> String {
    match n {
        0 => name.to_owned(),
        1 => format!("{name}.{}", md5.0),
        n => format!("{name}.{}.{n}", md5.0),
    }
}

/// Runs `work` on a thread that may block. If the caller is dropped, the work runs to its end and its
/// result is lost: the next read does it again.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| {
        Fault::stopped("reading a file ended with a panic: this is a defect of the program")
    })
}

/// The fault for an error of a disk: that of the file, or that of temporary files.
pub(crate) fn disk(error: io::Error) -> Fault {
    Fault::transient("a file cannot be read, or a temporary file cannot be written")
        .because(error)
        .remedy("check the disk of the folder, and free space on the disk of temporary files")
}
