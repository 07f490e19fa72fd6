//! The identity of a process in the store, and whether another process has ended.
//!
//! A killed process leaves its lease behind. If it ran on this machine, it can be seen that it has ended,
//! and nobody has to wait until the lease expires. Of other machines nothing is known.

use std::fs;

/// The name of this process: host, process id, start time and machine, which tell it from a later one
/// with the same id.
pub fn this_process() -> String {
    let process = std::process::id();
    let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "host".to_owned());
    let start = started(process).unwrap_or_default();
    format!("{host} {process} {start} {}", machine())
}

/// A stored name as people read it: `process 77 on gw1`.
pub fn describe(name: &str) -> String {
    let mut words = name.split(' ');
    match (words.next(), words.next()) {
        (Some(host), Some(process)) => format!("process {process} on {host}"),
        _ => name.to_owned(),
    }
}

/// Whether the process of this name ran on this machine and has ended.
pub fn is_gone(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    let [_, process, start, of] = words.as_slice() else { return false };
    let Ok(process) = process.parse() else { return false };
    *of == machine() && started(process).is_none_or(|now| now != *start)
}

/// This boot of this machine, and this container on it.
fn machine() -> String {
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{boot}/{}", space.display())
}

/// Start time of a process, in clock ticks since boot: the 22nd field of `/proc/PID/stat`, counted after
/// the name, which may contain anything. `None` if it has ended.
fn started(process: u32) -> Option<String> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    // A zombie has ended; only its parent has not noticed.
    let mut fields = behind_name.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (state != "Z" && state != "X").then(|| start.to_owned())
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_gone_once_it_has_ended() {
        assert!(!is_gone(&this_process()));
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let start = started(child.id()).unwrap();
        let name = format!("h {} {start} {}", child.id(), machine());
        assert!(!is_gone(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name));
    }

    #[test]
    fn nothing_is_known_of_another_machine_nor_of_a_number_used_again() {
        let own = std::process::id();
        assert!(!is_gone(&format!("h {own} 1 elsewhere")));
        assert!(is_gone(&format!("h {own} 1 {}", machine())), "an earlier process of this number");
        for odd in ["", "somebody", "h x 1 m"] {
            assert!(!is_gone(odd), "{odd}");
        }
        assert_eq!(describe("gw1 77 5 m"), "process 77 on gw1");
    }
}
