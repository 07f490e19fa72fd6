//! The folder that a channel reads, on this machine or on an SFTP server.
//!
//! Files are only listed, inspected, fetched and renamed, because accounts often have no other
//! rights. A name must be one component of a path, symbolic links are not followed, and the number
//! of names in a listing is limited.

mod address;
mod local;
mod sftp;

use std::{fs::File, io, path::Path, sync::Arc};

use contract::{ConnectorContext, Fault, Gate};

use self::{address::Address, local::Local, sftp::Sftp};
use crate::{
    config::Config,
    cursor::{Fingerprint, MovedFile, PendingMove},
    manifest,
    options::Options,
    selection::is_safe,
};

/// The maximum number of new names that are tried for a file, if names are in use.
const MAX_NAME_TRIES: u32 = 100;

/// A folder, and the gate that limits requests to it.
pub(crate) struct Folder {
    gate: Arc<dyn Gate>,
    backend: Backend,
}

/// How the folder is accessed.
enum Backend {
    Local(Local),
    Sftp(Box<Sftp>),
}

/// The size and modification time of a file, which show whether it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SizeAndTime {
    pub(crate) n_bytes: u64,
    /// Nanoseconds since 1970; whole seconds on an SFTP server.
    pub(crate) modified: i128,
    /// When the file, its name or its rights were changed: unlike `modified`, no program can set this.
    /// Nanoseconds since 1970; 0 on an SFTP server, which does not say it.
    pub(crate) changed: i128,
}

/// The content of the folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Regular files.
    pub(crate) files: Vec<(String, SizeAndTime)>,
    /// Names of links and devices, and names that are not safe to use.
    pub(crate) irregular: Vec<String>,
    /// Whether the folder may contain more names than were listed.
    pub(crate) is_truncated: bool,
}

/// The result of a rename.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RenameOutcome {
    Done,
    NameInUse,
}

impl Folder {
    /// Checks the address and the login settings. Uses no network.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Self, Fault> {
        let backend = match Address::parse(config.url.expose())? {
            Address::Local(folder) => Backend::Local(Local::new(folder, config.listing as usize)),
            Address::Sftp(address) => Backend::Sftp(Box::new(Sftp::new(address, config)?)),
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

    /// The size and time of a regular file; `None` if there is no such file.
    pub(crate) async fn size_and_time(&mut self, name: &str) -> Result<Option<SizeAndTime>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.size_and_time(name).await,
            Backend::Sftp(sftp) => sftp.size_and_time(name).await,
        }
    }

    /// The content of a file, as a file on this machine; `None` if the file has changed since
    /// `size_and_time`.
    pub(crate) async fn fetch(
        &mut self,
        name: &str,
        size_and_time: SizeAndTime,
    ) -> Result<Option<File>, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.fetch(name, size_and_time).await,
            Backend::Sftp(sftp) => sftp.fetch(name, size_and_time).await,
        }
    }

    /// Moves a file of the folder to a path that is absolute or relative to the folder.
    pub(crate) async fn rename(&mut self, name: &str, to: &Path) -> Result<RenameOutcome, Fault> {
        let _permit = self.gate.enter().await?;
        match &mut self.backend {
            Backend::Local(local) => local.rename(name, to).await,
            Backend::Sftp(sftp) => sftp.rename(name, to).await,
        }
    }

    /// Moves the file that a batch has finished, and its manifest. Leaves a file that was replaced
    /// since it was read, because the new file is still to be read, and puts a file back to which a program
    /// was writing at this moment. A file that is not found was moved by an earlier call.
    pub(crate) async fn settle(
        &mut self,
        options: &Options,
        pending: &PendingMove,
    ) -> Result<(), Fault> {
        let Some(folder) = options.folder_of_moved(pending.is_error) else { return Ok(()) };
        let current = self.size_and_time(&pending.name).await?.map(SizeAndTime::fingerprint);
        if current.is_some_and(|current| current != pending.state) {
            return Ok(());
        }
        let mut parts = vec![(pending.name.clone(), &pending.state)];
        if let (Some(suffix), Some(state)) = (&options.config.manifest, &pending.manifest_state) {
            let names = manifest::names(&pending.name, suffix);
            parts.extend(names.into_iter().map(|name| (name, state)));
        }
        for (name, state) in parts {
            let before = self.size_and_time(&name).await?;
            if let Some(before) = before.filter(|before| before.fingerprint() == *state) {
                let to = self.move_to(folder, &name, &pending.hash).await?;
                if self.size_and_time(&to).await?.is_some_and(|after| after.differs(before)) {
                    self.put_back(&to, &name).await?;
                }
            }
        }
        Ok(())
    }

    /// Moves a file to another folder, under a name that is not in use there. Returns its new path.
    async fn move_to(
        &mut self,
        folder: &str,
        name: &str,
        hash: &Fingerprint,
    ) -> Result<String, Fault> {
        for n in 0..MAX_NAME_TRIES {
            let to = path_to_try(folder, name, hash, n);
            if self.rename(name, Path::new(&to)).await? == RenameOutcome::Done {
                return Ok(to);
            }
        }
        Err(Fault::stopped(format!("{name}: too many files with this name were moved already"))
            .remedy("remove old files from the folders `archive` and `error`"))
    }

    /// Puts a file back that was moved to `folder` if a program has written to it since it was read: the rest of it
    /// came after the pause that counts as its end. If several moved files have its name, the last one is
    /// meant: the others are older. Returns whether it was put back.
    pub(crate) async fn recheck(&mut self, folder: &str, moved: &MovedFile) -> Result<bool, Fault> {
        let MovedFile { name, hash, n_bytes, modified, is_error: _ } = moved;
        let read = SizeAndTime { n_bytes: *n_bytes, modified: (*modified).into(), changed: 0 };
        let mut last = None;
        for n in 0..MAX_NAME_TRIES {
            let path = path_to_try(folder, name, hash, n);
            let Some(found) = self.size_and_time(&path).await? else { break };
            last = Some((path, found));
        }
        match last {
            Some((path, found)) if found.differs(read) && found.modified >= read.modified => {
                self.put_back(&path, name).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Moves a file back into the folder, where it is read again.
    async fn put_back(&mut self, path: &str, name: &str) -> Result<(), Fault> {
        tracing::warn!(file = name, "it was written to after it was read, and is read again");
        match self.rename(path, Path::new(name)).await? {
            RenameOutcome::Done => Ok(()),
            RenameOutcome::NameInUse => {
                let cause = "the file was written to after it was read and moved, and the folder has another \
                             one of its name";
                Err(Fault::stopped(cause).at(path).remedy(
                    "move it back into the folder under another name, so that all of it is read, and raise \
                     `stable`",
                ))
            }
        }
    }

    /// Closes the SFTP session, if there is one: a server allows few sessions at the same time.
    pub(crate) fn close(&mut self) {
        if let Backend::Sftp(sftp) = &mut self.backend {
            sftp.close();
        }
    }
}

impl SizeAndTime {
    /// The size and time as a short hash, for the cursor.
    pub(crate) fn fingerprint(self) -> Fingerprint {
        Fingerprint::of(&format!("{} {} {}", self.n_bytes, self.modified, self.changed))
    }

    /// Whether a program has written to the file between this and `other`. A move changes only `changed`.
    fn differs(self, other: Self) -> bool {
        (self.n_bytes, self.modified) != (other.n_bytes, other.modified)
    }
}

/// The kind of a directory entry.
enum EntryKind {
    File(SizeAndTime),
    Folder,
    Other,
}

impl Listing {
    /// Adds a directory entry; folders are left out.
    fn add(&mut self, name: String, kind: EntryKind) {
        // Hidden files, `.` and `..` are ignored.
        if name.starts_with('.') {
            return;
        }
        match kind {
            EntryKind::Folder => {}
            EntryKind::File(found) if is_safe(&name) => self.files.push((name, found)),
            EntryKind::File(_) | EntryKind::Other => self.irregular.push(name),
        }
    }
}

/// The `n`th new name to try for a file. `hash` is the fingerprint of its content.
fn name_to_try(name: &str, hash: &Fingerprint, n: u32) -> String {
    match n {
        0 => name.to_owned(),
        1 => format!("{name}.{}", hash.0),
        n => format!("{name}.{}.{n}", hash.0),
    }
}

/// The `n`th new path to try for a file in another folder.
fn path_to_try(folder: &str, name: &str, hash: &Fingerprint, n: u32) -> String {
    Path::new(folder).join(name_to_try(name, hash, n)).to_string_lossy().into_owned()
}

/// Runs `work` on a thread that may block. If the caller is cancelled, the work still runs to its
/// end, but its result is lost, and the next read does it again.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Fault::stopped("reading a file ended with a panic, which is a defect of this program")
            .remedy("report it with the log")
    })
}

/// The fault for an error of the disk that holds the file, or of the disk for temporary files.
pub(crate) fn disk_fault(error: io::Error) -> Fault {
    Fault::transient("a file cannot be read, or a temporary file cannot be written")
        .because(error)
        .remedy("check the disk of the folder, and free space on the disk for temporary files")
}
