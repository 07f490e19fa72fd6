//! Ends all processes that a program has started, also those that have left its process group.
//!
//! A process leaves the group with `setsid`, but it keeps its parent. If the parent ends, the process becomes
//! a child of the gateway, after [`protect`]. It is recognised by the limits of programs, which a process
//! inherits and cannot raise; whatever else became a child of the gateway is left alone.

use std::{
    collections::BTreeSet,
    fs, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, child_subreaper, getpid, kill_process,
    kill_process_group, set_child_subreaper, set_dumpable_behavior, test_kill_process, waitpid,
};
use tokio::process::{Child as Process, Command};

use super::orphans;

/// A process whose files may have more bytes than this is not one of a program (see the start script).
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The programs themselves, until they were waited for.
static PROGRAMS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Protects this process from the programs that it runs: they cannot read its memory and its environment, and
/// no process that they start outlives them. To be called once, when the gateway starts. From then on, every
/// process that it starts must be a program of this crate, because this crate waits for all others that end.
///
/// # Errors
/// The system does not allow it.
pub fn protect() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_child_subreaper(Some(getpid()))?;
    Ok(())
}

/// Starts a program. While it starts, nobody takes it for a process that was left behind.
pub(super) fn start(command: &mut Command) -> io::Result<Process> {
    orphans::end();
    command.envs(orphans::variable());
    let mut programs = programs();
    end_left_behind(&mut programs);
    let process = command.spawn()?;
    programs.extend(process.id().and_then(|id| i32::try_from(id).ok()));
    Ok(process)
}

/// Kills all processes of a program, whose group has the number of its first process. If that process was
/// waited for, its number may belong to another one now: `is_first_known` says that it was not.
pub(super) fn kill(group: Pid, is_first_known: bool) {
    // The group does not show who left it, so they are found before their parents end.
    let started = if is_first_known { family(group.as_raw_nonzero().get()) } else { Vec::new() };
    // It fails if all have ended. The number is not used again while one of them runs.
    let _ = kill_process_group(group, Signal::KILL);
    started.into_iter().for_each(kill_one);
    end_left_behind(&mut programs());
}

/// Kills what programs have left behind, and waits for it.
fn end_left_behind(programs: &mut BTreeSet<i32>) {
    let exists = |pid: &i32| Pid::from_raw(*pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    programs.retain(exists);
    if !matches!(child_subreaper(), Ok(Some(_))) {
        return;
    }
    let own = getpid().as_raw_nonzero().get();
    for (pid, parent) in processes() {
        if parent != own || programs.contains(&pid) {
            continue;
        }
        if has_limits(pid) {
            family(pid).into_iter().for_each(kill_one);
        }
        // It is still there if it has not ended yet; the next call waits for it.
        let _ = waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
    }
}

pub(super) fn kill_one(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether a process has the limits of a program.
fn has_limits(pid: i32) -> bool {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    // The soft and the hard limit follow the name.
    let hard = |line: &str| {
        line.strip_prefix("Max file size")?.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    limits.lines().find_map(hard).is_some_and(|hard| hard <= MAX_FILE_BYTES)
}

/// A process, its children, their children and so on.
fn family(first: i32) -> Vec<i32> {
    let processes = processes();
    let (mut family, mut n_asked) = (vec![first], 0);
    while let Some(parent) = family.get(n_asked).copied() {
        let is_child = |(pid, of): &&(i32, i32)| *of == parent && !family.contains(pid);
        let children: Vec<i32> = processes.iter().filter(is_child).map(|(pid, _)| *pid).collect();
        family.extend(children);
        n_asked += 1;
    }
    family
}

/// All processes, each with its parent.
pub(super) fn processes() -> Vec<(i32, i32)> {
    let process = |folder: fs::DirEntry| {
        let pid: i32 = folder.file_name().to_str()?.parse().ok()?;
        Some((pid, stat(pid)?.parent))
    };
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.filter_map(process).collect()
}

/// What the system says of a process.
pub(super) struct Stat {
    parent: i32,
    /// When it started, on the clock of the system.
    pub(super) started: u64,
    /// Whether it has ended, and only its parent has not noticed.
    pub(super) has_ended: bool,
}

pub(super) fn stat(pid: i32) -> Option<Stat> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may be anything; the other fields follow it.
    let stat = String::from_utf8_lossy(&stat);
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        has_ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

fn programs() -> MutexGuard<'static, BTreeSet<i32>> {
    PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner)
}
