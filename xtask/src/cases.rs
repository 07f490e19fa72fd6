//! `cargo xtask cases`: runs each folder of rebuilt bug reports on the gateway, and compares what it does
//! with what is right.
//!
//! The inputs are not in this repository. What is right for each is in `cases/right.json`, without their
//! data.

mod files;
mod gateway;
mod http;
mod infra;
mod judge;
mod right;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use self::{
    gateway::Gateway,
    judge::{Seen, differences},
    right::{Right, rights},
};
use crate::{
    run::{build, is_interrupted, print},
    servers::Servers,
};

/// The folders of the kinds of cases.
const KINDS: [&str; 4] = ["files", "http", "infra", "text"];

/// Runs the cases whose name begins with `only`, and prints a table; fails if any is not right.
/// `program` is the gateway to run; without it, it is built.
pub(crate) fn cases(folder: &Path, only: &str, program: Option<&Path>) -> Result<()> {
    let program = match program {
        Some(program) => fs::canonicalize(program)?,
        None => {
            build(&["tonghui"])?;
            env::current_exe()?.with_file_name("tonghui")
        }
    };
    let rights = rights()?;
    let mut runner = Runner { program, servers: None };
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

/// All cases of a folder, sorted by name. `known` are the names that may add variables.
fn find<'a>(folder: &Path, known: impl Iterator<Item = &'a String> + Clone) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for kind in KINDS {
        for path in sorted_entries(&folder.join(kind)).unwrap_or_default() {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{kind}/{file_name}");
            if kind == "text" || path.join("TEXT").exists() {
                let texts = if kind == "text" {
                    vec![path.clone()]
                } else {
                    sorted_entries(&path.join("in"))?
                };
                for path in texts.into_iter().filter(|path| path.extension().is_some()) {
                    let file_name =
                        path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let name =
                        if kind == "text" { name.clone() } else { format!("{name}/{file_name}") };
                    cases.push(Case { name, path, variables: Vec::new() });
                }
            } else if path.is_dir() {
                let with_variables =
                    known.clone().filter(|known| known.starts_with(&format!("{name} ")));
                let mut names: Vec<_> = with_variables.cloned().collect();
                if names.is_empty() {
                    names.push(name);
                }
                for name in names {
                    let pairs = name.split(' ').filter_map(|pair| pair.split_once('='));
                    let variables =
                        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                    cases.push(Case { name, path: path.clone(), variables });
                }
            }
        }
    }
    Ok(cases)
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
        let is_open = right.later && !found.iter().any(|text| text.contains("demands, not"));
        (format!("{seen}: {}", found.join("; ")), if is_open { "later" } else { "DIFFERS" })
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
                infra::run(gateway, &case.path, right, servers)
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
