//! Runs commands, one at a time, and keeps their output. Ctrl-C and SIGTERM end the command that is
//! running, and nothing else.
//!
//! The main thread then sees that command fail and leaves by its ordinary way out, where the guards
//! stop the servers and remove their folder. There is no second path for cleaning up.
//!
//! Each command is a process group of its own, so that an interrupt reaches its children too and
//! does not reach the servers, which other guards stop in their turn.

use std::{
    borrow::BorrowMut,
    fmt,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// The output of a command, and whether it succeeded.
pub(crate) struct Said {
    /// It exited with 0.
    pub(crate) ok: bool,
    /// Standard output and error, in order of arrival.
    pub(crate) text: String,
}

/// Runs a command and shows its output as it comes.
pub(crate) fn shown(mut command: impl BorrowMut<Command>) -> Result<Said> {
    execute(command.borrow_mut(), echo)
}

/// Runs a command that must succeed and shows its output as it comes.
pub(crate) fn must(command: impl BorrowMut<Command>) -> Result<()> {
    let name = describe(command.borrow());
    if shown(command)?.ok {
        return Ok(());
    }
    bail!("`{name}` failed, see above")
}

/// Runs a command that must succeed; its output is shown only if it does not.
pub(crate) fn quiet(mut command: impl BorrowMut<Command>) -> Result<String> {
    let name = describe(command.borrow());
    let said = execute(command.borrow_mut(), |_| {})?;
    if said.ok {
        return Ok(said.text);
    }
    bail!("`{name}` failed:\n{}", said.text.trim_end())
}

/// A cargo command in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// Builds the programs named, with the features of the suite: what the suite has built is not built
/// again.
pub(crate) fn build(programs: &[&str]) -> Result<()> {
    let mut command = cargo(&["build", "--locked", "--quiet", "--workspace"]);
    command.args(programs.iter().flat_map(|program| ["--bin", program]));
    // Cargo counts the features of development dependencies only where examples or tests are built.
    must(command.arg("--examples"))
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Writes one line to the user.
///
/// Not `println!`: a closed standard output (`cargo xtask test | head`) would make it panic half-way
/// and leave servers behind. Here nobody listens, and the exit code still tells.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    echo(format!("{line}\n").as_bytes());
}

fn echo(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn execute(command: &mut Command, mut each_line: impl FnMut(&[u8])) -> Result<Said> {
    watch(None)?;
    let name = describe(command);
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn().with_context(|| format!("`{name}` cannot be started"))?;
    // Our copies of the writing end live in `command`: while one is open the pipe never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let armed = watch(Some(child.id()));
    let text = read(reader, &mut each_line);
    let status = child.wait();
    watch(None)?;
    armed?;
    Ok(Said { ok: status?.success(), text: text? })
}

fn read(reader: io::PipeReader, each_line: &mut impl FnMut(&[u8])) -> Result<String> {
    let mut reader = BufReader::new(reader);
    let mut text = String::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each_line(&line);
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(text)
}

/// The command as a person would type it, environment aside.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

static STOPPING: AtomicBool = AtomicBool::new(false);
/// Process group of the command that is running.
static RUNNING: Mutex<Option<u32>> = Mutex::new(None);

/// Takes the signals over. The first asks the running command to end, the second kills it.
pub(crate) fn arm() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let again = STOPPING.swap(true, Ordering::SeqCst);
            if let Some(group) = *running() {
                send(if again { "KILL" } else { "TERM" }, &format!("-{group}"));
            }
        }
    });
    Ok(())
}

/// Whether a signal came.
pub(crate) fn is_asked() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// Names the process group that a signal shall end, or none.
///
/// # Errors
/// A signal came already. It is asked after the group is set, so that none falls in between.
pub(crate) fn watch(group: Option<u32>) -> Result<()> {
    *running() = group;
    let stopping = STOPPING.load(Ordering::SeqCst);
    if stopping && let Some(group) = group {
        send("TERM", &format!("-{group}"));
    }
    ensure!(!stopping, "interrupted");
    Ok(())
}

/// Sends a signal to a process, or to a group where `target` is a negative number. By the shell,
/// which every machine has; `/bin/kill` is a package.
pub(crate) fn send(signal: &str, target: &str) {
    let script = "kill -s \"$0\" -- \"$1\" 2>/dev/null";
    let _ = Command::new("sh").args(["-c", script, signal, target]).status();
}

fn running() -> std::sync::MutexGuard<'static, Option<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
