//! `cargo xtask setup`: installs what the tests need, from Debian's packages, and a Singer tap.

use std::{fmt, fs, os::unix::fs::MetadataExt, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    run::{output_of, print, root, run},
    servers,
};

/// Something has to be installed, and xtask has no permission to do so. The field is the command that
/// installs it.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "something that is needed is not installed; install it with `{}`", self.0)
    }
}

impl std::error::Error for Missing {}

/// The script that installs packages, as root. Debian would start each service after installing it, but
/// only tests start these servers. So a policy forbids that during the installation, unless the machine
/// has a policy.
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

/// Installs the missing packages and the Singer tap.
///
/// # Errors
/// [`Missing`] if packages are missing and xtask cannot become root without a password.
pub(crate) fn setup() -> Result<()> {
    install_packages()?;
    install(&SINGER_TAP).map(drop)
}

fn install_packages() -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        print(format_args!("all Debian packages are installed"));
        return Ok(());
    }
    let Some(mut shell) = root_shell() else {
        return Err(Missing(install_command(&missing)).into());
    };
    print(format_args!("installing {}", missing.join(", ")));
    run(shell.args(["-eu", "-c", INSTALL, "setup"]).args(&missing))?;
    let missing = missing_packages();
    ensure!(missing.is_empty(), "still without programs: {}", missing.join(", "));
    Ok(())
}

/// Whether xtask runs as root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn missing_packages() -> Vec<&'static str> {
    let missing = servers::PACKAGES.iter().filter(|(_, is_installed)| !is_installed());
    missing.map(|(name, _)| *name).collect()
}

/// A command that runs a shell as root; `None` without apt-get, or if `sudo` needs a password.
fn root_shell() -> Option<Command> {
    try_run("apt-get", &["--version"])?;
    if is_root() {
        return Some(Command::new("sh"));
    }
    try_run("sudo", &["-n", "true"])?;
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "sh"]);
    Some(sudo)
}

fn try_run(program: &str, arguments: &[&str]) -> Option<()> {
    output_of(Command::new(program).args(arguments)).ok().map(drop)
}

fn install_command(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {packages}")
}

/// The environment variable with the Python interpreter for measurements and tools.
pub(crate) const PYTHON_VARIABLE: &str = "TONGHUI_BENCH_PYTHON";

/// A Python environment under `target`: for a Singer tap, and for the programs that measurements compare
/// the gateway with. Versions are pinned, so that measurements can be compared; pip checks the hashes of
/// requirements that have them.
pub(crate) struct Environment {
    requirements: &'static str,
    folder: &'static str,
}

/// A Singer tap that was not written for the gateway. Tests expect it in this folder.
pub(crate) const SINGER_TAP: Environment = Environment {
    requirements: "connectors/process/tests/singer-tap.txt",
    folder: "target/singer",
};

/// The programs that the whole gateway is compared with.
pub(crate) const BENCH_PEERS: Environment =
    Environment { requirements: "tests/bin/bench/requirements.txt", folder: "target/bench-peers" };

/// The libraries that normalizer/text is compared with.
pub(crate) const TEXT_PEERS: Environment =
    Environment { requirements: "tests/text/peers/requirements.txt", folder: "target/text-peers" };

/// Installs the requirements, unless the same ones are installed. Returns the path of the interpreter.
pub(crate) fn install(environment: &Environment) -> Result<String> {
    let Environment { requirements, folder } = *environment;
    let list = root().join(requirements);
    let required = fs::read_to_string(&list).context(requirements)?;
    let installed = root().join(folder).join("installed.txt");
    let python = root().join(folder).join("bin/python");
    if !fs::read_to_string(&installed).is_ok_and(|installed| installed == required) {
        print(format_args!("installing {requirements} into {folder}"));
        let venv = ["-m", "venv", "--clear"];
        run(Command::new("python3").args(venv).arg(root().join(folder)))
            .context("cannot create a virtual environment; run `apt-get install python3-venv`")?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(&python).args(pip).arg(&list))?;
        fs::write(installed, required)?;
    }
    Ok(python.display().to_string())
}

/// Whether Python can create virtual environments, which needs a separate package in Debian.
pub(crate) fn has_venv() -> bool {
    try_run("python3", &["-m", "ensurepip", "--version"]).is_some()
}
