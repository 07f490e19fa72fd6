//! The real binary as a child process, read line by line.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use anyhow::Context;

use crate::{server_process::signal, world::World};

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
        format!("{variable} names no server: run `cargo xtask test`, which starts one")
    })
}

/// A running `tonghui run`.
pub struct Gateway {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
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
        let mut child = command()?
            .args(["run", "--role", role, "--config"])
            .arg(world.config())
            .envs(world.environment())
            .env("TONGHUI_LOG", "info,sqlx=error,tonghui=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("standard error was not piped")?;
        Ok(Self { child, lines: BufReader::new(stderr).lines() })
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
        Ok(self.lines.next().transpose()?)
    }

    /// Kills it (SIGKILL) and gives the last verb it had logged by then, at least `seen`.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(mut self, seen: &'static str) -> anyhow::Result<&'static str> {
        self.child.kill()?;
        let mut last = seen;
        // The last line may be torn in the middle of a character.
        for line in self.lines.by_ref() {
            last = line.ok().as_deref().and_then(event).unwrap_or(last);
        }
        self.child.wait()?;
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
