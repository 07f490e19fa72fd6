//! A server process: ready when it says so, stopped when dropped.
//!
//! Its log is read through a pipe, so nothing polls: the line with *ready* arrives as soon as it is
//! true, and the pipe ends when the server and all its children have ended.

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

const START_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// The number of last lines of its log that are shown if it does not start.
const LAST_LINES: usize = 30;

/// A running server.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// The signal that makes it stop in good order.
    signal: &'static str,
    events: Receiver<Event>,
}

/// What the thread that reads the log reports. The end of the log closes the channel.
#[derive(PartialEq)]
enum Event {
    Ready,
    /// The log ended before that; these were its last lines.
    Ended(Vec<String>),
}

impl Process {
    /// Starts `command` and waits until its log contains `ready`.
    pub(crate) fn start(
        name: &'static str,
        signal: &'static str,
        command: &mut Command,
        ready: &'static str,
    ) -> Result<Self> {
        run::set_running(None)?;
        let (log, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        // `command` holds the writing end of the pipe; while one is open the pipe never ends.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, events) = sync_channel(1);
        thread::spawn(move || follow(log, ready, &sender));
        // From here on, dropping it stops the server, also when this function fails.
        let process = Self { name, child, signal, events };
        match process.events.recv_timeout(START_WITHIN) {
            Ok(Event::Ready) => Ok(process),
            Ok(Event::Ended(lines)) => bail!("{name} ended at once:\n{}", lines.join("\n")),
            Err(_) => bail!("{name} was not ready within {} s", START_WITHIN.as_secs()),
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself, or `period` has passed; true if it has ended.
    pub(crate) fn ended_within(&self, period: Duration) -> bool {
        self.events.recv_timeout(period) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        run::send_signal(self.signal, &self.child.id().to_string());
        let ended = loop {
            match self.events.recv_timeout(STOP_WITHIN) {
                Ok(_) => {}
                Err(error) => break error == RecvTimeoutError::Disconnected,
            }
        };
        if !ended {
            print(format_args!("{} does not stop, killing it", self.name));
            run::send_signal("KILL", &format!("-{}", self.child.id()));
        }
        let _ = self.child.wait();
    }
}

/// Reads the log to its end.
fn follow(log: io::PipeReader, ready: &str, sender: &SyncSender<Event>) {
    let mut is_ready = false;
    let mut last = VecDeque::new();
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if !is_ready && line.contains(ready) {
            is_ready = true;
            let _ = sender.send(Event::Ready);
        }
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    if !is_ready {
        let _ = sender.send(Event::Ended(last.into()));
    }
}
