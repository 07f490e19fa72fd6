//! An SFTP server for the tests: OpenSSH.
//!
//! It does not run as root, so only its own user can log in. The tests log in with a key; the server also accepts
//! password logins, so that a test can try a wrong one. Files are written directly into the folder that it offers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{
    Server,
    folder::{Folder, Home, free_port},
    process::Process,
};
use crate::run::output_of;

/// The signal that stops the server.
const STOP_SIGNAL: &str = "TERM";

pub(super) const SERVER: &str = "/usr/sbin/sshd";
pub(super) const KEYGEN: &str = "/usr/bin/ssh-keygen";

/// Creates keys and a folder for files if there are none, and starts the server.
pub(crate) fn start(folder: &Folder) -> Result<Server> {
    let home = folder.server_home("sftp", "sshd")?;
    let host_key = key_path(&home, "host_key")?;
    let client_key = key_path(&home, "client_key")?;
    let authorized_keys = std::fs::read_to_string(client_key.with_extension("pub"))?;
    let authorized_keys = home.write("authorized_keys", &authorized_keys)?;
    let files = home.join("drops");
    if !files.exists() {
        // The tests, which run as another user, write files into it.
        let mut mkdir = home.tool(Path::new("/usr/bin/mkdir"));
        output_of(mkdir.arg("--mode=777").arg(&files))?;
    }
    let port = home.load_or_create("port", free_port)?;
    let settings = home.write("sshd_config", &settings(&port, &host_key, &authorized_keys))?;

    let mut command = home.server(STOP_SIGNAL, Path::new(SERVER));
    let command = command.args(["-D", "-e", "-f"]).arg(settings);
    let process = Process::start("sshd", STOP_SIGNAL, command, "Server listening on")?;
    let user = output_of(home.tool(Path::new("/usr/bin/id")).arg("-un"))?;
    let (user, files) = (user.trim(), files.display());
    let variables = vec![
        ("TONGHUI_TEST_SFTP", format!("sftp://{user}@127.0.0.1:{port}{files}")),
        ("TONGHUI_TEST_SFTP_HOST_KEY", fingerprint(&home, &host_key)?),
        ("TONGHUI_TEST_SFTP_KEY", client_key.display().to_string()),
    ];
    Ok(Server::new(process, variables))
}

fn settings(port: &str, host_key: &Path, authorized_keys: &Path) -> String {
    let (host_key, authorized_keys) = (host_key.display(), authorized_keys.display());
    format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey {host_key}\n\
         AuthorizedKeysFile {authorized_keys}\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         PasswordAuthentication yes\n\
         KbdInteractiveAuthentication no\n\
         MaxStartups 200\n\
         MaxSessions 2\n\
         Subsystem sftp internal-sftp\n\
         ForceCommand internal-sftp\n"
    )
}

/// The path of the private key with this name. Creates the key if it does not exist.
fn key_path(home: &Home, name: &str) -> Result<PathBuf> {
    let path = home.join(name);
    if !path.exists() {
        let mut keygen = home.tool(Path::new(KEYGEN));
        output_of(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&path))?;
    }
    Ok(path)
}

/// The SHA-256 fingerprint of the public key beside this private key.
fn fingerprint(home: &Home, key_path: &Path) -> Result<String> {
    let mut keygen = home.tool(Path::new(KEYGEN));
    let output = output_of(keygen.arg("-l").arg("-f").arg(key_path.with_extension("pub")))?;
    let fingerprint = output.split_whitespace().find(|word| word.starts_with("SHA256:"));
    Ok(fingerprint.context("ssh-keygen printed no fingerprint")?.to_owned())
}
