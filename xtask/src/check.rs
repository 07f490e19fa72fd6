//! `cargo xtask check`: quick checks while writing code, without servers. It checks only the crates that
//! changed since the branch forked from `main`, and the crates that depend on them.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    run::{cargo, output_of, print, root, run},
    test::{NEXTEST, Steps, has_nextest},
};

/// The crate whose tests also check files outside all crates, such as the documents.
const SYSTEM_TESTS: &str = "system-tests";

/// Checks the format, the lints and the quick tests, and prints how long each took.
pub(crate) fn check() -> Result<()> {
    let mut steps = Steps::default();
    let checked = run_all(&mut steps);
    steps.print_summary();
    checked
}

fn run_all(steps: &mut Steps) -> Result<()> {
    steps.step("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    let mut crates = affected_crates(&changed_files()?, &Workspace::read()?);
    if crates.is_empty() {
        print(format_args!("no crate changed since the branch forked from main"));
        return Ok(());
    }
    print(format_args!("crates that changed, and those that depend on them: {}", join(&crates)));
    if crates.contains(SYSTEM_TESTS) {
        crates.insert("gateway".to_owned()); // these tests start its program
    }
    let packages = || crates.iter().flat_map(|name| ["--package", name]);
    steps.step("lints", || {
        let mut clippy = cargo(&["clippy", "--locked", "--all-targets"]);
        run(clippy.args(packages()).args(["--", "-D", "warnings"]))
    })?;
    steps.step("tests without servers", || {
        ensure!(has_nextest(), "no cargo-nextest: run `cargo install --locked cargo-nextest`");
        let mut tests = cargo(&["nextest", "run", "--locked", "--no-tests", "pass"]);
        run(tests.args(["--config-file", NEXTEST, "--profile", "check"]).args(packages()))
    })
}

/// The crates that contain these files, and all crates that depend on them, directly or indirectly.
fn affected_crates(files: &[String], workspace: &Workspace) -> BTreeSet<String> {
    let mut affected = BTreeSet::new();
    for file in files {
        match workspace.package_with(file) {
            Some(package) => drop(affected.insert(package.name.clone())),
            None if affects_all_crates(file) => {
                return workspace.packages.iter().map(|package| package.name.clone()).collect();
            }
            None => drop(affected.insert(SYSTEM_TESTS.to_owned())),
        }
    }
    loop {
        let n_before = affected.len();
        for package in &workspace.packages {
            if package.dependencies.iter().any(|needed| affected.contains(&needed.name)) {
                affected.insert(package.name.clone());
            }
        }
        if affected.len() == n_before {
            return affected;
        }
    }
}

/// Whether a file outside all crates can change how all of them are built.
fn affects_all_crates(file: &str) -> bool {
    file.ends_with(".toml") || file == "Cargo.lock"
}

/// The files that differ from the commit at which the branch forked from `main` (from `HEAD` if there is
/// no `main`), including files that git does not track yet.
fn changed_files() -> Result<Vec<String>> {
    let bases = ["main", "origin/main"].map(|main| git(&["merge-base", "HEAD", main]));
    let base = bases.into_iter().find_map(Result::ok).unwrap_or_else(|| "HEAD".to_owned());
    let mut files = git(&["diff", "--name-only", base.trim()])?;
    files += &git(&["ls-files", "--others", "--exclude-standard"])?;
    Ok(files.lines().map(str::to_owned).collect())
}

fn git(arguments: &[&str]) -> Result<String> {
    output_of(Command::new("git").args(arguments).current_dir(root()))
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The part of the output of `cargo metadata` that is used.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

impl Workspace {
    fn read() -> Result<Self> {
        let metadata = ["metadata", "--no-deps", "--offline", "--quiet", "--format-version", "1"];
        let output = output_of(cargo(&metadata))?;
        let json = output.lines().find(|line| line.starts_with('{'));
        let json = json.context("`cargo metadata` printed no JSON")?;
        Ok(serde_json::from_str(json)?)
    }

    /// The crate whose folder contains the file (the innermost such folder); `None` if there is none.
    fn package_with(&self, file: &str) -> Option<&Package> {
        let file = root().join(file);
        let folder =
            |package: &Package| Path::new(&package.manifest_path).parent().map(Path::to_owned);
        let found = self.packages.iter().filter_map(|package| Some((folder(package)?, package)));
        let found = found.filter(|(folder, _)| file.starts_with(folder));
        found.max_by_key(|(folder, _)| folder.components().count()).map(|(_, package)| package)
    }
}

#[cfg(test)]
mod tests;
