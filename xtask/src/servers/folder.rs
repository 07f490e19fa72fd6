//! Where servers keep their data, and who they run as.
//!
//! PostgreSQL refuses to run as root, rightly; so where we are root each server runs as the user
//! its package made, in a folder that belongs to that user.

use std::{
    fs::{self, File, Permissions},
    io::Read,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{run::quiet, setup::is_root};

/// The folder of servers.
pub(crate) struct Folder {
    root: PathBuf,
    /// The temporary folder of one run; it is removed when dropped.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// For one run.
    pub(crate) fn create() -> Result<Self> {
        // Not $TMPDIR: that may be closed to other users, and socket paths must stay short (107
        // bytes).
        let temporary = tempfile::Builder::new().prefix("tonghui-test-").tempdir_in("/tmp")?;
        Ok(Self { root: Self::at(temporary.path())?.root, _temporary: Some(temporary) })
    }

    /// One that stays: a server that is started there again goes on where it was.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let root = std::path::absolute(path)?;
        fs::create_dir_all(&root)?;
        fs::set_permissions(&root, Permissions::from_mode(0o711))?;
        Ok(Self { root, _temporary: None })
    }

    /// A place of its own for one server, which runs as `user` where we are root.
    pub(crate) fn home(&self, name: &str, user: &'static str) -> Result<Home> {
        let path = self.root.join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        let user = if is_root() {
            let (user, group) = (number("-u", user)?, number("-g", user)?);
            chown(&path, Some(user), Some(group))?;
            Some((user, group))
        } else {
            None
        };
        Ok(Home { path, user })
    }
}

/// A server's place.
pub(crate) struct Home {
    path: PathBuf,
    /// Its numbers and its group's.
    user: Option<(u32, u32)>,
}

impl Home {
    /// A path in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What was made here by that name, or what is `made` now.
    pub(crate) fn keep(&self, name: &str, made: impl FnOnce() -> Result<String>) -> Result<String> {
        let path = self.join(name);
        if !path.exists() {
            self.write(name, &made()?)?;
        }
        Ok(fs::read_to_string(path)?)
    }

    /// Writes a file that the server may read and nobody else.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(path)
    }

    /// A command that runs here as the server's user. It gets `signal` when we die, however we
    /// die: not even `kill -9` leaves a server behind.
    pub(crate) fn command(&self, signal: &str, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", signal]);
        if let Some((user, group)) = self.user.map(|(u, g)| (u.to_string(), g.to_string())) {
            command.args(["--reuid", &user, "--regid", &group, "--init-groups"]);
        }
        // Messages in English: we wait for one of them.
        command.arg("--").arg(program).current_dir(&self.path).env("LC_ALL", "C");
        command
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port().to_string())
}

/// A password for one run.
pub(crate) fn password() -> Result<String> {
    let mut bytes = [0_u8; 12];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The number of a user (`-u`) or of its group (`-g`).
fn number(option: &str, user: &str) -> Result<u32> {
    Ok(quiet(Command::new("id").args([option, user]))?.trim().parse()?)
}
