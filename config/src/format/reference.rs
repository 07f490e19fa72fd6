//! Names of things outside the file: code tables, fixtures, environment variables, secret files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use contract::ChannelId;

use super::{Wrong, nearest};

/// Largest request body or certificate file, in bytes.
const MAX_CONTENT: u64 = 1 << 20;

/// What a configuration may refer to.
pub(crate) struct World<'w> {
    /// The configuration folder.
    pub(crate) dir: &'w Path,
    /// The folder of the file that is being checked.
    pub(crate) folder: PathBuf,
    /// The environment.
    pub(crate) environment: &'w dyn Fn(&str) -> Option<String>,
    /// Names of the code tables.
    pub(crate) tables: &'w [String],
}

/// Names of all code tables below a folder: `hotline/kind` for `hotline/kind.csv`.
pub(crate) fn code_tables(dir: &Path) -> Vec<String> {
    let mut tables = Vec::new();
    gather(dir, "", &mut tables);
    tables.sort();
    tables
}

fn gather(dir: &Path, prefix: &str, tables: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            gather(&entry.path(), &format!("{prefix}{name}/"), tables);
        } else if let Some(table) = name.strip_suffix(".csv") {
            tables.push(format!("{prefix}{table}"));
        }
    }
}

pub(super) fn codes(name: &str, world: &World<'_>) -> Option<Wrong> {
    if world.tables.iter().any(|table| table == name) {
        return None;
    }
    let instead = nearest(name, world.tables.iter().map(String::as_str)).map(str::to_owned);
    Some(Wrong {
        message: format!("there is no code table `{name}`: codes/{name}.csv does not exist"),
        advice: instead
            .is_none()
            .then(|| "write the table there, with the columns raw,code,label".to_owned()),
        instead,
        part: None,
    })
}

/// Names of upstreams follow the rules for names of channels: the default is the channel's own name.
pub(super) fn upstream(name: &str) -> Option<Wrong> {
    let error = name.parse::<ChannelId>().err()?;
    let message = error.to_string().replace("channel name", "name of an upstream");
    Some(Wrong { message, ..Wrong::default() })
}

pub(super) fn fixture(name: &str, world: &World<'_>) -> Option<Wrong> {
    let path = world.folder.join(name);
    if path.is_file() {
        return None;
    }
    let (prefix, _) = name.rsplit_once('/').map_or(("", name), |(prefix, file)| (prefix, file));
    let slash = if prefix.is_empty() { "" } else { "/" };
    let beside: Vec<String> = fs::read_dir(world.folder.join(prefix))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|file| format!("{prefix}{slash}{file}"))
        .collect();
    Some(Wrong {
        message: format!("the file `{name}` does not exist in the folder of the channel"),
        instead: nearest(name, beside.iter().map(String::as_str)).map(str::to_owned),
        ..Wrong::default()
    })
}

/// The content of a file in the channel's folder: a request body or certificates.
pub(crate) fn content(name: &str, world: &World<'_>) -> Result<String, Wrong> {
    if let Some(wrong) = fixture(name, world) {
        return Err(wrong);
    }
    let path = world.folder.join(name);
    let wrong = |state: &str| Wrong {
        message: format!("the file `{name}` cannot be used: {state}"),
        ..Wrong::default()
    };
    match fs::metadata(&path) {
        Ok(file) if file.len() > MAX_CONTENT => Err(wrong("it is larger than 1 MiB")),
        _ => fs::read_to_string(&path).map_err(|error| wrong(reason(&error))),
    }
}

/// The value of an environment variable. A text that is not a valid name may be the secret itself, so it
/// is not quoted.
pub(crate) fn variable(name: &str, world: &World<'_>) -> Result<String, Wrong> {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !letters || !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return Err(Wrong {
            message: "this is not the name of an environment variable".to_owned(),
            advice: Some("write the name of a variable, not the secret itself".to_owned()),
            ..Wrong::default()
        });
    }
    let wrong = |state: &str| Wrong {
        message: format!("the environment variable `{name}` is {state}"),
        advice: Some("set it where the gateway is started".to_owned()),
        ..Wrong::default()
    };
    match (world.environment)(name) {
        None => Err(wrong("not set")),
        Some(value) if value.trim().is_empty() => Err(wrong("empty")),
        Some(value) => Ok(value),
    }
}

/// The secret that `{ env = … }` or `{ file = … }` names: of a file, its first line, or all of a PEM
/// file.
pub(crate) fn secret(key: &str, name: &str, world: &World<'_>) -> Result<String, Wrong> {
    if key == "env" {
        return variable(name, world);
    }
    let wrong = |state: String| Wrong {
        message: format!("the secret file `{name}` {state}"),
        advice: Some("its path is relative to the configuration folder".to_owned()),
        ..Wrong::default()
    };
    let text = fs::read_to_string(world.dir.join(name))
        .map_err(|error| wrong(format!("cannot be read: {}", reason(&error))))?;
    if text.lines().any(|line| line.starts_with("-----BEGIN ")) {
        return Ok(text);
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.trim_start_matches('\u{feff}').to_owned()),
        None => Err(wrong("has an empty first line".to_owned())),
    }
}

/// Why a file cannot be read, without error numbers.
pub(crate) fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist",
        std::io::ErrorKind::PermissionDenied => "this user may not read it",
        std::io::ErrorKind::InvalidData => "it is not text in UTF-8",
        std::io::ErrorKind::IsADirectory => "it is a folder",
        _ => "the system refuses it",
    }
}
