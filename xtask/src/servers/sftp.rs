//! An SFTP server of our own: OpenSSH's.
//!
//! A server that is not run by root lets in nobody but the user it runs as, by a key: that is all
//! the tests need. Files are put into its folder from outside, as an office's own program does.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{
    Server,
    folder::{Folder, Home, free_port},
    process::Process,
};
use crate::run::quiet;

const SERVER: &str = "/usr/sbin/sshd";
const KEY_MAKER: &str = "/usr/bin/ssh-keygen";

/// Whether the server's programs are there.
pub(crate) fn is_installed() -> bool {
    Path::new(SERVER).is_file() && Path::new(KEY_MAKER).is_file()
}

/// Makes keys and an empty folder, and starts it.
pub(crate) fn start(folder: &Folder) -> Result<Server> {
    let home = folder.home("sftp", "sshd")?;
    let host_key = key(&home, "host_key")?;
    let client_key = key(&home, "client_key")?;
    let authorized = std::fs::read_to_string(client_key.with_extension("pub"))?;
    let authorized = home.write("authorized_keys", &authorized)?;
    let drops = home.join("drops");
    if !drops.exists() {
        let mut make = home.command("KILL", Path::new("/usr/bin/mkdir"));
        make.arg("--mode=777").arg(&drops);
        quiet(make)?;
    }
    let port = home.keep("port", free_port)?;
    let settings = home.write("sshd_config", &settings(&port, &host_key, &authorized))?;

    let mut run = home.command("TERM", Path::new(SERVER));
    run.args(["-D", "-e", "-f"]).arg(settings);
    let process = Process::start("sshd", "TERM", run, "Server listening on")?;
    let mut whoami = home.command("KILL", Path::new("/usr/bin/id"));
    whoami.arg("-un");
    let user = quiet(whoami)?;
    let (user, drops) = (user.trim(), drops.display());
    let variables = vec![
        ("TONGHUI_TEST_SFTP", format!("sftp://{user}@127.0.0.1:{port}{drops}")),
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

/// The path of a private key of this server.
fn key(home: &Home, name: &str) -> Result<PathBuf> {
    let path = home.join(name);
    if !path.exists() {
        let mut make = home.command("KILL", Path::new(KEY_MAKER));
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&path);
        quiet(make)?;
    }
    Ok(path)
}

fn fingerprint(home: &Home, key: &Path) -> Result<String> {
    let mut show = home.command("KILL", Path::new(KEY_MAKER));
    show.arg("-l").arg("-f").arg(key.with_extension("pub"));
    let said = quiet(show)?;
    let fingerprint = said.split_whitespace().find(|word| word.starts_with("SHA256:"));
    Ok(fingerprint.context("ssh-keygen shows no fingerprint")?.to_owned())
}
