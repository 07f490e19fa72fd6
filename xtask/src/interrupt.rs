//! Ctrl-C and SIGTERM end the command that is running, and nothing else.
//!
//! The main thread then sees that command fail and leaves by its ordinary way out, where the guards
//! stop the servers and remove their folder. There is no second path for cleaning up.

use std::{
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::{Result, ensure};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

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
