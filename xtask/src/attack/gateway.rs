//! The gateway that is attacked: a configuration folder of its own, its commands, and its service.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::{http, pause, wait_until};
use crate::{
    cases::ask_sqlite,
    run::{is_interrupted, send_signal},
    servers::free_port,
};

/// The bound of the memory of every process: 1.3 times `limits.memory`, and 64 MiB.
pub(super) const BOUND_KIB: u64 = MEMORY_MIB * 1024 * 13 / 10 + 64 * 1024;
/// `limits.memory` of the gateway.
const MEMORY_MIB: u64 = 256;
/// A command that takes more memory than this is killed, before the machine has none left.
const KILL_ABOVE_KIB: u64 = 3 << 20;
const KILL_AFTER: Duration = Duration::from_secs(60);

/// How long a service may take to start, and to stop.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The tokens of push channels, and that of the console.
pub(super) const TOKEN: &str = "token-of-a-pushing-channel";
const OTHER_TOKEN: &str = "token-of-the-other-channel";
pub(super) const CONSOLE_TOKEN: &str = "token-of-the-console-clients";

/// The channel that is watched while something happens to the gateway.
pub(super) const OTHER: &str = "other";

/// A channel that receives demands.
pub(super) const WEBHOOK: &str = r#"
connector = "webhook"
[schedule]
every = "1h"
[webhook]
auth = { bearer = { file = "push.token" } }
key = "$.id"
revision = "$.updated"
[demand]
source_no = "$.id"
title = { at = "$.title", clean = "html" }
content = { at = "$.content", clean = "html" }
received_at = { at = "$.created", as = "datetime" }
people = [{ role = "main", name = "$.person", phone = "$.phone" }]
"#;

/// The file of a channel that is polled, with these lines in the section of its connector.
pub(super) fn polled(connector: &str, lines: &str) -> String {
    format!(
        "connector = \"{connector}\"\n[schedule]\nevery = \"1h\"\n[{connector}]\n{lines}\n\
         [demand]\nsource_no = \"$.id\"\ntitle = \"$.title\"\n"
    )
}

/// A gateway with an empty store. Its folder is removed when it is dropped.
pub(super) struct Gateway {
    program: PathBuf,
    folder: TempDir,
    pub(super) intake: u16,
    pub(super) console: u16,
    /// Environment variables for all its processes.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// How a command ended.
pub(super) struct Ended {
    /// Its exit code; `None` if it had to be killed.
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(super) text: String,
    /// The greatest memory it had.
    pub(super) kib: u64,
    pub(super) took: Duration,
}

impl fmt::Display for Ended {
    /// The code, the time, and the first line that was printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let code = self.code.map_or("killed".to_owned(), |code| format!("exit code {code}"));
        write!(f, "{code} in {:.1} s: {said}", self.took.as_secs_f64())
    }
}

impl Gateway {
    pub(super) fn new(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-attack-").tempdir_in("/tmp")?;
        let (intake, console) = (free_port()?.parse()?, free_port()?.parse()?);
        let program = program.to_owned();
        let gateway = Self { program, folder, intake, console, variables: Vec::new() };
        let config = gateway.config();
        let ended = gateway.run(&["init", &config.to_string_lossy()])?;
        ensure!(ended.code == Some(0), "`init` failed: {}", ended.text);
        gateway.write("push.token", format!("{TOKEN}\n"))?;
        gateway.write("console.token", format!("{CONSOLE_TOKEN}\n"))?;
        gateway.set("")?;
        Ok(gateway)
    }

    /// Writes gateway.toml with these sections, and the usual ones beside them.
    pub(super) fn set(&self, sections: &str) -> Result<()> {
        let Self { intake, console, .. } = self;
        let mut text = format!(
            "zone = \"Asia/Shanghai\"\n[keys]\nfile = \"data/keys.json\"\n\
             [limits]\nmemory = \"{MEMORY_MIB}MiB\"\ngrace = \"5s\"\n{sections}\n"
        );
        for (section, lines) in [
            ("[store]", "sqlite = \"data/tonghui.db\"".to_owned()),
            ("[intake]", format!("listen = \"127.0.0.1:{intake}\"")),
            (
                "[console]",
                format!("listen = \"127.0.0.1:{console}\"\ntoken = {{ file = \"console.token\" }}"),
            ),
        ] {
            if !sections.contains(section) {
                text += &format!("{section}\n{lines}\n");
            }
        }
        self.write("gateway.toml", text)
    }

    /// Writes the file of a channel.
    pub(super) fn channel(&self, name: &str, text: &str) -> Result<()> {
        self.write(&format!("channels/{name}/channel.toml"), format!("name = \"{name}\"\n{text}"))
    }

    /// Writes the file of the channel [`OTHER`]. No two channels may read the same source, so it has a secret of its
    /// own.
    pub(super) fn other_channel(&self) -> Result<()> {
        self.write("other.token", OTHER_TOKEN)?;
        self.channel(OTHER, &WEBHOOK.replace("push.token", "other.token"))
    }

    /// Writes a file of the configuration folder.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(path, content).with_context(|| name.to_owned())
    }

    /// The path of a file of the configuration folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.config().join(name)
    }

    /// What the service has logged.
    pub(super) fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.path().join("log"))?).into_owned())
    }

    /// The first value that the store answers to a query; an empty text if it does not exist yet.
    pub(super) fn ask(&self, query: &str) -> Result<String> {
        let output = ask_sqlite(&self.path("data/tonghui.db"), query).output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(text)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// A command of the gateway. The kernel kills it when this thread ends.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program).args(arguments);
        command.env("TONGHUI_CONFIG", self.config()).env("NO_COLOR", "1");
        command.envs(self.variables.iter().cloned()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command, and kills it if it takes much time or very much memory.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Ended> {
        let path = self.folder.path().join("output");
        let output = File::create(&path)?;
        let mut command = self.command(arguments);
        let mut child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
        let begin = Instant::now();
        let mut kib = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            kib = peak_kib(child.id()).max(kib);
            if begin.elapsed() > KILL_AFTER || kib > KILL_ABOVE_KIB || is_interrupted() {
                child.kill()?;
                child.wait()?;
                break None;
            }
            pause(Duration::from_millis(5));
        };
        ensure!(!is_interrupted(), "interrupted");
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        let code = status.and_then(|status: ExitStatus| status.code());
        Ok(Ended { code, text, kib, took: begin.elapsed() })
    }

    /// Starts the service, and waits until it is ready.
    pub(super) fn start(&self) -> Result<Service> {
        let log = File::create(self.folder.path().join("log"))?;
        let mut command = self.command(&["run"]);
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut service = Service { child };
        let is_ready = wait_until(START_TIMEOUT, || {
            let has_ended = service.child.try_wait()?.is_some();
            ensure!(!has_ended, "the service has ended: {}", self.log()?);
            Ok(http::get(self.console, "/health/ready", None).status == 200)
        })?;
        if !is_ready {
            bail!("the service is not ready: {}", self.log()?);
        }
        Ok(service)
    }

    /// Sends a body to a push channel.
    pub(super) fn push(&self, channel: &str, body: &[u8]) -> http::Answer {
        let token = if channel == OTHER { OTHER_TOKEN } else { TOKEN };
        let authorization = format!("Authorization: Bearer {token}");
        http::post(self.intake, &format!("/intake/{channel}"), &[&authorization], body)
    }
}

/// The running service of a gateway. Dropping it stops it.
pub(super) struct Service {
    child: Child,
}

impl Service {
    /// The greatest memory it has had so far.
    pub(super) fn peak_kib(&self) -> u64 {
        peak_kib(self.child.id())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        send_signal("TERM", &self.child.id().to_string());
        let has_ended = wait_until(STOP_TIMEOUT, || Ok(self.child.try_wait()?.is_some()));
        if !has_ended.unwrap_or_default() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The greatest memory that a process has had, in KiB; 0 if it has ended.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    status.ok().and_then(|text| high_water(&text)).unwrap_or_default()
}

/// The value of `VmHWM` in the status of a process.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_memory_stands_in_the_status_of_a_process() {
        assert_eq!(
            high_water("Name:\ta\nVmPeak:\t 9 kB\nVmHWM:\t    4321 kB\nVmRSS:\t 1 kB\n"),
            Some(4321)
        );
        assert_eq!(high_water("Name:\tzombie\n"), None);
        assert!(peak_kib(std::process::id()) > 0);
        assert_eq!(BOUND_KIB / 1024, 396);
    }
}
