//! `[allow]` of gateway.toml: the kinds, commands, hosts and folders that channels may use.
//!
//! The keyword `allow` in a schema says what a value names outside the gateway, in one of the words of
//! [`Allow::problem`]. So one rule covers every connector.

mod host;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

pub(crate) use self::host::host_problem;
use self::host::{AllowedHost, Destination, of_address, of_database};
use crate::format::{Context, TextProblem, UNSET, real_path};

/// What channels may use. Who writes a channel is not always who owns the machine: a channel that uses what is not
/// listed here has a problem and does not run. A list that is left out allows everything of its kind.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Allow {
    /// Kinds of connectors, like `["table", "http"]`.
    kinds: Option<Vec<String>>,
    /// What channels of the kind `process` may run: each program with all its arguments, exactly as `command` of
    /// the channel says, like `[["python3", "/opt/plugins/parks.py"]]`. Write whole paths of scripts: what is in
    /// the folder of a channel, its writer can change, so it is refused.
    commands: Option<Vec<Vec<String>>>,
    /// Hosts that channels may connect to, and proxies: `"api.city.gov.cn"`, `"*.city.gov.cn"` for all names below
    /// that one, or `"10.1.2.3"`; `"10.1.2.3:5432"` allows one port only. This machine is `"localhost"` or
    /// `"127.0.0.1"`, as the channel writes it.
    hosts: Option<Vec<AllowedHost>>,
    /// Folders that channels may read and move files in, with everything below them, relative to the
    /// configuration folder: folders of files, databases of SQLite, and files of secrets outside the configuration
    /// folder. What belongs to the gateway itself, no channel may use, with this list or without it.
    folders: Option<Vec<String>>,
}

impl Allow {
    /// What is wrong with a value that is not allowed. `what` is the word of its schema, and `beside` has the other
    /// values of its table.
    pub(crate) fn problem(
        &self,
        what: &str,
        value: &Value,
        beside: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Option<TextProblem> {
        let given = |value: &Value| value.as_str().filter(|text| *text != UNSET).map(str::to_owned);
        match what {
            // The name of a connector.
            "kind" => self.kind_problem(&given(value)?),
            // A program and its arguments.
            "command" => self.command_problem(value, context),
            // A URL for HTTP.
            "address" => self.hosts_problem(&given(value)?, of_address),
            // The URL of a proxy; `none` is no host.
            "proxy" => self.hosts_problem(&given(value).filter(|url| url != "none")?, of_address),
            // A table with addresses of hosts.
            "addresses" => value.as_object()?.values().filter_map(given).find_map(|address| {
                let host = if address.contains(':') { format!("[{address}]") } else { address };
                self.hosts_problem(&format!("https://{host}/"), of_address)
            }),
            // The URL of a database, which may be a file.
            "database" => {
                let url = given(value)?;
                match sqlite_file(&url) {
                    Some(Some(file)) if is_file_of_gateway(&file, context) => Some(of_gateway()),
                    Some(Some(file)) => self.folder_problem(&file, context),
                    Some(None) => Some(unknown_file()),
                    None => self.hosts_problem(&url, of_database),
                }
            }
            // A path, or the URL of a folder.
            "folder" => {
                let url = given(value)?;
                match local_folder(&url) {
                    Some(folder) if is_folder_of_gateway(&folder, context) => Some(of_gateway()),
                    Some(folder) => self.folder_problem(&folder, context),
                    None => self.hosts_problem(&url, of_address),
                }
            }
            // A path, which may be relative to the folder in `url`.
            "subfolder" => {
                let folder = local_folder(&given(beside.get("url")?)?)?.join(given(value)?);
                match is_folder_of_gateway(&folder, context) {
                    true => Some(of_gateway()),
                    false => self.folder_problem(&folder, context),
                }
            }
            _ => None,
        }
    }

    /// Whether a channel may use the file of a secret.
    pub(crate) fn admits_secret(&self, file: &Path, context: &Context<'_>) -> bool {
        let is_in_configuration = || Some(real_path(file)?.starts_with(real_path(context.dir)?));
        self.admits_path(file, context) || is_in_configuration().unwrap_or(false)
    }

    fn kind_problem(&self, kind: &str) -> Option<TextProblem> {
        let is_listed = self.kinds.as_ref()?.iter().any(|listed| listed == kind);
        let what = format!("the kind `{kind}`");
        (!is_listed).then(|| refusal(&what, "kinds", &format!("add \"{kind}\"")))
    }

    fn command_problem(&self, command: &Value, context: &Context<'_>) -> Option<TextProblem> {
        let commands = self.commands.as_ref()?;
        let command: Option<Vec<&str>> = command.as_array()?.iter().map(Value::as_str).collect();
        let command = command?;
        if !commands.iter().any(|listed| *listed == command) {
            return Some(refusal("this command", "commands", "add the whole list"));
        }
        // A program without a folder is looked for on the path of the gateway.
        let mut arguments = command.iter().enumerate();
        let (_, file) = arguments.find(|(n, argument)| {
            (*n > 0 || argument.contains('/')) && is_of_channel(argument, context)
        })?;
        Some(TextProblem {
            message: format!(
                "`{file}` is in the folder of a channel, whose writer can change it, and `commands` of [allow] in \
                 gateway.toml lists what may run"
            ),
            advice: Some(
                "move it to a folder of the owner of the gateway, and write its whole path here and there"
                    .to_owned(),
            ),
            ..TextProblem::default()
        })
    }

    fn hosts_problem(
        &self,
        url: &str,
        destinations: fn(&str) -> Option<Vec<Destination>>,
    ) -> Option<TextProblem> {
        let hosts = self.hosts.as_ref()?;
        let Some(destinations) = destinations(url) else {
            return Some(TextProblem {
                message: "it cannot be told which host this address names, and `hosts` of [allow] in gateway.toml \
                          lists those that are allowed"
                    .to_owned(),
                advice: Some("write it like https://HOST/PATH, with the scheme and the host".to_owned()),
                ..TextProblem::default()
            });
        };
        let is_refused = |to: &Destination| !hosts.iter().any(|host| host.admits(to));
        let Destination { host, port } = destinations.into_iter().find(is_refused)?;
        let add = format!("add \"{host}\", or \"{host}:{port}\" for this port only,");
        Some(refusal(&format!("the host `{host}`, port {port},"), "hosts", &add))
    }

    /// What is wrong with a folder or a file that is not listed. Its path may come from a secret, so it is not shown.
    fn folder_problem(&self, path: &Path, context: &Context<'_>) -> Option<TextProblem> {
        let what = "the folder or file that this names";
        (!self.admits_path(path, context)).then(|| refusal(what, "folders", "add its folder"))
    }

    /// Whether a path is in a folder that is listed.
    fn admits_path(&self, path: &Path, context: &Context<'_>) -> bool {
        let Some(folders) = &self.folders else { return true };
        let mut listed = folders.iter().filter_map(|folder| real_path(&context.dir.join(folder)));
        real_path(path).is_some_and(|path| listed.any(|folder| path.starts_with(folder)))
    }
}

/// The problem with something that a list of `[allow]` lacks; `add` says what to add to that list.
fn refusal(what: &str, list: &str, add: &str) -> TextProblem {
    TextProblem {
        message: format!(
            "{what} is not allowed: `{list}` of [allow] in gateway.toml does not list it"
        ),
        advice: Some(format!("if channels may use it, {add} to `{list}` there")),
        ..TextProblem::default()
    }
}

/// The problem with a source that would use what belongs to the gateway. No list can allow it: such a channel would
/// move the keys away, or take the demands for records.
fn of_gateway() -> TextProblem {
    TextProblem {
        message: "this names the configuration, the keys or the demands of the gateway, or a folder with them"
            .to_owned(),
        advice: Some("let the source use a folder of its own, which has nothing else in it".to_owned()),
        ..TextProblem::default()
    }
}

/// The problem with a database of SQLite in a notation that only the driver understands.
fn unknown_file() -> TextProblem {
    TextProblem {
        message: "it cannot be told which file this address names".to_owned(),
        advice: Some("write it like sqlite:/PATH".to_owned()),
        ..TextProblem::default()
    }
}

/// Whether a path is that of the keys, the demands or the audit log.
fn is_file_of_gateway(path: &Path, context: &Context<'_>) -> bool {
    real_path(path).is_some_and(|path| context.own_files.contains(&path))
}

/// Whether a folder contains a file of the gateway, or its configuration, or is a part of that. Other folders beside
/// `gateway.toml` are no part: sources may put their files there.
fn is_folder_of_gateway(path: &Path, context: &Context<'_>) -> bool {
    let Some(folder) = real_path(path) else { return false };
    let parts = ["channels", "codes", "schema"].map(|name| real_path(&context.dir.join(name)));
    parts.iter().flatten().any(|part| part.starts_with(&folder) || folder.starts_with(part))
        || real_path(context.dir).is_some_and(|dir| dir.starts_with(&folder))
        || context.own_files.iter().any(|own| own.starts_with(&folder))
}

/// Whether an argument names a file in the folder of this or another channel.
fn is_of_channel(argument: &str, context: &Context<'_>) -> bool {
    let file = context.folder.join(argument);
    let Some(channels) = real_path(&context.dir.join("channels")) else { return false };
    // A link in such a folder can be changed too.
    let places = [file.parent(), Some(file.as_path())];
    let mut real = places.into_iter().flatten().filter_map(real_path);
    file.is_file() && real.any(|place| place.starts_with(&channels))
}

/// The path of a database of SQLite; the inner `None` if the driver reads it in another way than as a path. `None`
/// for another database.
fn sqlite_file(url: &str) -> Option<Option<PathBuf>> {
    url.strip_prefix("sqlite:")?;
    // As the driver does it.
    let path = url.trim_start_matches("sqlite://").trim_start_matches("sqlite:");
    let path = path.split('?').next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok();
    Some(path.filter(|path| !path.starts_with("file:")).map(|path| PathBuf::from(&*path)))
}

/// The path of a folder on this machine; `None` for one on a server.
pub(crate) fn local_folder(address: &str) -> Option<PathBuf> {
    if !address.contains("://") {
        return Some(PathBuf::from(address));
    }
    let url = Url::parse(address).ok()?;
    if url.scheme() == "file" { url.to_file_path().ok() } else { None }
}
