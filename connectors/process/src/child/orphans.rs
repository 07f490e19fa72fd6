//! Ends what the programs of a killed gateway have left running. It could not end them itself, and a program
//! that waits does not notice.
//!
//! A program has the name of its gateway in its environment, and all that it starts inherit it. The name says
//! when the gateway started, so that another process with the same number is not taken for it.

use std::fs;

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::descendants::{kill_one, processes, stat};

/// The variable with the name of the gateway.
const VARIABLE: &str = "TONGHUI_STARTED_BY";

/// The variable for a program of this gateway.
pub(super) fn variable() -> Option<(&'static str, String)> {
    Some((VARIABLE, name(i32::try_from(std::process::id()).ok()?)?))
}

/// Ends all programs whose gateway is gone, with everything that they have started.
pub(super) fn end() {
    let pids = processes().into_iter().map(|(pid, _)| pid);
    pids.filter(|pid| has_lost_gateway(*pid) == Some(true)).for_each(kill_one);
}

/// Whether the gateway of a process is gone; `None` if that cannot be known, or no gateway started it.
fn has_lost_gateway(pid: i32) -> Option<bool> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment);
    let mut variables = environment.split('\0');
    let found = variables.find_map(|text| text.strip_prefix(VARIABLE)?.strip_prefix('='))?;
    let (space, process) = found.split_once(' ')?;
    // Numbers of another container mean other processes here.
    if space != own_space()? {
        return None;
    }
    let (gateway, started) = process.split_once(' ')?;
    let gateway = gateway.parse::<i32>().ok().filter(|pid| *pid > 0)?;
    // A gateway of another user may run although the system does not say when it started.
    Some(match stat(gateway) {
        Some(stat) => stat.has_ended || stat.started.to_string() != started,
        None => test_kill_process(Pid::from_raw(gateway)?) == Err(Errno::SRCH),
    })
}

/// The name of a process that runs: where its number is valid, the number, and when it started.
fn name(pid: i32) -> Option<String> {
    let stat = stat(pid).filter(|stat| !stat.has_ended)?;
    Some(format!("{} {pid} {}", own_space()?, stat.started))
}

/// The namespace in which this process sees the numbers of processes.
fn own_space() -> Option<String> {
    fs::read_link("/proc/self/ns/pid").ok()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::ExitStatusExt as _,
        process::{Child, Command},
    };

    use super::*;

    fn start(name: &str) -> Child {
        Command::new("sleep").arg("1000").env(VARIABLE, name).spawn().unwrap()
    }

    #[test]
    fn only_programs_whose_gateway_is_gone_are_ended() {
        let (_, own) = variable().unwrap();
        let (space, process) = own.split_once(' ').unwrap();
        let number = process.split_once(' ').unwrap().0;
        let orphans = [format!("{space} {number} 1"), format!("{space} 2147483647 1")];
        let others = [own.clone(), format!("pid:[1] {number} 1"), "7".to_owned(), String::new()];
        let mut orphans = orphans.map(|name| start(&name));
        let others = others.map(|name| start(&name));
        end();
        for orphan in &mut orphans {
            assert_eq!(orphan.wait().unwrap().signal(), Some(9));
        }
        for mut other in others {
            assert!(other.try_wait().unwrap().is_none(), "not a program of a killed gateway");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
