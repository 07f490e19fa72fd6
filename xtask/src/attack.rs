//! `cargo xtask attack`: does to the gateway what hostile people do, and measures what becomes of it.
//!
//! Each attack has a gateway of its own, with the embedded store. The bounds of memory hold for a release
//! program only: give one with `--program`.

mod bus;
mod credentials;
mod data;
mod doors;
mod floods;
mod gateway;
mod http;
mod inputs;
mod plugins;
mod secrets;
mod watch;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use self::gateway::{BOUND_KIB, Ended, Gateway};
use crate::run::{self, is_interrupted, output_of, print};

/// How many connections and files this process may have open: an attack opens 1,500.
const MAX_FILES: u32 = 8192;
/// How long a health check may take, and how much later another channel may be than before the attack.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// How long `check` may take.
const CHECK_TIME: Duration = Duration::from_secs(5);

/// What runs one attack, and notes what it sees.
type Run = fn(&mut Attack) -> Result<()>;

/// All attacks by name: what costs memory and time first.
const ATTACKS: &[(&str, Run)] = &[
    ("resources/bodies", floods::bodies),
    ("resources/rejects", floods::rejects),
    ("resources/open", floods::open_bodies),
    ("resources/idle", floods::idle_connections),
    ("resources/mojibake", floods::mojibake),
    ("resources/pages", inputs::pages),
    ("resources/zip", inputs::zip_index),
    ("resources/paths", inputs::paths),
    ("resources/config", inputs::configuration),
    ("resources/secrets", inputs::secret_files),
    ("doors/signature", doors::captured_signature),
    ("doors/listen", doors::listen),
    ("doors/requests", doors::requests),
    ("doors/refused", doors::refused_sign_ins),
    ("credentials/transport", credentials::transport),
    ("credentials/hosts", credentials::other_hosts),
    ("credentials/paths", credentials::paths),
    ("credentials/printed", secrets::printed),
    ("plugins/parent", plugins::parent),
    ("data/bus", bus::forged),
    ("data/future", data::future),
    ("data/modes", data::modes),
    ("data/audit", data::audit),
];

/// Runs the attacks whose name begins with `only`, and prints a table; fails if the gateway does not withstand
/// one. `program` is the gateway to run; without it, it is built.
pub(crate) fn attack(only: &str, program: Option<&Path>) -> Result<()> {
    let program = run::gateway(program)?;
    let own = std::process::id().to_string();
    let _ =
        output_of(Command::new("prlimit").args(["--pid", &own, &format!("--nofile={MAX_FILES}")]));
    let mut attack = Attack { program, name: "", n_items: 0, n_broken: 0 };
    print(format_args!("| attack | item | right | seen | holds |\n|---|---|---|---|---|"));
    for (name, run) in ATTACKS.iter().filter(|(name, _)| name.starts_with(only)) {
        ensure!(!is_interrupted(), "interrupted");
        attack.name = name;
        if let Err(error) = run(&mut attack) {
            attack.note("the whole attack", "it runs", format_args!("{error:#}"), false);
        }
    }
    let Attack { n_items, n_broken, .. } = attack;
    print(format_args!("{n_broken} of {n_items} items do not hold"));
    ensure!(n_items > 0, "no attack has a name that begins with `{only}`");
    ensure!(n_broken == 0, "{n_broken} items do not hold, see above");
    Ok(())
}

/// What runs the attacks, and counts what holds.
struct Attack {
    program: PathBuf,
    /// The name of the attack that is running.
    name: &'static str,
    n_items: usize,
    n_broken: usize,
}

impl Attack {
    /// A gateway without a channel.
    fn gateway(&self) -> Result<Gateway> {
        Gateway::new(&self.program)
    }

    /// Notes one line of the table.
    fn note(&mut self, item: impl Display, right: impl Display, seen: impl Display, holds: bool) {
        self.n_items += 1;
        self.n_broken += usize::from(!holds);
        let [item, right, seen] = [item.to_string(), right.to_string(), seen.to_string()].map(cell);
        let holds = if holds { "yes" } else { "NO" };
        print(format_args!("| {} | {item} | {right} | {seen} | {holds} |", self.name));
    }

    /// Notes whether the greatest memory of a process was within the bound.
    fn note_peak(&mut self, item: &str, kib: u64) {
        let right = format!("at most {} MiB", BOUND_KIB / 1024);
        let holds = (1..=BOUND_KIB).contains(&kib);
        self.note(format_args!("{item}: memory"), right, format_args!("{} MiB", kib / 1024), holds);
    }

    /// Notes whether `check` found in time the problem of which this is a part, or no problem if that is empty.
    fn note_check(&mut self, item: impl Display, ended: &Ended, problem: &str) {
        let code = if problem.is_empty() { 0 } else { 2 };
        let is_found = ended.code == Some(code) && ended.text.contains(problem);
        let right = format!("`check` exits with {code} within 5 s: … {problem} …");
        let holds = is_found && ended.took <= CHECK_TIME && ended.kib <= BOUND_KIB;
        self.note(item, right, ended, holds);
    }
}

/// A text as a cell of the table: one line, not too long.
fn cell(text: String) -> String {
    let text: String = text.chars().take(200).collect();
    text.replace(['\n', '|'], " ").trim().to_owned()
}

/// Waits.
fn pause(period: Duration) {
    let end = Instant::now() + period;
    while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    {
        thread::park_timeout(rest);
    }
}

/// Looks again and again whether something has become true, for `period` at most. Returns whether it has.
fn wait_until(period: Duration, mut is_true: impl FnMut() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + period;
    loop {
        if is_true()? {
            return Ok(true);
        }
        ensure!(!is_interrupted(), "interrupted");
        if Instant::now() >= end {
            return Ok(false);
        }
        pause(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_of_the_table() {
        assert_eq!(cell(" a\nb|c ".to_owned()), "a b c");
        assert_eq!(cell("长".repeat(300)).chars().count(), 200);
    }

    #[test]
    fn what_does_not_hold_is_counted() {
        let mut attack = Attack { program: PathBuf::new(), name: "test", n_items: 0, n_broken: 0 };
        attack.note("item", "right", "seen", true);
        // A process whose memory was not seen proves nothing.
        for kib in [0, 1, BOUND_KIB, BOUND_KIB + 1] {
            attack.note_peak("item", kib);
        }
        assert_eq!((attack.n_items, attack.n_broken), (5, 2));
    }
}
