//! A server of a test's own, to be restarted and killed: `xtask serve` as a child process.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

use crate::gateway_process::binary;

/// A running server. What it holds stays in its folder, and so do its port and password.
pub struct Server {
    child: Child,
    said: BTreeMap<String, String>,
}

impl Server {
    /// Starts it, as before where there is something in `folder`; it answers when this returns.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(name: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(binary("xtask")?)
            .args(["serve", name])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("standard output was not piped")?;
        let mut server = Self { child, said: BTreeMap::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line == "ready" {
                return Ok(server);
            }
            if let Some((name, value)) = line.split_once('=') {
                server.said.insert(name.to_owned(), value.to_owned());
            }
        }
        anyhow::bail!("{name} did not start; what it said stands above")
    }

    /// What it said of itself when it started: addresses, and the number of its process.
    ///
    /// # Errors
    /// It said nothing of that name.
    pub fn said(&self, name: &str) -> anyhow::Result<&str> {
        self.said.get(name).map(String::as_str).with_context(|| format!("it did not say {name}"))
    }

    /// Asks it to stop in good order, and waits until it has.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn stop(mut self) -> anyhow::Result<()> {
        signal("TERM", self.child.id())?;
        self.child.wait()?;
        Ok(())
    }

    /// Kills the server itself (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(mut self) -> anyhow::Result<()> {
        signal("KILL", self.said("pid")?.parse()?)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` there is nobody left to be told.
        let _ = signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

/// Asks a broker of [`Server::start`] as its administrator would.
///
/// # Errors
/// It refuses.
pub fn rabbitmqctl(broker: &Server, arguments: &[&str]) -> anyhow::Result<String> {
    let ended = Command::new(PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmqctl"))
        .args(["--quiet", "--node", broker.said("node")?])
        .args(arguments)
        .env("HOME", broker.said("home")?)
        .env("ERL_EPMD_PORT", broker.said("epmd_port")?)
        .output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    anyhow::ensure!(ended.status.success(), "rabbitmqctl {arguments:?}: {said}");
    Ok(String::from_utf8(ended.stdout)?)
}

/// Sends a signal to a process.
///
/// # Errors
/// There is no such process.
pub fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let sent = Command::new("kill").args(["-s", name]).arg(process.to_string()).status()?;
    anyhow::ensure!(sent.success(), "process {process} is not there");
    Ok(())
}
