//! `cargo xtask setup`: installs the Debian packages and the Singer tap that the tests need.

use std::{fmt, fs, os::unix::fs::MetadataExt, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    run::{output_of, print, root, run},
    servers,
};

/// The error if a person has to install a program. The field is the command that installs it.
#[derive(Debug)]
pub(crate) struct NotInstalled(pub(crate) String);

impl fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a program that this task needs is not installed; install it with `{}`", self.0)
    }
}

impl std::error::Error for NotInstalled {}

/// The shell script that installs packages, run as root. Debian would start each service after its
/// installation, but only tests start these servers. So unless the machine has a policy for services
/// (`policy-rc.d`), the script writes one that forbids starting them, and removes it at the end.
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
/// [`NotInstalled`] if packages are missing and xtask cannot become root without a password.
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
        return Err(NotInstalled(install_command(&missing)).into());
    };
    print(format_args!("installing {}", missing.join(", ")));
    run(shell.args(["-eu", "-c", INSTALL, "setup"]).args(&missing))?;
    let missing = missing_packages();
    ensure!(missing.is_empty(), "still missing after apt-get: {}", missing.join(", "));
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

/// A command that runs a shell as root; `None` if there is no apt-get, or `sudo` needs a password.
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

/// Runs a command and hides its output; `None` if it fails.
fn try_run(program: &str, arguments: &[&str]) -> Option<()> {
    output_of(Command::new(program).args(arguments)).ok().map(drop)
}

fn install_command(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {packages}")
}

/// The environment variable with the path of the Python interpreter for measurements and tools.
pub(crate) const PYTHON_VARIABLE: &str = "TONGHUI_BENCH_PYTHON";

/// A virtual environment of Python, for a Singer tap or for the programs that measurements compare the
/// gateway with. Versions are pinned, so that measurements stay comparable.
pub(crate) struct Venv {
    /// The path of a requirements file for pip, relative to the repository.
    requirements: &'static str,
    /// Where the environment is created, relative to the repository.
    folder: &'static str,
}

/// A Singer tap of another project. Tests expect it in this folder.
pub(crate) const SINGER_TAP: Venv =
    Venv { requirements: "connectors/process/tests/singer-tap.txt", folder: "target/singer" };

/// The programs that the whole gateway is compared with.
pub(crate) const BENCH_PEERS: Venv =
    Venv { requirements: "tests/bin/bench/requirements.txt", folder: "target/bench-peers" };

/// The libraries that normalizer/text is compared with.
pub(crate) const TEXT_PEERS: Venv =
    Venv { requirements: "tests/text/peers/requirements.txt", folder: "target/text-peers" };

/// Creates the environment and installs its requirements, unless the same ones are installed. Returns the
/// path of the Python interpreter.
pub(crate) fn install(venv: &Venv) -> Result<String> {
    let Venv { requirements, folder } = *venv;
    let list = root().join(requirements);
    let required = fs::read_to_string(&list).context(requirements)?;
    let installed = root().join(folder).join("installed.txt");
    let python = root().join(folder).join("bin/python");
    if !fs::read_to_string(&installed).is_ok_and(|installed| installed == required) {
        print(format_args!("installing {requirements} into {folder}"));
        let create = ["-m", "venv", "--clear"];
        run(Command::new("python3").args(create).arg(root().join(folder)))
            .context("cannot create a virtual environment; run `apt-get install python3-venv`")?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
        run(Command::new(&python).args(pip).arg(&list))?;
        fs::write(installed, required)?;
    }
    Ok(python.display().to_string())
}

/// The environment variable with the path of faucet, another program that measurements compare the gateway with.
pub(crate) const FAUCET_VARIABLE: &str = "TONGHUI_BENCH_FAUCET";
/// The newest version of faucet that the compiler of this project builds: 1.1.0 needs Rust 1.96.
const FAUCET: &str = "1.0.1";
/// How long building it may take, for `timeout`.
const FAUCET_LIMIT: &str = "45m";

/// Builds faucet with nothing but what measurements use, unless this version was built. Returns its path.
pub(crate) fn install_faucet() -> Result<String> {
    // Not in the folder of the other programs: a new virtual environment would remove it.
    let folder = root().join("target/bench-faucet");
    let (program, installed) = (folder.join("bin/faucet"), folder.join("installed.txt"));
    if !program.is_file() || !fs::read_to_string(&installed).is_ok_and(|version| version == FAUCET)
    {
        print(format_args!("building faucet {FAUCET} in target/bench-faucet"));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let slim = ["--no-default-features", "--features", "source-rest,sink-postgres"];
        let mut build = Command::new("timeout");
        build.arg(FAUCET_LIMIT).arg(cargo).args(["install", "faucet-cli", "--version", FAUCET]);
        run(build.args(["--locked", "--root"]).arg(&folder).args(slim))?;
        fs::write(installed, FAUCET)?;
    }
    Ok(program.display().to_string())
}

/// Whether Python can create virtual environments, which needs a separate package in Debian.
pub(crate) fn has_venv() -> bool {
    try_run("python3", &["-m", "ensurepip", "--version"]).is_some()
}
