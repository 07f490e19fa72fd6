//! `cargo xtask setup`: the programs the tests talk to, from Debian's packages, and a Singer tap.

use std::{fmt, fs, os::unix::fs::MetadataExt, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    run::{output_of, print, root, run},
    servers,
};

/// Something has to be installed, and this process may not install it.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "something is missing; install it: {}", self.0)
    }
}

impl std::error::Error for Missing {}

/// Runs as root. Debian starts services when it installs them, but only the tests start these: so a
/// policy forbids it during the installation. An existing policy stays.
const INSTALL: &str = r#"
policy=/usr/sbin/policy-rc.d
trap 'exit 130' HUP INT TERM
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "$@"
"#;

/// Installs the missing packages, and then what comes from elsewhere.
///
/// # Errors
/// [`Missing`] where they may not be installed from here.
pub(crate) fn setup() -> Result<()> {
    packages()?;
    install(&SINGER_TAP).map(drop)
}

fn packages() -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        print(format_args!("nothing to install"));
        return Ok(());
    }
    let Some(mut shell) = root_shell() else {
        return Err(Missing(install_command(&missing)).into());
    };
    print(format_args!("installing {}", missing.join(", ")));
    run(shell.args(["-eu", "-c", INSTALL, "setup"]).args(&missing))?;
    let left = missing_packages();
    ensure!(left.is_empty(), "installed, yet the programs of {} are not found", left.join(", "));
    Ok(())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn missing_packages() -> Vec<&'static str> {
    let missing = servers::PACKAGES.iter().filter(|(_, is_installed)| !is_installed());
    missing.map(|(name, _)| *name).collect()
}

/// A shell as root; `None` if that needs a password.
fn root_shell() -> Option<Command> {
    succeeds("apt-get", &["--version"])?;
    if is_root() {
        return Some(Command::new("sh"));
    }
    succeeds("sudo", &["-n", "true"])?;
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "sh"]);
    Some(sudo)
}

fn succeeds(program: &str, arguments: &[&str]) -> Option<()> {
    output_of(Command::new(program).args(arguments)).ok().map(drop)
}

fn install_command(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {packages}")
}

/// Names the interpreter to the programs that measure.
pub(crate) const VARIABLE: &str = "TONGHUI_BENCH_PYTHON";

/// A virtual environment under `target`: for a Singer tap that was not written for the gateway, and for
/// the peers we are measured against. Versions are pinned, so that two runs compare; where requirements
/// carry hashes, pip checks every file.
pub(crate) struct Environment {
    requirements: &'static str,
    folder: &'static str,
}

/// The tests look for the tap in this folder.
pub(crate) const SINGER_TAP: Environment = Environment {
    requirements: "connectors/process/tests/singer-tap.txt",
    folder: "target/singer",
};

/// Peers of the whole program.
pub(crate) const BENCH: Environment =
    Environment { requirements: "tests/bin/bench/requirements.txt", folder: "target/bench-peers" };

/// Peers of normalizer/text.
pub(crate) const TEXT: Environment =
    Environment { requirements: "tests/text/peers/requirements.txt", folder: "target/text-peers" };

/// Installs what is required, where it is missing or was another version; gives the interpreter.
pub(crate) fn install(environment: &Environment) -> Result<String> {
    let Environment { requirements, folder } = *environment;
    let list = root().join(requirements);
    let wanted = fs::read_to_string(&list).context(requirements)?;
    let installed = root().join(folder).join("installed.txt");
    let python = root().join(folder).join("bin/python");
    if !fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        print(format_args!("installing {requirements} into {folder}"));
        let venv = ["-m", "venv", "--clear"];
        run(Command::new("python3").args(venv).arg(root().join(folder)))
            .context("no virtual environment: apt-get install python3-venv")?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(&python).args(pip).arg(&list))?;
        fs::write(installed, wanted)?;
    }
    Ok(python.display().to_string())
}

/// Whether Python can make virtual environments: Debian has that in a package of its own.
pub(crate) fn has_venv() -> bool {
    succeeds("python3", &["-m", "ensurepip", "--version"]).is_some()
}
