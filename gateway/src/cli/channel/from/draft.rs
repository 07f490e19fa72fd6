//! Writes the file of a channel: a comment says of each setting why it was guessed, or what is missing.

use contract::ChannelId;
use document::DocumentFormat;
use serde_json::{Map, Value};

use super::{
    answer::Answer,
    fields::Fields,
    guess::Guess,
    records::Records,
    request::{Body, Request},
};
use crate::plain::escape_line;

/// Everything that was found out about a source.
pub(super) struct Proposal {
    /// `records`, `key`, and the settings of pages, times and charsets.
    pub(super) reading: Vec<Guess>,
    pub(super) fields: Fields,
    /// The path of the key.
    pub(super) key: Guess,
    pub(super) records: Records,
}

/// Stands for the name of the channel in what is said about a guess.
pub(super) const CHANNEL: &str = "‹channel›";

/// A text of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A JSON value as TOML. TOML has no `null`: such members are left out.
fn toml_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(toml_of).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => table(members),
        other => other.to_string(),
    })
}

fn table(members: &Map<String, Value>) -> String {
    let pairs = members
        .iter()
        .filter_map(|(name, value)| Some(format!("{} = {}", key(name), toml_of(value)?)));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) { name.to_owned() } else { quoted(name) }
}

/// A line of a guess; names in it come from the source.
fn line(setting: &str, guess: &Guess, channel: &ChannelId) -> String {
    let why = escape_line(&guess.why).replace(CHANNEL, channel.as_str());
    match (&guess.value, guess.sure) {
        (Some(value), Some(sure)) => {
            format!("# guess ({}): {why}\n{setting} = {value}\n", sure.name())
        }
        _ => format!("# TODO {setting}: {why}\n"),
    }
}

fn head(channel: &ChannelId, connector: &str, what: &str, every: &str) -> String {
    format!(
        "#:schema ../../schema/channel.json\n# {what}\n# `guess` says why a line is as it is: compare it with the \
         source's documents. `TODO` says what is missing.\n\nname = {}\nconnector = \"{connector}\"\n\n[schedule]\nevery = \
         \"{every}\"   # pause after everything new is read\n\n",
        quoted(channel.as_str())
    )
}

/// The request alone, to ask for one answer: whatever comes is taken, and read by nobody.
pub(super) fn to_ask(channel: &ChannelId, request: &Request) -> String {
    format!(
        "{}[http]\n{}empty = [{{ status = [200, 201, 202, 203, 206] }}]\nrecords = \"$[*]\"\nkey = \"$.id\"\n\n[demand]\nsource_no \
         = \"$.id\"\n",
        head(channel, "http", "It asks for one answer.", "1d"),
        call(request)
    )
}

/// The rows of a workbook, whatever they are.
pub(super) fn to_open(channel: &ChannelId, extension: &str) -> String {
    format!(
        "{}[files]\nurl = {{ file = \"channels/{channel}/url\" }}\nmatch = [\"*.{extension}\"]\nkey = \"$.no.such\"\nrevision = {{ at = \"$.no.such\" }}\n\n[demand]\nsource_no = \"$.id\"\n",
        head(channel, "files", "It opens one workbook.", "1d")
    )
}

/// The settings of a request.
fn call(request: &Request) -> String {
    let Request { url, is_empty_post, query, charset, headers, body, auth, todo, .. } = request;
    let mut text = format!("url = {}\n", quoted(url));
    if *is_empty_post {
        text.push_str("method = \"POST\"\n");
    }
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
    if host.is_some_and(|host| !["127.0.0.1", "localhost", "[::1]"].contains(&host)) {
        text.push_str("insecure = true   # TODO: use https:// if the source has it; everybody on the way can read this\n");
    }
    if !query.is_empty() {
        text.push_str(&format!("query = {}\n", table(query)));
    }
    if let Some(charset) = charset {
        text.push_str(&format!("query_charset = {}\n", quoted(&charset.name().to_lowercase())));
    }
    if !headers.is_empty() {
        let headers: Map<String, Value> =
            headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        text.push_str(&format!("headers = {}\n", table(&headers)));
    }
    match body {
        Body::None => {}
        Body::Form(fields) => text.push_str(&format!("form = {}\n", table(fields))),
        Body::Json(members) => text.push_str(&format!("json = {}\n", table(members))),
        Body::Text(_, content_type) => {
            let file = "body = \"request.body\"   # the file beside this one\n";
            text.push_str(&format!("{file}content_type = {}\n", quoted(content_type)));
        }
    }
    if let Some(auth) = auth {
        text.push_str(&format!("auth = {auth}   # the secret of the command is in this file\n"));
    }
    for todo in todo {
        text.push_str(&format!("# TODO auth: {}\n", escape_line(todo)));
    }
    text
}

impl Proposal {
    /// All guesses, in the order of the file.
    pub(super) fn guesses(&self) -> impl Iterator<Item = (&'static str, &Guess)> {
        let reading = self.reading.iter().chain([&self.key]).map(|guess| ("", guess));
        let demand = self.fields.demand.iter().map(|guess| ("demand.", guess));
        let person = self.fields.person.iter().map(|guess| ("demand.people.", guess));
        reading.chain(demand).chain(person)
    }

    /// The file of a channel that sends this request.
    pub(super) fn http(&self, channel: &ChannelId, request: &Request, answer: &Answer) -> String {
        let mut text = head(channel, "http", "A channel that reads an HTTP API.", "5m");
        text.push_str("[budget]            # limits of the source\nrate = \"1/s\"\n\n[http]\n");
        text.push_str(&call(request));
        if let Some((at, format)) = &self.records.inner {
            let format = if *format == DocumentFormat::Xml { "xml" } else { "json" };
            text.push_str(&format!("inner = [{{ at = {}, as = \"{format}\" }}]\n", quoted(at)));
        }
        match answer.format {
            Some(DocumentFormat::Csv) => text.push_str("format = \"csv\"\n"),
            Some(DocumentFormat::JsonLines) => text.push_str("format = \"json_lines\"\n"),
            _ => {}
        }
        if answer.is_table() && answer.delimiter != "," {
            text.push_str(&format!("csv = {{ delimiter = {} }}\n", quoted(answer.delimiter)));
        }
        self.rest(text, channel)
    }

    /// The file of a channel that reads files like this one.
    pub(super) fn files(&self, channel: &ChannelId, extension: &str, answer: &Answer) -> String {
        let mut text = head(
            channel,
            "files",
            "A channel that reads files from a folder or an SFTP server.",
            "1m",
        );
        text.push_str(&format!(
            "[budget]\nconcurrent = 1      # maximum number of sessions\n\n[files]\n# TODO url: the first line of this file is \
             the folder: a path, or sftp://USER:PASSWORD@HOST/folder\nurl = {{ file = \"channels/{channel}/url\" }}\nmatch = \
             [{}]\n",
            quoted(&format!("*.{extension}"))
        ));
        if answer.is_table() && answer.delimiter != "," {
            text.push_str(&format!("csv = {{ delimiter = {} }}\n", quoted(answer.delimiter)));
        }
        self.rest(text, channel)
    }

    fn rest(&self, mut text: String, channel: &ChannelId) -> String {
        for guess in &self.reading {
            text.push_str(&line(&guess.setting, guess, channel));
        }
        text.push_str(&line("key", &self.key, channel));
        if self.key.value.is_none() {
            text.push_str("key = \"$.id\"\n");
        }
        text.push_str("\n[demand]            # mapping of a record to a demand\n");
        let has_number = self.fields.demand.iter().any(|guess| guess.setting == "source_no");
        if let Some(value) = self.key.value.as_ref().filter(|_| !has_number) {
            let path = self.number_path(value);
            text.push_str(&format!("# guess (likely): the key\nsource_no = {path}\n"));
        }
        for guess in &self.fields.demand {
            text.push_str(&line(&guess.setting, guess, channel));
        }
        let (known, missing): (Vec<&Guess>, Vec<&Guess>) =
            self.fields.person.iter().partition(|guess| guess.value.is_some());
        if !known.is_empty() {
            text.push_str("\n[[demand.people]]\nrole = \"main\"\n");
        }
        for guess in known {
            text.push_str(&line(&guess.setting, guess, channel));
        }
        for guess in missing {
            let setting = format!("people.{}", guess.setting);
            text.push_str(&line(&setting, guess, channel));
        }
        text
    }

    /// The path of the key as text: an element of XML has it within.
    fn number_path(&self, value: &str) -> String {
        match toml::from_str::<toml::Table>(&format!("key = {value}")) {
            Ok(table) if self.records.is_xml => {
                let path = table.get("key").and_then(toml::Value::as_str).unwrap_or_default();
                let path = if path.contains('@') {
                    path.to_owned()
                } else {
                    format!("{path}[0]['$text']")
                };
                quoted(&path)
            }
            _ => value.to_owned(),
        }
    }
}
