//! Runs commands, one at a time, and keeps their output. Ctrl-C and SIGTERM end only the command that
//! is running.
//!
//! The main thread then returns, as after any other failed command. This drops the values that own the
//! test servers, which stops the servers and removes their folder.
//!
//! Each command runs in its own process group, so that a signal also reaches the children of the
//! command, but not the servers.

use std::{
    borrow::BorrowMut,
    fmt,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
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
    /// Whether the exit code was 0.
    pub(crate) is_success: bool,
    /// Standard output and standard error, in order of arrival.
    pub(crate) text: String,
}

/// Runs a command, which may fail, and shows its output as it arrives.
pub(crate) fn run_shown(mut command: impl BorrowMut<Command>) -> Result<CommandOutput> {
    execute(command.borrow_mut(), echo)
}

/// Runs a command that must succeed, and shows its output as it arrives.
pub(crate) fn run(command: impl BorrowMut<Command>) -> Result<()> {
    let name = describe(command.borrow());
    if run_shown(command)?.is_success {
        return Ok(());
    }
    bail!("`{name}` failed, see above")
}

/// Runs a command that must succeed. It writes to standard output and standard error of this program.
pub(crate) fn run_directly(command: &mut Command) -> Result<()> {
    set_running(None)?;
    let name = describe(command);
    let spawned = command.stdin(Stdio::null()).process_group(0).spawn();
    let mut child = spawned.with_context(|| format!("cannot start `{name}`"))?;
    let not_interrupted = set_running(Some(child.id()));
    let status = child.wait();
    set_running(None)?;
    not_interrupted?;
    ensure!(status?.success(), "`{name}` failed, see above");
    Ok(())
}

/// Runs a command that must succeed, and returns its output. If it fails, the error shows the output.
pub(crate) fn output_of(mut command: impl BorrowMut<Command>) -> Result<String> {
    let name = describe(command.borrow());
    let output = execute(command.borrow_mut(), |_| {})?;
    if output.is_success {
        return Ok(output.text);
    }
    bail!("`{name}` failed:\n{}", output.text.trim_end())
}

/// A cargo command that runs in the folder of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// Builds these programs with the same features as `cargo xtask test`, so that cargo builds nothing twice.
pub(crate) fn build(programs: &[&str]) -> Result<()> {
    let mut command = cargo(&["build", "--locked", "--quiet", "--workspace"]);
    command.args(programs.iter().flat_map(|program| ["--bin", program]));
    // Cargo enables the features of dev-dependencies only if examples or tests are built too.
    run(command.arg("--examples"))
}

/// The gateway to run: `program`, or without it, the one that this builds.
pub(crate) fn gateway(program: Option<&Path>) -> Result<PathBuf> {
    if let Some(program) = program {
        return program.canonicalize().with_context(|| program.display().to_string());
    }
    build(&["tonghui"])?;
    Ok(std::env::current_exe()?.with_file_name("tonghui"))
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Prints one line.
///
/// `println!` would panic if standard output is closed, as by `cargo xtask test | head`. This function
/// drops the line instead, and the exit code still shows the result.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    echo(format!("{line}\n").as_bytes());
}

/// Whether standard output is for the result of a command that [`run_directly`] runs.
static OUTPUT_IS_RESULT: AtomicBool = AtomicBool::new(false);

/// From now on, everything else goes to standard error.
pub(crate) fn keep_output_for_result() {
    OUTPUT_IS_RESULT.store(true, Ordering::SeqCst);
}

fn echo(bytes: &[u8]) {
    if OUTPUT_IS_RESULT.load(Ordering::SeqCst) {
        let _ = io::stderr().lock().write_all(bytes);
        return;
    }
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Runs a command, and calls `on_line` with each line of its output as it arrives. Fails if the command
/// cannot start or a signal interrupts it, but not if it exits with an error.
fn execute(command: &mut Command, mut on_line: impl FnMut(&[u8])) -> Result<CommandOutput> {
    set_running(None)?;
    let name = describe(command);
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
    // Closes the copies of the pipe's write end in `command`: the reader ends only when all are closed.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let not_interrupted = set_running(Some(child.id()));
    let text = read_lines(reader, &mut on_line);
    let status = child.wait();
    set_running(None)?;
    not_interrupted?;
    Ok(CommandOutput { is_success: status?.success(), text: text? })
}

/// Reads all lines, and calls `on_line` with each as it arrives. Returns them as one text.
fn read_lines(reader: io::PipeReader, on_line: &mut impl FnMut(&[u8])) -> Result<String> {
    let mut reader = BufReader::new(reader);
    let mut text = String::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        on_line(&line);
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(text)
}

/// The command as a person would type it, without its environment.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Whether a signal has arrived.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The process group of the command that is running.
static RUNNING: Mutex<Option<u32>> = Mutex::new(None);

/// Starts a thread that handles signals: the first one ends the running command, later ones kill it.
pub(crate) fn handle_signals() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let is_repeated = INTERRUPTED.swap(true, Ordering::SeqCst);
            if let Some(group) = *running() {
                send_signal(if is_repeated { "KILL" } else { "TERM" }, &format!("-{group}"));
            }
        }
    });
    Ok(())
}

/// Whether a signal has arrived.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Sets the process group of the running command, which a signal ends; `None` if no command is running.
///
/// # Errors
/// If a signal has arrived. The check comes after setting the group, so that it misses no signal.
pub(crate) fn set_running(group: Option<u32>) -> Result<()> {
    *running() = group;
    let is_interrupted = is_interrupted();
    if is_interrupted && let Some(group) = group {
        send_signal("TERM", &format!("-{group}"));
    }
    ensure!(!is_interrupted, "interrupted");
    Ok(())
}

/// Sends a signal to a process, or to a process group if `target` is negative. It uses the `kill` of
/// the shell, because not every machine has `/bin/kill`.
pub(crate) fn send_signal(signal: &str, target: &str) {
    let script = "kill -s \"$0\" -- \"$1\" 2>/dev/null";
    let _ = Command::new("sh").args(["-c", script, signal, target]).status();
}

fn running() -> std::sync::MutexGuard<'static, Option<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
