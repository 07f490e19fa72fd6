//! The folders of the servers, and the system users that they run as.
//!
//! PostgreSQL refuses to run as root. So if xtask runs as root, each server runs as the system user that
//! its Debian package created, in a folder that belongs to that user.

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

use crate::{run::output_of, setup::is_root};

/// The folder with the folders of all servers.
pub(crate) struct Folder {
    root: PathBuf,
    /// Removes the folder when dropped, if it is temporary.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// A temporary folder for one run.
    pub(crate) fn temporary() -> Result<Self> {
        // $TMPDIR is not used: other users may have no access to it, and the path of a socket in it
        // could be longer than the allowed 107 bytes.
        let temporary = tempfile::Builder::new().prefix("tonghui-test-").tempdir_in("/tmp")?;
        Ok(Self { root: Self::permanent(temporary.path())?.root, _temporary: Some(temporary) })
    }

    /// A permanent folder: a server that starts there again uses the same data.
    pub(crate) fn permanent(path: &Path) -> Result<Self> {
        let root = std::path::absolute(path)?;
        fs::create_dir_all(&root)?;
        fs::set_permissions(&root, Permissions::from_mode(0o711))?;
        Ok(Self { root, _temporary: None })
    }

    /// Creates the folder `name` for one server, which runs as the system user `user` if xtask runs as root.
    pub(crate) fn server_home(&self, name: &str, user: &'static str) -> Result<Home> {
        let path = self.root.join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        let user = if is_root() {
            let (user, group) = (numeric_id("-u", user)?, numeric_id("-g", user)?);
            chown(&path, Some(user), Some(group))?;
            Some((user, group))
        } else {
            None
        };
        Ok(Home { path, user })
    }
}

/// The folder of one server.
pub(crate) struct Home {
    path: PathBuf,
    /// Ids of the user and the group that the server runs as; `None` for the user of xtask.
    user: Option<(u32, u32)>,
}

impl Home {
    /// The path of the file `name` in this folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The content of the file `name`. If the file does not exist, this writes the result of `create` to it.
    pub(crate) fn load_or_create(
        &self,
        name: &str,
        create: impl FnOnce() -> Result<String>,
    ) -> Result<String> {
        let path = self.join(name);
        if !path.exists() {
            self.write(name, &create()?)?;
        }
        Ok(fs::read_to_string(path)?)
    }

    /// Writes the file `name`, which only the server's user can read. Returns its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(path)
    }

    /// A command for a short-lived tool, which runs in this folder as the server's user.
    pub(crate) fn tool(&self, program: &Path) -> Command {
        self.server("KILL", program)
    }

    /// A command that runs a server in this folder as the server's user. The kernel sends `stop_signal` to
    /// the server when xtask ends, even by `kill -9`, so no server keeps running.
    pub(crate) fn server(&self, stop_signal: &str, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", stop_signal]);
        if let Some((user, group)) = self.user.map(|(u, g)| (u.to_string(), g.to_string())) {
            command.args(["--reuid", &user, "--regid", &group, "--init-groups"]);
        }
        // The log must be in English, because xtask searches it for the message that says ready.
        command.arg("--").arg(program).current_dir(&self.path).env("LC_ALL", "C");
        command
    }
}

/// A TCP port that is free now.
pub(crate) fn free_port() -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port().to_string())
}

/// A random password.
pub(crate) fn password() -> Result<String> {
    let mut bytes = [0_u8; 12];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The id of a user (option `-u`) or of its primary group (option `-g`).
fn numeric_id(option: &str, user: &str) -> Result<u32> {
    Ok(output_of(Command::new("id").args([option, user]))?.trim().parse()?)
}
