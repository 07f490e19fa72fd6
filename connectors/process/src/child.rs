//! A program under guard: limited memory, an environment of its own, and nothing of it left behind.
//!
//! Limits are set by the shell that then becomes the program (`ulimit`, POSIX): they hold from its
//! first instruction on and for everything it starts, without unsafe code and without a control
//! group. It gets no variable of the gateway beyond the few below: those hold keys and passwords.

mod log;

pub(crate) use log::presentable;

use std::{
    ffi::{OsStr, OsString},
    process::Stdio,
};

use contract::Fault;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use crate::plan::Plan;

/// What a program may know of where it runs.
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

/// No core file: it would hold what the program held. 125 when a limit cannot be set.
const GUARD: &str = r#"ulimit -c 0 && ulimit -v "$0" || exit 125; exec "$@""#;

/// A running program. Dropping it kills it and all it has started.
pub(crate) struct Child {
    process: Process,
    group: Option<Pid>,
    /// Writes its standard error to the log.
    _log: JoinSet<()>,
}

/// A program and the two ends of its pipes.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
}

impl Child {
    /// Starts the program of `plan` with further arguments.
    pub(crate) fn start(plan: &Plan, arguments: &[OsString]) -> Result<Started, Fault> {
        let failed = |what: &str| Fault::stopped(what).at(plan.place());
        let mut command = Command::new("sh");
        command
            .args(["-c", GUARD])
            .arg((plan.memory / 1024).to_string())
            .args(&plan.command)
            .args(arguments)
            .current_dir(&plan.folder)
            .env_clear()
            .envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| {
            failed("the program cannot be started").because(error).remedy("look at `command`")
        })?;
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let mut log = JoinSet::new();
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed("the program has no pipes"));
        };
        log.spawn(log::copy(errors, plan.channel.clone()));
        Ok(Started { child: Self { process, group, _log: log }, input, output })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits for its end, which its closed output has announced, and says how it was.
    pub(crate) async fn ended(&mut self) -> Ending {
        let status = self.process.wait().await.ok();
        match status.and_then(|status| status.code()) {
            Some(0) => Ending::Well,
            Some(125) => Ending::Badly("its memory limit cannot be set".to_owned()),
            Some(126 | 127) => Ending::Badly("there is no such program".to_owned()),
            Some(code) => Ending::Badly(format!("it ended with exit code {code}")),
            None => Ending::Badly("it was killed".to_owned()),
        }
    }
}

/// How a program ended.
pub(crate) enum Ending {
    /// With exit code 0.
    Well,
    /// Otherwise; the text says how.
    Badly(String),
}

impl Drop for Child {
    fn drop(&mut self) {
        // The group keeps its number while one of its processes lives. It may be gone already.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// An argument that names a file.
pub(crate) fn option(name: &str, file: &OsStr) -> [OsString; 2] {
    [OsString::from(name), file.to_owned()]
}
