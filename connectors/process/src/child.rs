//! A program with limited memory and few environment variables; all its processes end with it.
//!
//! The limits are set by a shell (`ulimit`, POSIX) that then becomes the program: they hold from its
//! first instruction on and for everything it starts, without unsafe code and without a control
//! group. It gets only the variables below: others of the gateway contain keys and passwords.

mod log;

pub(crate) use log::presentable;

use std::{ffi::OsString, process::Stdio};

use contract::Fault;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use crate::plan::Plan;

/// The environment variables that a program gets.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Sets the limits and becomes the program; exit code 125 when a limit cannot be set. No core file:
/// it would contain the memory of the program.
const LIMITED_START: &str = r#"ulimit -c 0 && ulimit -v "$0" || exit 125; exec "$@""#;

/// A running program. Dropping it kills it and everything it has started.
pub(crate) struct Child {
    process: Process,
    group: Option<Pid>,
    /// Writes its standard error to the log.
    _log: JoinSet<()>,
}

impl Child {
    /// Starts the program of `plan` with further arguments. Returns it with its standard input and
    /// output.
    pub(crate) fn start(
        plan: &Plan,
        arguments: &[OsString],
    ) -> Result<(Self, ChildStdin, ChildStdout), Fault> {
        let mut command = Command::new("sh");
        command
            .args(["-c", LIMITED_START])
            .arg((plan.config.memory.0 / 1024).to_string())
            .args(&plan.config.command)
            .args(arguments)
            .current_dir(&plan.context.folder)
            .env_clear()
            .envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| {
            plan.stopped("the program cannot be started").because(error).remedy("check `command`")
        })?;
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let mut log = JoinSet::new();
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(plan.stopped("the program has no pipes"));
        };
        log.spawn(log::copy(errors, plan.context.channel.clone()));
        Ok((Self { process, group, _log: log }, input, output))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits until it ends, after it has closed its output. The error says how it failed.
    pub(crate) async fn wait(&mut self) -> Result<(), String> {
        let status = self.process.wait().await.ok();
        Err(match status.and_then(|status| status.code()) {
            Some(0) => return Ok(()),
            Some(125) => "its memory limit cannot be set".to_owned(),
            Some(126 | 127) => "there is no such program".to_owned(),
            Some(code) => format!("it ended with exit code {code}"),
            None => "it was killed".to_owned(),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The group keeps its number while one of its processes runs. It may have ended already.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
