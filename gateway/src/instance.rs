//! The identity of a process in the store, and whether another process has ended.
//!
//! A killed process leaves its lease behind. If the process ran on this machine, [`has_ended`] finds that
//! it has ended, and no other process has to wait until the lease expires.

use std::fs;

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

/// The name of this process: host, process id, start time and machine. The last two distinguish it from
/// other processes with the same id.
pub fn this_process() -> String {
    let (process, host) = (std::process::id(), host());
    let start = start_time(process).unwrap_or_default();
    format!("{host} {process} {start} {}", machine_id())
}

/// The name of this machine.
pub fn host() -> String {
    read("/proc/sys/kernel/hostname").unwrap_or_else(|| "host".to_owned())
}

/// The process id in a stored name.
pub fn process_id(name: &str) -> &str {
    name.split(' ').nth(1).unwrap_or_default()
}

/// A stored name in words, like `process 77 on gw1`.
pub fn describe(name: &str) -> String {
    let mut words = name.split(' ');
    match (words.next(), words.next()) {
        (Some(host), Some(process)) => format!("process {process} on {host}"),
        _ => name.to_owned(),
    }
}

/// Whether the process with this name ran on this machine and has ended; false for other machines.
pub fn has_ended(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    let [_, process, start, machine] = words.as_slice() else { return false };
    let Ok(process) = process.parse() else { return false };
    // The files of a process that lives may be hidden from us.
    let is_gone = || read(&format!("/proc/{process}/stat")).is_some() || !exists(process);
    *machine == machine_id() && start_time(process).map_or_else(is_gone, |now| now != *start)
}

fn exists(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
}

/// Identifies this boot of this machine, and this container on it.
fn machine_id() -> String {
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let pid_namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{boot}/{}", pid_namespace.display())
}

/// Start time of a process, in clock ticks since boot: the 22nd field of `/proc/PID/stat`, counted after
/// the name, which may contain anything. `None` if it has ended, or if its files are hidden from us.
fn start_time(process: u32) -> Option<String> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')')?;
    // A zombie has ended, although its parent has not noticed it.
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (state != "Z" && state != "X").then(|| start.to_owned())
}

/// The text of a file without surrounding whitespace; `None` if it cannot be read.
fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_gone_once_it_has_ended() {
        assert!(!has_ended(&this_process()));
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let start = start_time(child.id()).unwrap();
        let name = format!("h {} {start} {}", child.id(), machine_id());
        assert!(!has_ended(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(has_ended(&name));
    }

    #[test]
    fn a_process_elsewhere_has_not_ended_and_a_reused_id_is_another_process() {
        let own = std::process::id();
        assert!(!has_ended(&format!("h {own} 1 elsewhere")));
        assert!(
            has_ended(&format!("h {own} 1 {}", machine_id())),
            "an earlier process of this number"
        );
        for odd in ["", "somebody", "h x 1 m"] {
            assert!(!has_ended(odd), "{odd}");
        }
        assert_eq!(describe("gw1 77 5 m"), "process 77 on gw1");
    }
}
