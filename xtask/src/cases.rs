//! `cargo xtask cases`: runs each folder of rebuilt bug reports on the gateway, and compares what it does
//! with what is right.
//!
//! The inputs are not in this repository. What is right for each is in `cases/right.json`, without their
//! data.

mod diagnosis;
mod files;
mod gateway;
mod http;
mod infra;
mod judge;
mod right;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

pub(crate) use self::gateway::ask_sqlite;
use self::{
    gateway::Gateway,
    judge::{Seen, differences},
    right::{Right, rights},
};
use crate::{
    run::{gateway, is_interrupted, print},
    servers::Servers,
};

/// The folders of the kinds of cases.
const KINDS: [&str; 4] = ["files", "http", "infra", "text"];

/// Runs the cases whose name begins with `only`, and prints a table; fails if any is not right.
/// `program` is the gateway to run; without it, it is built.
pub(crate) fn cases(folder: &Path, only: &str, program: Option<&Path>) -> Result<()> {
    // The gateway runs in folders of its own, where a relative path would mean another place.
    let folder = &folder.canonicalize().with_context(|| folder.display().to_string())?;
    let rights = rights()?;
    let mut runner = Runner { program: gateway(program)?, servers: None };
    let (mut n_cases, mut n_different) = (0, 0);
    print(format_args!("| folder | right | seen | |\n|---|---|---|---|"));
    for case in find(folder, rights.keys())?.iter().filter(|case| case.name.starts_with(only)) {
        ensure!(!is_interrupted(), "interrupted");
        let unknown = Right::default();
        let right = rights.get(&case.name).unwrap_or(&unknown);
        let (seen, verdict) = match &right.skip {
            Some(why) => (why.clone(), "not run"),
            None => runner.judge(case, right),
        };
        n_cases += 1;
        n_different += u32::from(verdict == "DIFFERS");
        let outcomes: Vec<_> = right.right.iter().map(ToString::to_string).collect();
        let why = right.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let seen = seen.replace(['\n', '|'], " ");
        print(format_args!(
            "| {} | {}{why} | {seen} | {verdict} |",
            case.name,
            outcomes.join("; or ").replace('|', "/")
        ));
    }
    print(format_args!("{n_different} of {n_cases} cases differ from what is right"));
    ensure!(n_cases > 0, "no case is in {}", folder.display());
    ensure!(n_different == 0, "{n_different} cases differ, see above");
    Ok(())
}

/// A case: its folder, or a file with a text.
struct Case {
    /// The path from the folder of all cases, and variables for the source after it.
    name: String,
    path: PathBuf,
    variables: Vec<(String, String)>,
}

/// The cases of a folder that have one of these names, and the folders that have none of them.
fn find<'a>(folder: &Path, names: impl Iterator<Item = &'a String> + Clone) -> Result<Vec<Case>> {
    let mut all: Vec<String> = names.clone().cloned().collect();
    for kind in KINDS.map(|kind| folder.join(kind)).iter().filter(|kind| kind.exists()) {
        for path in sorted_entries(kind)?.iter().filter(|path| path.is_dir()) {
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            // A name may be that of a file in the folder, or have variables after it.
            let is_of = |known: &&String| {
                known
                    .strip_prefix(&name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ']))
            };
            if !names.clone().any(|known| is_of(&known)) {
                all.push(name);
            }
        }
    }
    let case = |name: String| {
        let mut words = name.split(' ');
        let path = folder.join(words.next().unwrap_or_default());
        let pairs = words.filter_map(|pair| pair.split_once('='));
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Case { name, path, variables }
    };
    Ok(all.into_iter().map(case).filter(|case| case.path.exists()).collect())
}

/// Runs cases on a gateway.
struct Runner {
    program: PathBuf,
    /// They start with the first case that needs them.
    servers: Option<Servers>,
}

impl Runner {
    /// What was seen of a case, with the differences from what is right, and the verdict.
    fn judge(&mut self, case: &Case, right: &Right) -> (String, &'static str) {
        let (seen, mut found) = match self.run(case, right) {
            Ok(seen) => (seen.to_string(), differences(&seen, &right.right)),
            Err(error) => ("not run".to_owned(), vec![format!("{error:#}")]),
        };
        if found.is_empty() {
            return (seen, "ok");
        }
        found.truncate(6);
        (format!("{seen}: {}", found.join("; ")), "DIFFERS")
    }

    fn run(&mut self, case: &Case, right: &Right) -> Result<Seen> {
        let work = tempfile::tempdir()?;
        let gateway = Gateway::new(&self.program, work.path(), &case.variables)?;
        let kind = case.name.split('/').next().unwrap_or_default();
        match kind {
            _ if case.path.is_file() => files::run_text(gateway, &case.path),
            "files" => files::run(gateway, &case.path),
            "http" => http::run(gateway, &case.path, &case.variables),
            _ => {
                let servers = match &mut self.servers {
                    Some(servers) => servers,
                    none => none.insert(Servers::databases()?),
                };
                if case.path.join("diag.sh").exists() {
                    diagnosis::run(gateway, &case.path, servers)
                } else {
                    infra::run(gateway, &case.path, right, servers)
                }
            }
        }
    }
}

/// Copies the files of a folder, but not its folders.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for file in sorted_entries(from)?.iter().filter(|path| path.is_file()) {
        fs::copy(file, to.join(file.file_name().context("a file has a name")?))?;
    }
    Ok(())
}

/// The entries of a folder, sorted by name.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    Ok(paths)
}
