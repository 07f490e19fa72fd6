//! The SFTP server of the tests: that of OpenSSH.
//!
//! If it does not run as root, only the user that it runs as can log in, with a key: that is all the
//! tests need. Tests write files directly into its folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{
    Server,
    folder::{Folder, Home, free_port},
    process::Process,
};
use crate::run::output_of;

pub(super) const SERVER: &str = "/usr/sbin/sshd";
pub(super) const KEY_MAKER: &str = "/usr/bin/ssh-keygen";

/// Creates keys and an empty folder, and starts the server.
pub(crate) fn start(folder: &Folder) -> Result<Server> {
    let home = folder.home("sftp", "sshd")?;
    let host_key = key(&home, "host_key")?;
    let client_key = key(&home, "client_key")?;
    let authorized = std::fs::read_to_string(client_key.with_extension("pub"))?;
    let authorized = home.write("authorized_keys", &authorized)?;
    let files = home.join("drops");
    if !files.exists() {
        let mut make = home.command("KILL", Path::new("/usr/bin/mkdir"));
        output_of(make.arg("--mode=777").arg(&files))?;
    }
    let port = home.load_or_create("port", free_port)?;
    let settings = home.write("sshd_config", &settings(&port, &host_key, &authorized))?;

    let mut run = home.command("TERM", Path::new(SERVER));
    let run = run.args(["-D", "-e", "-f"]).arg(settings);
    let process = Process::start("sshd", "TERM", run, "Server listening on")?;
    let user = output_of(home.command("KILL", Path::new("/usr/bin/id")).arg("-un"))?;
    let (user, files) = (user.trim(), files.display());
    let variables = vec![
        ("TONGHUI_TEST_SFTP", format!("sftp://{user}@127.0.0.1:{port}{files}")),
        ("TONGHUI_TEST_SFTP_HOST_KEY", fingerprint(&home, &host_key)?),
        ("TONGHUI_TEST_SFTP_KEY", client_key.display().to_string()),
    ];
    Ok(Server::new(process, variables))
}

fn settings(port: &str, host_key: &Path, authorized: &Path) -> String {
    let (host_key, authorized) = (host_key.display(), authorized.display());
    format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey {host_key}\n\
         AuthorizedKeysFile {authorized}\n\
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

/// The path of a private key of this name, which is made if it does not exist.
fn key(home: &Home, name: &str) -> Result<PathBuf> {
    let path = home.join(name);
    if !path.exists() {
        let mut make = home.command("KILL", Path::new(KEY_MAKER));
        output_of(make.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&path))?;
    }
    Ok(path)
}

fn fingerprint(home: &Home, key: &Path) -> Result<String> {
    let mut show = home.command("KILL", Path::new(KEY_MAKER));
    let output = output_of(show.arg("-l").arg("-f").arg(key.with_extension("pub")))?;
    let fingerprint = output.split_whitespace().find(|word| word.starts_with("SHA256:"));
    Ok(fingerprint.context("ssh-keygen shows no fingerprint")?.to_owned())
}
