//! The real binary as a child process, read line by line; and servers of a test's own, to be
//! restarted and killed: `xtask serve` as a child process.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, ErrorKind},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::world::World;

/// The eight verbs as their log events name them, in the order of the embedded gateway.
pub const EVENTS: [&str; 8] =
    ["read", "packed", "taken", "kept", "acked", "confirmed", "advanced", "settled"];

/// `tonghui`, to be told what to do: the binary that stands beside the test's own.
///
/// # Errors
/// It was not built.
pub fn command() -> anyhow::Result<Command> {
    Ok(Command::new(binary("tonghui")?))
}

/// A server that the test command started; its URL stands in this environment variable.
///
/// # Errors
/// There is none: a test that skips itself proves nothing.
pub fn server(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| {
        format!("this test needs a server, which {variable} names: run `cargo xtask with cargo test -p system-tests`")
    })
}

/// A running `tonghui run`.
pub struct Gateway {
    child: Child,
    /// A socket, not a pipe: it can be asked for what is there already.
    says: BufReader<UnixStream>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

impl Gateway {
    /// Starts the binary with every verb logged.
    ///
    /// # Errors
    /// It was not built, or cannot be started.
    pub fn start(world: &World) -> anyhow::Result<Self> {
        Self::start_as(world, "all")
    }

    /// The same for one half of it.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_as(world: &World, role: &str) -> anyhow::Result<Self> {
        Self::start_with(world, role, "info,tonghui=debug")
    }

    /// The same with a log of one's own.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_with(world: &World, role: &str, log: &str) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = command()?
            .args(["run", "--role", role, "--config"])
            .arg(world.config())
            .envs(world.environment())
            .env("TONGHUI_LOG", log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(OwnedFd::from(theirs)))
            .spawn()?;
        Ok(Self { child, says: BufReader::new(ours), begun: Vec::new() })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it logged; `None` once it has ended.
    ///
    /// # Errors
    /// The line is not text.
    pub fn line(&mut self) -> anyhow::Result<Option<String>> {
        self.says.read_until(b'\n', &mut self.begun)?;
        let line = String::from_utf8(std::mem::take(&mut self.begun))?;
        Ok((!line.is_empty()).then_some(line))
    }

    /// Kills it (SIGKILL) right after it has logged `verb`, if that can be: between its line and our
    /// signal it runs on. So it is held first, and where its last line shows that it is further
    /// already, it may go on until it logs `verb` again. Gives the last verb it logged.
    ///
    /// # Errors
    /// It cannot be killed, or ended by itself.
    pub fn kill_after(mut self, verb: &'static str) -> anyhow::Result<&'static str> {
        const TRIES: usize = 50;
        let pid = Pid::from_child(&self.child);
        let mut n_tries = 0;
        loop {
            n_tries += 1;
            kill_process(pid, Signal::STOP)?;
            waitpid(Some(pid), WaitOptions::UNTRACED)?;
            let last = self.said()?.unwrap_or(verb);
            if last == verb || n_tries == TRIES {
                self.child.kill()?;
                self.child.wait()?;
                return Ok(last);
            }
            kill_process(pid, Signal::CONT)?;
            while event(&self.line()?.context("the gateway ended by itself")?) != Some(verb) {}
        }
    }

    /// The last verb among the lines that are there already.
    fn said(&mut self) -> anyhow::Result<Option<&'static str>> {
        self.says.get_ref().set_nonblocking(true)?;
        let mut last = None;
        loop {
            match self.says.read_until(b'\n', &mut self.begun) {
                Ok(0) => break,
                Ok(_) => {
                    let line = String::from_utf8(std::mem::take(&mut self.begun))?;
                    last = event(&line).or(last);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.says.get_ref().set_nonblocking(false)?;
        Ok(last)
    }

    /// Asks it to stop (SIGTERM) and waits until it has ended well.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn stop(mut self) -> anyhow::Result<()> {
        signal("TERM", self.id()).context("the gateway had ended by itself")?;
        while self.line()?.is_some() {}
        let ended = self.child.wait()?;
        anyhow::ensure!(ended.success(), "the gateway ended with {ended}");
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // After `stop` or `kill` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The verb that a log line is about.
pub fn event(line: &str) -> Option<&'static str> {
    if !line.contains("DEBUG tonghui: ") {
        return None;
    }
    let said = line.split("tonghui: ").nth(1)?;
    EVENTS.into_iter().find(|event| said.split(' ').next() == Some(event))
}

/// A program of the workspace: it stands where this program stands, or one folder above (`deps`).
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    found.into_iter().find(|path| path.is_file()).with_context(|| {
        format!("{name} was not built: run `cargo build --workspace` (with the same profile) first")
    })
}

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
