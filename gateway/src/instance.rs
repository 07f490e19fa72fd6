//! Which process this is, as it names itself to others in the store, and whether another one is
//! known to be gone.
//!
//! A process that was killed leaves its lease behind. Where it ran on this machine, one look tells
//! that it is gone, and nobody has to wait for the lease to end; of other machines nothing is known.

use std::fs;

/// A process: host, number, and what tells it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance(String);

impl Instance {
    /// This process.
    pub fn own() -> Self {
        let process = std::process::id();
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "host".to_owned());
        let start = started(process).unwrap_or_default();
        Self(format!("{host} {process} {start} {}", machine()))
    }

    /// How it is written into the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name from the store, for people.
pub fn describe(name: &str) -> String {
    let mut words = name.split(' ');
    match (words.next(), words.next()) {
        (Some(host), Some(process)) => format!("process {process} on {host}"),
        _ => name.to_owned(),
    }
}

/// Whether the process of this name ran on this machine and runs no more.
pub fn is_gone(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    let [_, process, start, of] = words.as_slice() else { return false };
    let Ok(process) = process.parse() else { return false };
    *of == machine() && started(process).is_none_or(|now| now != *start)
}

/// This machine since it was switched on, as processes of this container see it.
fn machine() -> String {
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{boot}/{}", space.display())
}

/// When a process began, in ticks since the machine was switched on: the 22nd field of
/// `/proc/PID/stat`, counted behind the name, which may contain anything.
fn started(process: u32) -> Option<String> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    // A zombie has ended, though nobody has asked how.
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
        assert!(!is_gone(Instance::own().as_str()));
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
