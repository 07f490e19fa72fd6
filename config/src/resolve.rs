//! Turns a configuration folder into settings, or into all its problems.
//!
//! It reads and checks all files, and compares them with each other. [`resolve`] fails if there is any
//! problem. [`resolve_usable`] only leaves out a channel whose file has problems; any other problem stops it
//! too.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use contract::ChannelId;
use serde::Deserialize as _;
use serde_json::Value;
use toml::de::DeTable;

use crate::{
    allow::Allow,
    channel::RawChannel,
    checker::{CheckResult, MAX_FINDINGS, Schema, quote},
    config_file::{ConfigFile, Finding},
    conflicts::{budget_conflicts, duplicate_channels, section_problems},
    door::Door,
    format::{Context, code_tables, config_bytes, half_width, real_path},
    gateway::{BusSettings, ConsoleSettings, FeedSettings, GatewayFile},
    problem::{Problem, Problems, Suggestion},
    schema::{SectionSchemas, channel_schema, gateway_schema},
    settings::Settings,
};

/// Number of keys on a broken line that are compared with those of secrets; what comes after them is hidden.
const MAX_KEYS: usize = 100;

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
    let context = |folder, own_files, allow| Context {
        dir,
        folder,
        environment,
        tables: &tables,
        own_files,
        allow,
    };
    let mut problems = Vec::new();

    let gateway_schema = gateway_schema();
    let everything = Allow::default();
    let gateway = match read(dir, "gateway.toml") {
        Err(problem) => {
            problems.push(*problem);
            Value::Null
        }
        Ok(mut file) => {
            let schema = Schema::new(&gateway_schema);
            let context = context(dir.to_owned(), Vec::new(), &everything);
            check(&mut file, &schema, &context, &mut problems).value
        }
    };

    // If it cannot be read, the problems below stop everything.
    let mut allow = Allow::default();
    // Where a value is wrong, its door would only seem to lack it.
    if problems.is_empty()
        && let Ok(file) = GatewayFile::deserialize(&gateway)
    {
        allow = file.allow.clone();
        let settings = file.into_settings(dir, Vec::new(), BTreeMap::new());
        problems.extend(door_problems(&settings));
        problems.extend(feed_problem(&settings));
    }

    let own_files = own_files(dir, &gateway);
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
                let context = context(folder.clone(), own_files.clone(), &allow);
                let checked = check(&mut file, &schema, &context, &mut problems);
                problems.extend(section_problems(&checked.value, sections, &file));
                let CheckResult { value, secrets, .. } = checked;
                // The invalid name is reported already. Any id will do to compare the file with the others.
                if let Ok(id) = id.or_else(|_| "unnamed".parse::<ChannelId>()) {
                    channels.push(RawChannel { id, folder, file, value, secrets });
                }
            }
        }
    }
    problems.extend(duplicate_channels(&channels));
    problems.extend(budget_conflicts(&channels));
    let broken = Problems::by_channel(problems)?;
    channels.retain(|channel| !broken.contains_key(&channel.id));
    settings(dir, gateway, channels, broken, sections)
}

/// The files with the keys, the demands and the audit log of the gateway, without symbolic links in their paths.
fn own_files(dir: &Path, gateway: &Value) -> Vec<PathBuf> {
    let names = ["/keys/file", "/store/sqlite", "/audit/copy"];
    let names = names.iter().filter_map(|at| gateway.pointer(at)?.as_str());
    names.filter_map(|name| real_path(&dir.join(name))).collect()
}

/// Turns checked values into settings. A value that matches its schema but cannot be deserialised means
/// that the schema is wrong; only the first such problem of a file is reported.
fn settings(
    dir: &Path,
    gateway: Value,
    raw: Vec<RawChannel>,
    mut broken: BTreeMap<ChannelId, Problems>,
    sections: &SectionSchemas,
) -> Result<Settings, Problems> {
    let defect = |file: &str, error: serde_json::Error| {
        let message =
            format!("the file passes its checks but cannot be used; report this: {error}");
        Problems::from(Problem::of_file(file, message))
    };
    let mut channels = Vec::new();
    for mut channel in raw {
        if let Some(proxy) = gateway.pointer("/network/proxy") {
            channel.inherit("proxy", proxy, sections);
        }
        let (id, path) = (channel.id.clone(), channel.file.path.clone());
        match channel.into_settings() {
            Ok(channel) => channels.push(channel),
            Err(error) => drop(broken.insert(id, defect(&path, error))),
        }
    }
    let gateway: GatewayFile =
        serde_json::from_value(gateway).map_err(|error| defect("gateway.toml", error))?;
    Ok(gateway.into_settings(dir, channels, broken))
}

/// The problems of the doors, whoever the senders of the channels are.
fn door_problems(settings: &Settings) -> Vec<Problem> {
    let problem =
        |what: String, advice: &str| Problem::of_file("gateway.toml", what).advise(advice);
    let unsafe_network = |(section, door): (&str, &Door)| {
        let why = door.check_network().err()?;
        let advice = "set `tls`, or `proxy = true` if a proxy with TLS stands in front, or listen on 127.0.0.1";
        Some(problem(format!("[{section}] {why}"), advice))
    };
    let open_console = |ConsoleSettings { door, token, .. }: &ConsoleSettings| {
        let why = door.check_clients(token.is_some()).err()?;
        Some(problem(format!("[console] {why}"), "set `token`, or listen on 127.0.0.1"))
    };
    let short_token = |console: &ConsoleSettings| {
        let why = Door::check_token(console.token.as_ref()?).err()?;
        Some(problem(format!("`token` of [console] {why}"), "set a longer token"))
    };
    let console = settings.console.as_ref();
    let found = settings.doors().filter_map(unsafe_network);
    found.chain(console.and_then(open_console)).chain(console.and_then(short_token)).collect()
}

/// Why the change feed cannot be published.
fn feed_problem(settings: &Settings) -> Option<Problem> {
    let FeedSettings { exchange } = settings.feed.as_ref()?;
    let problem =
        |what: String, advice: &str| Some(Problem::of_file("gateway.toml", what).advise(advice));
    let Some(BusSettings { prefix, .. }) = &settings.bus else {
        let what = "[feed] needs a broker, and there is no [bus]";
        return problem(what.to_owned(), "add [bus] with the URL of a broker, or remove [feed]");
    };
    // The bus has exchanges of its own with these names, and the broker those that begin with `amq.`.
    let is_taken = exchange == prefix || *exchange == format!("{prefix}.dead");
    if is_taken || exchange.starts_with("amq.") || !exchange.bytes().all(|b| b.is_ascii_graphic()) {
        let what = format!("`exchange` of [feed] cannot be {exchange:?}");
        let advice =
            "choose another name of ASCII letters, digits and dots, such as \"tonghui.feed\"";
        return problem(what, advice);
    }
    None
}

/// Reads a file in UTF-8, UTF-16 or GB18030; `file` is its path relative to the configuration folder.
fn read(dir: &Path, file: &str) -> Result<ConfigFile, Box<Problem>> {
    let bytes = config_bytes(dir, file).map_err(|why| {
        Box::new(Problem::of_file(file, format!("the file cannot be read: {why}")))
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

/// The names of the channel folders, sorted; a link to nothing is one too, which has no file. Names that begin with a
/// dot are ignored: they belong to other tools. A file that was meant as a channel is reported.
fn channel_folders(dir: &Path, problems: &mut Vec<Problem>) -> Vec<String> {
    let entries = fs::read_dir(dir.join("channels")).into_iter().flatten().flatten();
    let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry));
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for (name, entry) in named.filter(|(name, _)| !name.starts_with('.')) {
        if entry.path().is_file() {
            files.push(name);
        } else {
            folders.push(name);
        }
    }
    folders.sort();
    for file in files {
        let Some(channel) = file.strip_suffix(".toml") else { continue };
        if folders.iter().any(|folder| folder == channel) {
            continue;
        }
        let right = format!("channels/{channel}/channel.toml");
        let what = format!("the file does not exist, and channels/{file} is not read");
        problems.push(Problem::of_file(right.clone(), what).advise(format!("move it to {right}")));
    }
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
    let (tree, mut errors) = DeTable::parse_recoverable(&file.text);
    let mut checked = schema.check(&tree, &file.text, context);
    let is_cut = errors.len() > MAX_FINDINGS;
    errors.truncate(MAX_FINDINGS);
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
    if is_cut || findings.len() >= MAX_FINDINGS {
        let message = format!("the file has {MAX_FINDINGS} problems or more; the first are shown");
        problems
            .push(Problem::of_file(&file.path, message).advise("correct these, then check again"));
    }
    problems.extend(
        findings
            .into_iter()
            .filter(|_| !has_broken_header)
            .filter(|finding| broken_lines.is_empty() || !finding.is_missing_key)
            .filter(|finding| !broken_lines.contains(&file.line_index(finding.span.start)))
            .map(|finding| file.problem(finding)),
    );
    let mut last_line = None;
    for (error, span) in errors.iter().zip(spans) {
        // What follows a mistake in its line is rarely another one.
        let line = Some(file.line_index(span.start));
        if std::mem::replace(&mut last_line, line) == line {
            continue;
        }
        let message = match error.message() {
            message if message.starts_with("invalid boolean") => TEXT_LIKE_BOOLEAN,
            message => message,
        };
        let suggestion = suggest(message, &span, file);
        problems.push(file.problem(Finding::new(span, message.to_owned(), suggestion)));
    }
    checked
}

/// The byte range of the values on a line with a syntax error, from the first whose key may hold a secret. The
/// parsed tree may lack such a line, so they are looked for in the text.
fn secret_on_line(text: &str, span: &Range<usize>, schema: &Schema<'_>) -> Option<Range<usize>> {
    let (before, _) = text.split_at_checked(span.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next()?;
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let names_secret =
        |keys: &str| keys.split(|c: char| !is_part(c)).any(|key| schema.may_be_secret(key));
    // In a table like `[http.headers]`, every key may.
    let header = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    let is_secret_table = header.is_some_and(names_secret);
    // An inline table has several keys.
    let holds_secret = |at: usize| {
        let before = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let key = before.rsplit(|c: char| !is_part(c) && c != '.').next().unwrap_or_default();
        is_secret_table || names_secret(key)
    };
    let mut signs = line.match_indices(['=', '＝']).enumerate();
    let (_, (at, sign)) = signs.find(|(n, (at, _))| *n >= MAX_KEYS || holds_secret(*at))?;
    Some(line_start + at + sign.len()..line_start + line.len())
}

/// What to do about a TOML syntax error.
fn suggest(message: &str, span: &Range<usize>, file: &ConfigFile) -> Option<Suggestion> {
    if message.starts_with("duplicate key") {
        return Some(Suggestion::advice("this key is already set above: keep one of the two"));
    }
    replacement(message, span, file).or_else(|| {
        let (sign, plain) = wrong_sign(file.line(span.start))?;
        let what = if sign == ':' { "no sign of TOML here" } else { "a full-width sign" };
        Some(Suggestion::advice(format!("`{sign}` is {what}: type `{plain}`")))
    })
}

/// The text to write in place of a TOML syntax error, if it is clear.
fn replacement(message: &str, span: &Range<usize>, file: &ConfigFile) -> Option<Suggestion> {
    // The span of an error may be empty: then the character after it is meant.
    let next_char = file.text.get(span.start..)?.chars().next()?;
    let literal = file.text.get(span.clone()).filter(|literal| !literal.is_empty());
    let end = literal.map_or(span.start + next_char.len_utf8(), |_| span.end);
    let marked = span.start..end;
    if let Some(plain) = file.text.get(marked.clone()).and_then(half_width)
        && next_char != '：'
        && !file.hides(&marked)
    {
        return Some(Suggestion::replace(marked, plain));
    }
    let literal = literal?;
    let is_text =
        message.starts_with("string values must be quoted") || message == TEXT_LIKE_BOOLEAN;
    (is_text && !file.hides(span)).then(|| Suggestion::replace(span.clone(), quote(literal)))
}

/// What is said about a text without quotes that begins like `true` or `false`; the parser says that it is a wrong one
/// of these.
const TEXT_LIKE_BOOLEAN: &str = "this is neither `true` nor `false`: a text needs quotes";

/// The first sign of a line that TOML does not know there, and the one to type instead.
fn wrong_sign(line: &str) -> Option<(char, String)> {
    let wide = |c: char| {
        let plain = half_width(c.encode_utf8(&mut [0; 4])).filter(|plain| plain != " ");
        Some((c, if c == '：' { "=".to_owned() } else { plain? }))
    };
    let (mut quote, mut colon, mut is_value) = (None, None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '#') => break,
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => is_value = true,
            (None, ':') if !is_value => colon = Some((c, "=".to_owned())),
            (None, c) => {
                if let Some(sign) = wide(c) {
                    return Some(sign);
                }
            }
        }
    }
    if quote.is_none() {
        return colon;
    }
    // A quote that was typed in two forms is not closed.
    line.chars().filter(|c| matches!(c, '“' | '”' | '‘' | '’' | '＂')).find_map(wide)
}
