//! References to something outside the file: code tables, other files, environment variables, secrets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use contract::ChannelId;

use super::{TextProblem, nearest};

/// Maximum size of a request body or a certificate file, in bytes.
const MAX_CONTENT_BYTES: u64 = 1 << 20;

/// What the strings of a configuration may refer to.
pub(crate) struct Context<'w> {
    /// The configuration folder.
    pub(crate) dir: &'w Path,
    /// The folder of the channel whose file is checked; for `gateway.toml`, the configuration folder.
    pub(crate) folder: PathBuf,
    /// Looks up an environment variable.
    pub(crate) environment: &'w dyn Fn(&str) -> Option<String>,
    /// Names of the code tables: the shipped ones, and those of the configuration folder.
    pub(crate) tables: &'w [String],
}

/// Maximum depth of folders with code tables, so that a cycle of symbolic links ends.
const MAX_DEPTH: usize = 3;

/// Names of all code tables below a folder: `hotline/kind` for `hotline/kind.csv`.
pub fn code_tables(dir: &Path) -> Vec<String> {
    let mut tables = Vec::new();
    collect_tables(dir, "", MAX_DEPTH, &mut tables);
    tables.sort();
    tables
}

/// Adds the names of the code tables below `dir` to `tables`, each with `prefix` in front.
fn collect_tables(dir: &Path, prefix: &str, depth: usize, tables: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            if depth > 0 {
                collect_tables(&entry.path(), &format!("{prefix}{name}/"), depth - 1, tables);
            }
        } else if let Some(table) = name.strip_suffix(".csv") {
            tables.push(format!("{prefix}{table}"));
        }
    }
}

pub(super) fn codes_problem(name: &str, context: &Context<'_>) -> Option<TextProblem> {
    if context.tables.iter().any(|table| table == name) {
        return None;
    }
    let suggestion = nearest(name, context.tables.iter().map(String::as_str)).map(str::to_owned);
    Some(TextProblem {
        message: format!("there is no code table `{name}`: codes/{name}.csv does not exist"),
        advice: suggestion
            .is_none()
            .then(|| "create that file, with the columns raw,code,label".to_owned()),
        suggestion,
        part: None,
    })
}

/// Checks the name of an upstream by the rules for channel names, because an upstream without a name gets
/// that of its channel.
pub(super) fn upstream_problem(name: &str) -> Option<TextProblem> {
    let error = name.parse::<ChannelId>().err()?;
    let message = error.to_string().replace("channel name", "name of an upstream");
    Some(TextProblem { message, ..TextProblem::default() })
}

/// The problem with a name that is not that of a file in the folder of the channel.
pub(super) fn file_problem(name: &str, context: &Context<'_>) -> Option<TextProblem> {
    let path = context.folder.join(name);
    if path.is_file() {
        return None;
    }
    let prefix = name.rfind('/').map_or("", |slash| &name[..=slash]);
    let files: Vec<String> = fs::read_dir(context.folder.join(prefix))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|file| format!("{prefix}{file}"))
        .collect();
    Some(TextProblem {
        message: format!("the file `{name}` does not exist in the folder of the channel"),
        suggestion: nearest(name, files.iter().map(String::as_str)).map(str::to_owned),
        ..TextProblem::default()
    })
}

/// The content of a file in the channel's folder: a request body or certificates.
pub(crate) fn content(name: &str, context: &Context<'_>) -> Result<String, TextProblem> {
    if let Some(problem) = file_problem(name, context) {
        return Err(problem);
    }
    let path = context.folder.join(name);
    let problem = |state: &str| TextProblem {
        message: format!("the file `{name}` cannot be used: {state}"),
        ..TextProblem::default()
    };
    match fs::metadata(&path) {
        Ok(file) if file.len() > MAX_CONTENT_BYTES => Err(problem("it is larger than 1 MiB")),
        _ => fs::read_to_string(&path).map_err(|error| problem(reason(&error))),
    }
}

/// The value of an environment variable. A string that is not a valid name may be the secret itself, so
/// the message does not contain it.
pub(crate) fn variable(name: &str, context: &Context<'_>) -> Result<String, TextProblem> {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word || !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return Err(TextProblem {
            message: "the value is not the name of an environment variable".to_owned(),
            advice: Some("write the name of a variable, not the secret itself".to_owned()),
            ..TextProblem::default()
        });
    }
    let problem = |state: &str| TextProblem {
        message: format!("the environment variable `{name}` is {state}"),
        advice: Some("set it in the environment of the gateway".to_owned()),
        ..TextProblem::default()
    };
    match (context.environment)(name) {
        None => Err(problem("not set")),
        Some(value) if value.trim().is_empty() => Err(problem("empty")),
        Some(value) => Ok(value),
    }
}

/// The secret that `{ env = … }` or `{ file = … }` refers to. In a file it is the first line, or the
/// whole text if that is PEM.
pub(crate) fn secret(key: &str, name: &str, context: &Context<'_>) -> Result<String, TextProblem> {
    if key == "env" {
        return variable(name, context);
    }
    let problem = |state: String| TextProblem {
        message: format!("the secret file `{name}` {state}"),
        advice: Some("its path is relative to the configuration folder".to_owned()),
        ..TextProblem::default()
    };
    let text = fs::read_to_string(context.dir.join(name))
        .map_err(|error| problem(format!("cannot be read: {}", reason(&error))))?;
    if text.lines().any(|line| line.starts_with("-----BEGIN ")) {
        return Ok(text);
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.trim_start_matches('\u{feff}').to_owned()),
        None => Err(problem("has an empty first line".to_owned())),
    }
}

/// Why a file cannot be read, without error numbers.
pub(crate) fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist",
        std::io::ErrorKind::PermissionDenied => "this user has no permission to read it",
        std::io::ErrorKind::InvalidData => "it is not text in UTF-8",
        std::io::ErrorKind::IsADirectory => "it is a folder",
        _ => "the system cannot read it",
    }
}
