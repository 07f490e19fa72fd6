//! References to something outside the file: code tables, other files, environment variables, secrets.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use contract::ChannelId;

use super::{TextProblem, nearest};
use crate::allow::Allow;

/// Maximum size of a configuration file, a request body or a certificate file, in KiB.
const MAX_CONTENT_KIB: u64 = 1 << 10;
/// Maximum size of the file of a secret, in KiB.
const MAX_SECRET_KIB: u64 = 64;

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
    /// Files that no channel may use, without symbolic links in their paths: those with the keys, the demands and the
    /// audit log of the gateway. For `gateway.toml`, which names them, there are none.
    pub(crate) own_files: Vec<PathBuf>,
    /// What the file may use; for `gateway.toml`, everything.
    pub(crate) allow: &'w Allow,
}

/// Stands for a secret that is not set, in commands that connect to no source. It is valid in the settings of every
/// connector: it is a URL, and has 16 bytes like the key of a cipher.
pub const UNSET: &str = "sqlite:not-given";

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
        return (!may_use(&path, context)).then(|| TextProblem {
            message: format!("the file `{name}` is not in the folder of the channel"),
            advice: Some("copy it into that folder, and write its name".to_owned()),
            ..TextProblem::default()
        });
    }
    let prefix = name.rfind('/').map_or("", |slash| &name[..=slash]);
    let files: Vec<String> = fs::read_dir(context.folder.join(prefix))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|file| format!("{prefix}{file}"))
        .collect();
    let folder = match context.folder == context.dir {
        true => "the configuration folder",
        false => "the folder of the channel",
    };
    Some(TextProblem {
        message: format!("the file `{name}` does not exist in {folder}"),
        suggestion: nearest(name, files.iter().map(String::as_str)).map(str::to_owned),
        ..TextProblem::default()
    })
}

/// A path without symbolic links, also of a file that does not exist yet; `None` if that cannot be told.
pub(crate) fn real_path(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    match fs::canonicalize(&path) {
        Ok(real) => Some(real),
        // Nobody knows yet where a broken link will lead.
        Err(_) if path.is_symlink() => None,
        Err(_) => Some(real_path(path.parent()?)?.join(path.file_name()?)),
    }
}

/// Whether the content of a file may become part of the configuration. A channel may use only files of its own folder,
/// also through symbolic links, because it may send what it reads to its source.
fn may_use(path: &Path, context: &Context<'_>) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    context.folder == context.dir
        || real(path)
            .zip(real(&context.folder))
            .is_some_and(|(file, folder)| file.starts_with(folder))
}

/// The content of a file in the channel's folder: a request body or certificates.
pub(crate) fn content(name: &str, context: &Context<'_>) -> Result<String, TextProblem> {
    if let Some(problem) = file_problem(name, context) {
        return Err(problem);
    }
    let problem = |state: String| TextProblem {
        message: format!("the file `{name}` cannot be used: {state}"),
        ..TextProblem::default()
    };
    let bytes = file_bytes(&context.folder.join(name), MAX_CONTENT_KIB).map_err(problem)?;
    String::from_utf8(bytes).map_err(|_| problem(NOT_UTF8.to_owned()))
}

/// The bytes of a configuration file; `file` is its path relative to the configuration folder `dir`. A link may lead
/// to another such file within that folder, as Kubernetes makes them. Files elsewhere, or with another extension, such as
/// keys, are not read, because problems show lines of a file.
///
/// # Errors
/// It cannot be read; the text says why.
pub(crate) fn config_bytes(dir: &Path, file: &str) -> Result<Vec<u8>, String> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| reason(&error).to_owned());
    let path = real(&dir.join(file))?;
    if !path.starts_with(real(dir)?) {
        return Err(
            "a link leads out of the configuration folder: put the file itself here".to_owned()
        );
    }
    if path.extension() != Path::new(file).extension() {
        return Err("a link leads to a file of another kind: put the file itself here".to_owned());
    }
    file_bytes(&path, MAX_CONTENT_KIB)
}

/// The bytes of a regular file of at most `max_kib` KiB. Nothing else is opened: a device may have no end, and a pipe
/// may wait for ever.
///
/// # Errors
/// It is not a regular file, or it cannot be read; the text says why.
pub fn file_bytes(path: &Path, max_kib: u64) -> Result<Vec<u8>, String> {
    let too_large = || format!("it is larger than {max_kib} KiB");
    let metadata = fs::metadata(path).map_err(|error| reason(&error).to_owned())?;
    if metadata.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if !metadata.is_file() {
        return Err("it is a device or a pipe, not a file".to_owned());
    }
    if metadata.len() > max_kib << 10 {
        return Err(too_large());
    }
    // It may have grown since.
    let mut bytes = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take((max_kib << 10) + 1).read_to_end(&mut bytes))
        .map_err(|error| reason(&error).to_owned())?;
    if u64::try_from(read).is_ok_and(|read| read <= max_kib << 10) {
        Ok(bytes)
    } else {
        Err(too_large())
    }
}

/// Whether a text that should name a file may be shown: it looks like a path, and not like a secret that was written in
/// its place.
fn looks_like_path(text: &str) -> bool {
    let is_usual = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ' ');
    text.contains(['/', '.']) && text.chars().all(is_usual)
}

/// The value of an environment variable. A string that is not written like the name of one may be the secret
/// itself, so the message does not contain it.
pub(crate) fn variable(name: &str, context: &Context<'_>) -> Result<String, TextProblem> {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word || !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return Err(TextProblem {
            message: "the value is not the name of an environment variable".to_owned(),
            advice: Some("write the name of a variable, not the secret itself".to_owned()),
            ..TextProblem::default()
        });
    }
    // By custom, names of variables are in capitals.
    let (shown, note) = if name.contains(|c: char| c.is_ascii_lowercase()) {
        let note =
            "; the name is not shown, because it is not in capitals and may be the secret itself";
        ("with this name".to_owned(), note)
    } else {
        (format!("`{name}`"), "")
    };
    let problem = |state: &str| TextProblem {
        message: format!("the environment variable {shown} is {state}"),
        advice: Some(format!("set it in the environment of the gateway{note}")),
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
    let shown = if looks_like_path(name) { format!("`{name}`") } else { "of this name".to_owned() };
    let problem = |state: String| TextProblem {
        message: format!("the secret file {shown} {state}"),
        advice: Some("its path is relative to the configuration folder".to_owned()),
        ..TextProblem::default()
    };
    let path = context.dir.join(name);
    if fs::canonicalize(&path).is_ok_and(|real| context.own_files.contains(&real)) {
        return Err(TextProblem {
            message: format!(
                "the file {shown} belongs to the gateway: it holds its keys, its demands or its audit log"
            ),
            advice: Some("write the secret of the source into a file of its own".to_owned()),
            ..TextProblem::default()
        });
    }
    if !context.allow.admits_secret(&path, context) {
        return Err(TextProblem {
            message: format!(
                "the secret file {shown} is outside the configuration folder, and `folders` of [allow] in gateway.toml \
                 does not list its folder"
            ),
            advice: Some(
                "move it into the configuration folder, or list its folder there".to_owned(),
            ),
            ..TextProblem::default()
        });
    }
    let bytes = file_bytes(&path, MAX_SECRET_KIB)
        .map_err(|why| problem(format!("cannot be read: {why}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| problem(format!("cannot be read: {NOT_UTF8}")))?;
    if text.lines().any(|line| line.starts_with("-----BEGIN ")) {
        return Ok(text);
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.trim_start_matches('\u{feff}').to_owned()),
        None => Err(problem("has an empty first line".to_owned())),
    }
}

const NOT_UTF8: &str = "it is not text in UTF-8";

/// Why a file cannot be read, without error numbers.
fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist",
        io::ErrorKind::PermissionDenied => "this user has no permission to read it",
        _ => "the system cannot read it",
    }
}
