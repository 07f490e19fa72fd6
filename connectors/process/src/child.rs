//! Runs a program with limits and few environment variables. All processes that it starts end with it, or
//! when the next program starts, if the gateway was killed.
//!
//! A shell sets the limits (`ulimit`, POSIX) and then replaces itself with the program. So the limits hold
//! from the first instruction on, and for everything that the program starts, without unsafe code or a
//! control group. The program gets only the variables below and the name of the gateway (`orphans.rs`): other
//! variables of the gateway contain keys and passwords.

mod descendants;
mod log;
mod orphans;

pub use descendants::protect;
pub(crate) use log::{readable_text, without_secrets};

use std::{ffi::OsString, process::Stdio};

use contract::Fault;
use rustix::process::Pid;
use tokio::{
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use crate::plan::Plan;

/// The environment variables of the gateway that a program gets.
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

/// Sets the limits and replaces the shell with the program. The exit code is 125 if the one of memory cannot
/// be set. There is no core file, because it would contain the memory of the program. A file may have 1 GiB,
/// and 1,024 files may be open; 4,096 processes of the user stop one that multiplies (dash calls that `-p`).
/// Processor time has no limit: a plugin runs for months, and each answer has its `timeout`.
///
/// A gateway that runs as root would start programs that may read the memory of every process: they lose the
/// rights of root, except those about files and users.
const START_SCRIPT: &str = r#"
ulimit -c 0 && ulimit -v "$0" || exit 125
{
    ulimit -f 2097152
    ulimit -n 1024
    (ulimit -u 4096) && ulimit -u 4096 || ulimit -p 4096
    if [ "$(id -u)" = 0 ]; then
        rights=-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid
        setpriv --bounding-set="$rights" true && set -- setpriv --bounding-set="$rights" "$@"
    fi
} 2>/dev/null
exec "$@""#;

/// A running program. Dropping it kills the program and everything that it has started.
pub(crate) struct Child {
    process: Process,
    /// Its process group, which contains everything that it starts.
    group: Option<Pid>,
    /// The task that copies its standard error to the log.
    _log: JoinSet<()>,
}

impl Child {
    /// Starts the program of `plan` with additional arguments. Returns it with its standard input and
    /// output.
    pub(crate) fn start(
        plan: &Plan,
        arguments: &[OsString],
    ) -> Result<(Self, ChildStdin, ChildStdout), Fault> {
        let mut command = Command::new("sh");
        command
            .args(["-c", START_SCRIPT])
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
        let mut process = descendants::start(&mut command).map_err(|error| {
            plan.stopped("the program cannot be started").because(error).remedy("check `command`")
        })?;
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let mut log = JoinSet::new();
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(plan.stopped("the program has no pipes"));
        };
        let secrets = plan.config.secrets.clone();
        log.spawn(log::copy(errors, plan.context.channel.clone(), secrets));
        Ok((Self { process, group, _log: log }, input, output))
    }

    /// Whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits until the program ends, after it has closed its output. The error says how it failed.
    pub(crate) async fn wait(&mut self) -> Result<(), String> {
        let status = self.process.wait().await.ok();
        Err(match status.and_then(|status| status.code()) {
            Some(0) => return Ok(()),
            Some(125) => "the limit `memory` cannot be set".to_owned(),
            Some(126 | 127) => "there is no such program".to_owned(),
            Some(code) => format!("the program ended with exit code {code}"),
            None => "the program was killed".to_owned(),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            descendants::kill(group, self.process.id().is_some());
        }
    }
}
