//! Runs commands, one at a time, and keeps their output. Ctrl-C and SIGTERM end the command that is
//! running, and nothing else.
//!
//! The main thread then sees the command fail and returns as after any failure: the guards stop the
//! servers and remove their folder. There is no second path for cleaning up.
//!
//! Each command is a process group of its own, so that an interrupt reaches its children too and
//! does not reach the servers, which their own guards stop.

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
pub(crate) struct CommandOutput {
    /// It exited with 0.
    pub(crate) ok: bool,
    /// Standard output and error, in order of arrival.
    pub(crate) text: String,
}

/// Runs a command and shows its output as it comes.
pub(crate) fn run_shown(mut command: impl BorrowMut<Command>) -> Result<CommandOutput> {
    execute(command.borrow_mut(), echo)
}

/// Runs a command that must succeed and shows its output as it comes.
pub(crate) fn run(command: impl BorrowMut<Command>) -> Result<()> {
    let name = describe(command.borrow());
    if run_shown(command)?.ok {
        return Ok(());
    }
    bail!("`{name}` failed, see above")
}

/// The output of a command that must succeed; it is shown only if it does not.
pub(crate) fn output_of(mut command: impl BorrowMut<Command>) -> Result<String> {
    let name = describe(command.borrow());
    let output = execute(command.borrow_mut(), |_| {})?;
    if output.ok {
        return Ok(output.text);
    }
    bail!("`{name}` failed:\n{}", output.text.trim_end())
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
    run(command.arg("--examples"))
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Prints one line.
///
/// Not `println!`, which panics if standard output is closed, as by `cargo xtask test | head`. Here the
/// line is dropped, and the exit code still tells the result.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    echo(format!("{line}\n").as_bytes());
}

fn echo(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn execute(command: &mut Command, mut each_line: impl FnMut(&[u8])) -> Result<CommandOutput> {
    set_running(None)?;
    let name = describe(command);
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn().with_context(|| format!("`{name}` cannot be started"))?;
    // Our copies of the writing end live in `command`: while one is open the pipe never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let is_set = set_running(Some(child.id()));
    let text = read(reader, &mut each_line);
    let status = child.wait();
    set_running(None)?;
    is_set?;
    Ok(CommandOutput { ok: status?.success(), text: text? })
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

/// Handles signals from now on: the first one ends the running command, the second one kills it.
pub(crate) fn handle_signals() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let again = STOPPING.swap(true, Ordering::SeqCst);
            if let Some(group) = *running() {
                send_signal(if again { "KILL" } else { "TERM" }, &format!("-{group}"));
            }
        }
    });
    Ok(())
}

/// Whether a signal has arrived.
pub(crate) fn is_interrupted() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// Sets the process group that a signal ends, or none.
///
/// # Errors
/// A signal has arrived already. This is checked after the group is set, so that none is missed.
pub(crate) fn set_running(group: Option<u32>) -> Result<()> {
    *running() = group;
    let stopping = STOPPING.load(Ordering::SeqCst);
    if stopping && let Some(group) = group {
        send_signal("TERM", &format!("-{group}"));
    }
    ensure!(!stopping, "interrupted");
    Ok(())
}

/// Sends a signal to a process, or to a group if `target` is a negative number. It uses the shell,
/// because `/bin/kill` is not on every machine.
pub(crate) fn send_signal(signal: &str, target: &str) {
    let script = "kill -s \"$0\" -- \"$1\" 2>/dev/null";
    let _ = Command::new("sh").args(["-c", script, signal, target]).status();
}

fn running() -> std::sync::MutexGuard<'static, Option<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
