//! Turns a configuration folder into settings, or into all its problems.
//!
//! It reads and checks all files, and compares them with each other. A channel whose file has problems is
//! left out of the settings, which list it with its problems; any other problem stops everything.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    ops::Range,
    path::Path,
};

use contract::ChannelId;
use serde_json::Value;
use toml::de::DeTable;

use crate::{
    channel::RawChannel,
    checker::{CheckResult, Schema, quote},
    config_file::{ConfigFile, Finding},
    conflicts::{budget_conflicts, duplicate_channels, section_problems},
    format::{Context, code_tables, half_width, reason},
    gateway::{ConsoleSettings, GatewayFile},
    problem::{Problem, Problems, Suggestion},
    schema::{SectionSchemas, channel_schema, gateway_schema},
    settings::{Settings, check_listener},
};

/// Reads the configuration in `dir`. `environment` looks up environment variables.
///
/// # Errors
/// All problems of all files.
pub fn resolve(
    dir: &Path,
    sections: &SectionSchemas,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, Problems> {
    let settings = resolve_usable(dir, sections, environment)?;
    settings.all_problems().map_or(Ok(settings), Err)
}

/// Like [`resolve`], but channels with problems are only left out: they are in [`Settings::broken`].
///
/// # Errors
/// All problems of all files, if one of them does not belong to the file of a channel.
pub fn resolve_usable(
    dir: &Path,
    sections: &SectionSchemas,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, Problems> {
    let codes_dir = dir.join("codes");
    let mut tables = code_tables(&codes_dir);
    tables.extend(sections.shipped_code_tables.iter().cloned());
    let context = |folder| Context { dir, folder, environment, tables: &tables };
    let mut problems = Vec::new();

    let gateway_schema = gateway_schema();
    let gateway = match read(dir, "gateway.toml") {
        Err(problem) => {
            problems.push(*problem);
            Value::Null
        }
        Ok(mut file) => {
            let schema = Schema::new(&gateway_schema);
            check(&mut file, &schema, &context(dir.to_owned()), &mut problems).value
        }
    };

    let channel_schema = channel_schema(sections);
    let schema = Schema::new(&channel_schema);
    let mut channels = Vec::new();
    for name in channel_folders(dir, &mut problems) {
        let id = name.parse::<ChannelId>();
        if let Err(error) = &id {
            problems.push(Problem::of_file(format!("channels/{name}"), error.to_string()));
        }
        match read(dir, &format!("channels/{name}/channel.toml")) {
            Err(problem) => problems.push(*problem),
            Ok(mut file) => {
                let folder = dir.join("channels").join(&name);
                let checked = check(&mut file, &schema, &context(folder.clone()), &mut problems);
                problems.extend(section_problems(&checked.value, sections, &file));
                let CheckResult { value, secrets, .. } = checked;
                // The invalid name is reported already; the file is still compared with the others.
                let id = id.or_else(|_| "unnamed".parse::<ChannelId>());
                channels.extend(id.map(|id| RawChannel { id, folder, file, value, secrets }));
            }
        }
    }
    problems.extend(duplicate_channels(&channels));
    problems.extend(budget_conflicts(&channels));
    let broken = Problems::by_channel(problems)?;
    channels.retain(|channel| !broken.contains_key(&channel.id));
    settings(dir, gateway, channels, broken)
}

/// Turns checked values into settings. A value that matches its schema but cannot be deserialised means
/// that the schema is wrong; only the first such problem of a file is reported.
fn settings(
    dir: &Path,
    gateway: Value,
    raw: Vec<RawChannel>,
    mut broken: BTreeMap<ChannelId, Problems>,
) -> Result<Settings, Problems> {
    let defect = |file: &str, error: serde_json::Error| {
        let message =
            format!("the file passes its checks but cannot be used; report this: {error}");
        Problems::from(Problem::of_file(file, message))
    };
    let mut channels = Vec::new();
    for channel in raw {
        let (id, path) = (channel.id.clone(), channel.file.path.clone());
        match channel.into_settings() {
            Ok(channel) => channels.push(channel),
            Err(error) => drop(broken.insert(id, defect(&path, error))),
        }
    }
    let gateway: GatewayFile =
        serde_json::from_value(gateway).map_err(|error| defect("gateway.toml", error))?;
    let settings = gateway.into_settings(dir, channels, broken);
    if let Some(ConsoleSettings { listen, token }) = &settings.console
        && let Err(why) = check_listener(*listen, token.is_some())
    {
        let problem = Problem::of_file("gateway.toml", format!("[console] {why}"));
        return Err(problem.advise("set `token`, or listen on 127.0.0.1").into());
    }
    Ok(settings)
}

/// Reads a file in UTF-8, UTF-16 or GB18030; `file` is its path relative to the configuration folder.
fn read(dir: &Path, file: &str) -> Result<ConfigFile, Box<Problem>> {
    let bytes = fs::read(dir.join(file)).map_err(|error| {
        Box::new(Problem::of_file(file, format!("the file cannot be read: {}", reason(&error))))
    })?;
    // UTF-8 is not converted: the positions in suggestions are byte offsets into the file.
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok(ConfigFile::new(file.to_owned(), text)),
        Err(error) => error.into_bytes(),
    };
    if let Some(text) = normalizer_text::decode_file(&bytes) {
        return Ok(ConfigFile::new(file.to_owned(), text.into_owned()));
    }
    let end = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let valid = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let valid_part = ConfigFile::new(file.to_owned(), valid);
    let message = "the file is not text in UTF-8, UTF-16 or GB18030".to_owned();
    let advice = Suggestion::advice("save the file as UTF-8");
    Err(Box::new(valid_part.problem(Finding::new(end..end, message, Some(advice)))))
}

/// The names of the channel folders, sorted. Names that begin with a dot are ignored: they belong to
/// other tools.
fn channel_folders(dir: &Path, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut folders: Vec<String> = fs::read_dir(dir.join("channels"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    folders.sort();
    if folders.is_empty() {
        problems.push(
            Problem::of_file("channels", "there is no channel")
                .advise("create a folder with a channel.toml for each channel"),
        );
    }
    folders
}

/// Checks one file, adds what is wrong with it to `problems`, and hides the secrets in it.
fn check(
    file: &mut ConfigFile,
    schema: &Schema<'_>,
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> CheckResult {
    let (tree, errors) = DeTable::parse_recoverable(&file.text);
    let mut checked = schema.check(&tree, &file.text, context);
    let spans: Vec<_> = errors.iter().map(|error| error.span().unwrap_or_default()).collect();
    let hidden = std::mem::take(&mut checked.hidden);
    drop(tree);
    let secret_value = |span| secret_on_line(&file.text, span, schema);
    let secret_values: Vec<_> = spans.iter().filter_map(secret_value).collect();
    file.hide(hidden.into_iter().chain(secret_values));

    let broken_lines: HashSet<usize> =
        spans.iter().map(|span| file.line_index(span.start)).collect();
    // If a table header is broken, the keys below it land in another table, and findings about them are
    // wrong.
    let mut lines = file.text.lines().enumerate();
    let has_broken_header = lines
        .any(|(index, line)| broken_lines.contains(&index) && line.trim_start().starts_with('['));
    let findings = std::mem::take(&mut checked.findings);
    problems.extend(
        findings
            .into_iter()
            .filter(|_| !has_broken_header)
            .filter(|finding| broken_lines.is_empty() || !finding.is_missing_key)
            .filter(|finding| !broken_lines.contains(&file.line_index(finding.span.start)))
            .map(|finding| file.problem(finding)),
    );
    for (error, span) in errors.iter().zip(spans) {
        let suggestion = suggest(error.message(), &span, file);
        let message = error.message().to_owned();
        problems.push(file.problem(Finding::new(span, message, suggestion)));
    }
    checked
}

/// The byte range of the value on a line with a syntax error, if its key may hold a secret. The parsed
/// tree may lack such a line, so the value is looked for in the text.
fn secret_on_line(text: &str, span: &Range<usize>, schema: &Schema<'_>) -> Option<Range<usize>> {
    let (before, _) = text.split_at_checked(span.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next()?;
    let (key, value) = line.split_once(['=', '＝'])?;
    let key = key.trim().trim_matches(['"', '\'']);
    let key = key.rsplit('.').next().unwrap_or(key);
    let line_end = line_start + line.len();
    schema.may_be_secret(key).then(|| line_end - value.len()..line_end)
}

/// What to do about a TOML syntax error.
fn suggest(message: &str, span: &Range<usize>, file: &ConfigFile) -> Option<Suggestion> {
    if message.starts_with("duplicate key") {
        return Some(Suggestion::advice("this key is already set above: keep one of the two"));
    }
    // An error may point to the place before a sign.
    let sign = file.text.get(span.start..)?.chars().next()?;
    let literal = file.text.get(span.clone()).filter(|literal| !literal.is_empty());
    let end = literal.map_or(span.start + sign.len_utf8(), |_| span.end);
    let marked = span.start..end;
    if let Some(plain) = file.text.get(marked.clone()).and_then(half_width)
        && !file.hides(&marked)
    {
        return Some(Suggestion::replace(marked, plain));
    }
    let literal = literal?;
    (message.starts_with("string values must be quoted") && !file.hides(span))
        .then(|| Suggestion::replace(span.clone(), quote(literal)))
}
