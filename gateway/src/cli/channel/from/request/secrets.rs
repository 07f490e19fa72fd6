//! Finds the secrets of a command, and puts them where a channel has its secrets.

use connector_wire::secrets::{is_certain_name, is_name};
use contract::ChannelId;
use serde_json::{Map, Value};

use super::Request;
use crate::cli::channel::from::draft::quoted;

/// Minimum number of characters of a secret whose name may mean something else, like `key`.
const MIN_UNCERTAIN: usize = 8;
/// Names of the token of a next page, which is none.
const PAGE_TOKENS: [&str; 5] =
    ["pagetoken", "nexttoken", "nextpagetoken", "continuationtoken", "synctoken"];

/// The secrets that were found.
pub(super) struct Secrets {
    /// The folder of the channel in the configuration.
    folder: String,
    found: Vec<Found>,
}

struct Found {
    /// How certainly it is what lets requests in: the smallest is put into `auth`.
    rank: usize,
    /// What it is, for people.
    what: String,
    /// The value of `auth`.
    auth: String,
    file: String,
    value: String,
    /// Whether it is computed for each request.
    is_signature: bool,
}

/// Whether the value with this name is a secret.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    if PAGE_TOKENS.contains(&plain.to_lowercase().as_str()) {
        return false;
    }
    let is_long = value.chars().count() >= MIN_UNCERTAIN && !value.contains(char::is_whitespace);
    // A JSON Web Token is one under any name.
    let is_web_token = value.starts_with("eyJ") && value.matches('.').count() == 2;
    !value.is_empty() && (is_certain_name(name) || is_name(name) && is_long || is_web_token)
}

impl Secrets {
    pub(super) fn new(channel: &ChannelId) -> Self {
        Self { folder: format!("channels/{channel}"), found: Vec::new() }
    }

    /// An account as `USER:PASSWORD`, for `Authorization: Basic` or Digest.
    pub(super) fn account(&mut self, scheme: &str, account: &str) {
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let user = quoted(user);
        self.add(1, "the password of the account", "password", password, |file| {
            format!("{{ {scheme} = {{ user = {user}, password = {file} }} }}")
        });
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        let (kind, rest) = value.split_once(' ').unwrap_or(("", value));
        let is_authorization = name.eq_ignore_ascii_case("authorization");
        if is_authorization && kind.eq_ignore_ascii_case("bearer") {
            let auth = |file: &str| format!("{{ bearer = {file} }}");
            return self.add(
                0,
                "the token of the header Authorization",
                "token",
                rest.trim(),
                auth,
            );
        }
        let rank = match name.to_ascii_lowercase().as_str() {
            "authorization" => 0,
            "cookie" => 4,
            name if is_certain_name(name) => 2,
            _ => 5,
        };
        let file = if rank == 4 { "cookie" } else { "key" };
        self.add(rank, &format!("the header {name}"), file, value, |file| {
            format!("{{ api_key = {{ header = {}, key = {file} }} }}", quoted(name))
        });
    }

    /// Takes the secrets out of the parameters in a query, or in a body.
    pub(super) fn params(&mut self, kind: &str, fields: &mut Map<String, Value>) {
        let mut taken = Vec::new();
        take_secrets("", fields, &mut taken);
        for (name, value) in taken {
            let rank = if is_certain_name(&name) { 3 } else { 6 };
            let what = format!("the parameter {name}");
            // A field within another one has no scheme of its own.
            let rank = if kind == "field" && name.contains('.') { 9 } else { rank };
            self.add(rank, &what, "key", &value, |file| match kind {
                "param" => format!("{{ api_key = {{ param = {}, key = {file} }} }}", quoted(&name)),
                _ => format!("{{ body_token = {{ field = {}, token = {file} }} }}", quoted(&name)),
            });
        }
    }

    /// Takes the secrets out of the elements of a body in XML, like `<token>…</token>`.
    pub(super) fn text(&mut self, text: &mut String) {
        let mut at = 0;
        while let Some((name, start, end)) = next_element(text, at) {
            at = end;
            let Some(value) = text.get(start..end).map(str::to_owned) else { continue };
            if is_secret(&name, &value) {
                let is_first = !self.found.iter().any(|found| found.rank < 4);
                let auth = |file: &str| {
                    format!("{{ body_token = {{ field = {}, token = {file} }} }}", quoted(&name))
                };
                self.add(
                    if is_first { 3 } else { 9 },
                    &format!("the element {name}"),
                    "key",
                    &value,
                    auth,
                );
                text.replace_range(start..end, if is_first { "{auth}" } else { "" });
                at = start;
            }
        }
    }

    fn add(
        &mut self,
        rank: usize,
        what: &str,
        file: &str,
        value: &str,
        auth: impl FnOnce(&str) -> String,
    ) {
        let n =
            self.found.iter().filter(|found| found.file.trim_end_matches(char::is_numeric) == file);
        let n = n.count();
        let file = if n == 0 { file.to_owned() } else { format!("{file}{}", n + 1) };
        let path = quoted(&format!("{}/{file}", self.folder));
        let name = what.to_lowercase();
        self.found.push(Found {
            rank,
            what: what.to_owned(),
            auth: auth(&format!("{{ file = {path} }}")),
            file,
            value: value.to_owned(),
            is_signature: ["sign", "signature", "signstr"].iter().any(|sign| name.ends_with(sign)),
        });
    }

    /// Writes what was found into the request: a channel has one scheme, the others need a person.
    pub(super) fn write(self, request: &mut Request) {
        let Self { folder, mut found } = self;
        found.sort_by_key(|found| (found.is_signature, found.rank));
        for (index, secret) in found.into_iter().enumerate() {
            let Found { rank, what, auth, file, value, is_signature } = secret;
            if is_signature {
                request.todo.push(format!(
                    "{what} is computed for each request: `tonghui sign solve` finds out how; the one of the command \
                     is in the file {folder}/{file}"
                ));
            } else if index == 0 && rank < 9 {
                request.auth = Some(auth);
            } else {
                request.todo.push(format!(
                    "{what} is a secret too, and is in the file {folder}/{file}: `auth` has room for one, perhaps the \
                     source needs only this one, or `login`"
                ));
            }
            request.secrets.push((file, value + "\n"));
        }
    }
}

/// Takes the secrets out of the members of an object, at any depth.
fn take_secrets(prefix: &str, fields: &mut Map<String, Value>, taken: &mut Vec<(String, String)>) {
    let names: Vec<String> = fields.keys().cloned().collect();
    for name in names {
        let full = format!("{prefix}{name}");
        match fields.get_mut(&name) {
            Some(Value::Object(members)) => take_secrets(&format!("{full}."), members, taken),
            Some(Value::String(text)) if is_secret(&name, text) => {
                taken.push((full, std::mem::take(text)));
                fields.remove(&name);
            }
            Some(Value::Array(list)) => {
                let first =
                    list.iter().filter_map(Value::as_str).find(|text| is_secret(&name, text));
                if let Some(text) = first.map(str::to_owned) {
                    taken.push((full, text));
                    fields.remove(&name);
                }
            }
            _ => {}
        }
    }
}

/// The next element of a text that holds nothing but text: its name, and where its content begins and ends.
fn next_element(text: &str, from: usize) -> Option<(String, usize, usize)> {
    let mut at = from;
    loop {
        let open = at + text.get(at..)?.find('<')?;
        let close = open + text.get(open..)?.find('>')?;
        let end = close + text.get(close..)?.find('<')?;
        let tag = text.get(open + 1..close)?;
        let name = tag.split_whitespace().next().unwrap_or_default();
        let is_leaf = text.get(end..)?.starts_with(&format!("</{name}>")) && !name.is_empty();
        if is_leaf && end > close + 1 {
            let name = name.rsplit(':').next().unwrap_or_default();
            return Some((name.to_owned(), close + 1, end));
        }
        at = close + 1;
    }
}
