//! Runs the gateway's binary as a child process and reads its log. Also runs `xtask serve`, for tests that
//! restart or kill a server.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, ErrorKind},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::world::World;

/// The log events of the eight verbs, in the order in which the embedded gateway logs them.
pub const EVENTS: [&str; 8] =
    ["read", "packed", "taken", "kept", "acked", "confirmed", "advanced", "settled"];

/// A command that runs `tonghui`, the binary next to that of the test.
///
/// # Errors
/// The binary was not built.
pub fn command() -> anyhow::Result<Command> {
    Ok(Command::new(binary("tonghui")?))
}

/// The URL of a test server, from the environment variable that `cargo xtask with` sets.
///
/// # Errors
/// The variable is not set. The test fails, because a skipped test proves nothing.
pub fn server(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| {
        format!("{variable} is not set: run `cargo xtask with cargo test -p system-tests`, which starts servers")
    })
}

/// A running `tonghui run`.
pub struct Gateway {
    child: Child,
    /// A socket and not a pipe, because a socket can be read without blocking.
    log: BufReader<UnixStream>,
    /// The beginning of a line that is not complete yet.
    partial_line: Vec<u8>,
}

impl Gateway {
    /// Starts the binary. It logs every event of [`EVENTS`].
    ///
    /// # Errors
    /// The binary was not built, or cannot be started.
    pub fn start(world: &World) -> anyhow::Result<Self> {
        Self::start_as(world, "all")
    }

    /// As [`Gateway::start`], with `role` as `--role`.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_as(world: &World, role: &str) -> anyhow::Result<Self> {
        Self::start_with(world, role, "info,tonghui=debug")
    }

    /// As [`Gateway::start_as`], with `log` as the log filter.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_with(world: &World, role: &str, log: &str) -> anyhow::Result<Self> {
        Self::start_in(world, role, log, &world.config())
    }

    /// As [`Gateway::start_with`], with a configuration folder of its own.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_in(world: &World, role: &str, log: &str, config: &Path) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = command()?
            .args(["run", "--role", role, "--config"])
            .arg(config)
            .envs(world.environment())
            .env("TONGHUI_LOG", log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(OwnedFd::from(theirs)))
            .spawn()?;
        Ok(Self { child, log: BufReader::new(ours), partial_line: Vec::new() })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line of the log; `None` after the process has ended.
    ///
    /// # Errors
    /// The line is not UTF-8.
    pub fn line(&mut self) -> anyhow::Result<Option<String>> {
        self.log.read_until(b'\n', &mut self.partial_line)?;
        let line = String::from_utf8(std::mem::take(&mut self.partial_line))?;
        Ok((!line.is_empty()).then_some(line))
    }

    /// Kills the process (SIGKILL) right after it has logged `verb`, if possible. The process continues
    /// between its log line and the signal. So this first stops it (SIGSTOP). If its last line shows that it
    /// has gone further, this lets it continue until it logs `verb` again, and tries again, up to 50 times.
    /// Returns the last verb that the process logged.
    ///
    /// # Errors
    /// The process cannot be killed, or has ended by itself.
    pub fn kill_after(mut self, verb: &'static str) -> anyhow::Result<&'static str> {
        const MAX_TRIES: usize = 50;
        let pid = Pid::from_child(&self.child);
        let mut n_tries = 0;
        loop {
            n_tries += 1;
            kill_process(pid, Signal::STOP)?;
            waitpid(Some(pid), WaitOptions::UNTRACED)?;
            let last = self.last_event()?.unwrap_or(verb);
            if last == verb || n_tries == MAX_TRIES {
                self.child.kill()?;
                self.child.wait()?;
                return Ok(last);
            }
            kill_process(pid, Signal::CONT)?;
            while event(&self.line()?.context("the gateway ended by itself")?) != Some(verb) {}
        }
    }

    /// The last verb among the lines that have arrived.
    fn last_event(&mut self) -> anyhow::Result<Option<&'static str>> {
        self.log.get_ref().set_nonblocking(true)?;
        let mut last = None;
        loop {
            match self.log.read_until(b'\n', &mut self.partial_line) {
                Ok(0) => break,
                Ok(_) => {
                    let line = String::from_utf8(std::mem::take(&mut self.partial_line))?;
                    last = event(&line).or(last);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.log.get_ref().set_nonblocking(false)?;
        Ok(last)
    }

    /// Asks the process to stop (SIGTERM) and waits until it has ended.
    ///
    /// # Errors
    /// It ended with an error.
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
        // After `stop` or `kill_after` there is no process left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The event of [`EVENTS`] that a log line is about; `None` for any other line.
pub fn event(line: &str) -> Option<&'static str> {
    if !line.contains("DEBUG tonghui: ") {
        return None;
    }
    let message = line.split("tonghui: ").nth(1)?;
    EVENTS.into_iter().find(|event| message.split(' ').next() == Some(event))
}

/// The path of a program of the workspace: in the folder of this program, or one folder above (`deps`).
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    found.into_iter().find(|path| path.is_file()).with_context(|| {
        format!("{name} was not built: run `cargo build --workspace` (with the same profile) first")
    })
}

/// A test server that `xtask serve` runs. Its data, port and password stay in its folder.
pub struct Server {
    child: Child,
    /// What it printed when it started, such as its URL.
    properties: BTreeMap<String, String>,
}

impl Server {
    /// Starts a server, with the data that is already in `folder`; returns when it answers.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(name: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(binary("xtask")?)
            .args(["serve", name])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("standard output was not piped")?;
        let mut server = Self { child, properties: BTreeMap::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line == "ready" {
                return Ok(server);
            }
            if let Some((name, value)) = line.split_once('=') {
                server.properties.insert(name.to_owned(), value.to_owned());
            }
        }
        anyhow::bail!("{name} did not start, see its output above")
    }

    /// A value that it printed when it started: a URL, or its process id as `pid`.
    ///
    /// # Errors
    /// It printed no value with this name.
    pub fn property(&self, name: &str) -> anyhow::Result<&str> {
        self.properties
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("no `{name}` printed"))
    }

    /// Asks the server to stop, and waits until it has ended.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn stop(mut self) -> anyhow::Result<()> {
        signal("TERM", self.child.id())?;
        self.child.wait()?;
        Ok(())
    }

    /// Kills the server (SIGKILL), not `xtask`, and waits until both have ended.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn kill(self) -> anyhow::Result<()> {
        self.end_by("KILL")
    }

    /// Sends this signal to the server, not to `xtask`, and waits until both have ended.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn end_by(mut self, name: &str) -> anyhow::Result<()> {
        signal(name, self.property("pid")?.parse()?)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` there is no process left to signal.
        let _ = signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

/// Runs `rabbitmqctl` for a broker of [`Server::start`].
///
/// # Errors
/// The command fails.
pub fn rabbitmqctl(broker: &Server, arguments: &[&str]) -> anyhow::Result<String> {
    let ended = Command::new(PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmqctl"))
        .args(["--quiet", "--node", broker.property("node")?])
        .args(arguments)
        .env("HOME", broker.property("home")?)
        .env("ERL_EPMD_PORT", broker.property("epmd_port")?)
        .output()?;
    let errors = String::from_utf8_lossy(&ended.stderr);
    anyhow::ensure!(ended.status.success(), "rabbitmqctl {arguments:?}: {errors}");
    Ok(String::from_utf8(ended.stdout)?)
}

/// A queue of a broker that somebody else has made. It is asked by a connection of its own: the broker answers at once,
/// while `rabbitmqctl` takes seconds on a busy machine.
pub struct Queue {
    connection: Connection,
    door: Channel,
    name: String,
}

impl Queue {
    /// Connects to the broker with this URL.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn open(url: &str, name: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let door = connection.create_channel().await?;
        Ok(Self { connection, door, name: name.to_owned() })
    }

    /// How many messages wait in it.
    ///
    /// # Errors
    /// There is no such queue, or the broker does not answer.
    pub async fn n_messages(&self) -> anyhow::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.name.as_str().into();
        let declared = self.door.queue_declare(name, passive, FieldTable::default()).await?;
        Ok(declared.message_count())
    }

    /// Deletes it; returns how many messages were in it.
    ///
    /// # Errors
    /// As [`Queue::n_messages`].
    pub async fn delete(self) -> anyhow::Result<u32> {
        let name = self.name.as_str().into();
        let deleted = self.door.queue_delete(name, QueueDeleteOptions::default()).await?;
        self.connection.close(200, "done".into()).await?;
        Ok(deleted)
    }
}

/// Sends a signal to a process.
///
/// # Errors
/// There is no such process.
pub fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let sent = Command::new("kill").args(["-s", name]).arg(process.to_string()).status()?;
    anyhow::ensure!(sent.success(), "process {process} does not exist");
    Ok(())
}
