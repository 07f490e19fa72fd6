//! A server process. It is ready when its log says so; dropping the [`Process`] stops it.
//!
//! A thread reads the log through a pipe, so no polling is needed: the line that says *ready* arrives at
//! once, and the pipe ends when the server and all its child processes have ended.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::run::{self, print};

const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum number of log lines in the error if a server does not start.
const MAX_LAST_LINES: usize = 30;

/// A running server.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// The name of the signal that makes the server stop cleanly, such as `TERM`.
    stop_signal: &'static str,
    events: Receiver<Event>,
}

/// What the thread that reads the log reports. At the end of the log it closes the channel.
#[derive(PartialEq)]
enum Event {
    /// The server is ready.
    Ready,
    /// The log ended before the server was ready; these were its last lines.
    Ended(Vec<String>),
}

impl Process {
    /// Starts `command`, and waits until its log contains the text `ready`. `name` is for messages;
    /// dropping the process sends `stop_signal`.
    pub(crate) fn start(
        name: &'static str,
        stop_signal: &'static str,
        command: &mut Command,
        ready: &'static str,
    ) -> Result<Self> {
        run::set_running(None)?;
        let (log, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        // Closes the copies of the pipe's write end in `command`: the log ends only when all are closed.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, events) = sync_channel(1);
        thread::spawn(move || read_log(log, ready, &sender));
        // From here on, any failure drops `process` and so stops the server.
        let process = Self { name, child, stop_signal, events };
        match process.events.recv_timeout(START_TIMEOUT) {
            Ok(Event::Ready) => Ok(process),
            Ok(Event::Ended(lines)) => bail!("{name} failed to start:\n{}", lines.join("\n")),
            Err(_) => bail!("{name} was not ready after {} s", START_TIMEOUT.as_secs()),
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server has ended, but not longer than `period`. Returns whether it has ended.
    pub(crate) fn wait_for_end(&self, period: Duration) -> bool {
        self.events.recv_timeout(period) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        run::send_signal(self.stop_signal, &self.child.id().to_string());
        let has_ended = loop {
            match self.events.recv_timeout(STOP_TIMEOUT) {
                Ok(_) => {}
                Err(error) => break error == RecvTimeoutError::Disconnected,
            }
        };
        if !has_ended {
            print(format_args!("{} did not stop in time: killing it", self.name));
            run::send_signal("KILL", &format!("-{}", self.child.id()));
        }
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, and reports when it contains `ready`.
fn read_log(log: io::PipeReader, ready: &str, sender: &SyncSender<Event>) {
    let mut is_ready = false;
    let mut last = VecDeque::new();
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if !is_ready && line.contains(ready) {
            is_ready = true;
            let _ = sender.send(Event::Ready);
        }
        last.push_back(line);
        if last.len() > MAX_LAST_LINES {
            last.pop_front();
        }
    }
    if !is_ready {
        let _ = sender.send(Event::Ended(last.into()));
    }
}
