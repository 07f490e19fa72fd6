//! Turns a command into the settings of a request. Its secrets become files beside the channel.

mod secrets;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use contract::ChannelId;
use normalizer_text::Charset;
use serde_json::{Map, Value};

use super::{curl::Curl, percent};

/// Headers that the client sets itself, or that are about one visit with a browser.
const NOT_KEPT: &str = "accept-encoding accept-language cache-control connection content-length dnt expect host \
    if-modified-since if-none-match keep-alive pragma priority purpose te transfer-encoding upgrade-insecure-requests";

/// The settings of a request.
#[derive(Default)]
pub(super) struct Request {
    pub(super) url: String,
    /// Whether it is a POST without a body.
    pub(super) is_empty_post: bool,
    pub(super) query: Map<String, Value>,
    /// The charset of the query or the form, if it is not UTF-8.
    pub(super) charset: Option<Charset>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Body,
    /// The value of `auth`, as TOML.
    pub(super) auth: Option<String>,
    /// The files of secrets: their names and contents.
    pub(super) secrets: Vec<(String, String)>,
    /// What must still be done, for a comment.
    pub(super) todo: Vec<String>,
    /// What of the command was not taken over.
    pub(super) ignored: Vec<String>,
}

/// The body of a request.
#[derive(Default)]
pub(super) enum Body {
    #[default]
    None,
    Form(Map<String, Value>),
    Json(Map<String, Value>),
    /// Any other text, and its content type.
    Text(String, String),
}

impl Request {
    /// The request of a command.
    ///
    /// # Errors
    /// It has something that the settings of a channel cannot say; the message contains no secret.
    pub(super) fn new(curl: Curl, channel: &ChannelId) -> Result<Self> {
        let Curl { method, url, headers, user, has_digest, body, ignored } = curl;
        let (url, query) = url.split_once('?').unwrap_or((&url, ""));
        let (url, account) = without_account(url);
        ensure!(
            url.starts_with("https://") || url.starts_with("http://"),
            "the address must begin with https:// or http://"
        );
        let mut request = Self { url, ignored, ..Self::default() };
        request.is_empty_post = method.as_deref() == Some("POST") && body.is_none();
        request.query = request.fields(query);
        let find = |name: &str| {
            let mut found =
                headers.iter().rev().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.clone())
        };
        if let Some(text) = body {
            request.body = request.body_of(text, find("content-type"));
        }
        let mut found = secrets::Secrets::new(channel);
        if let Some(account) = user.or(account) {
            found.account(if has_digest { "digest" } else { "basic" }, &account);
        }
        for (name, value) in headers {
            let lower = name.to_ascii_lowercase();
            if lower == "content-type" {
                continue;
            } else if secrets::is_secret(&lower, &value) {
                found.header(&name, &value);
            } else if lower.starts_with("sec-") || NOT_KEPT.split_whitespace().any(|n| n == lower) {
                request.ignored.push(format!("header {name}"));
            } else {
                request.headers.insert(name, value);
            }
        }
        if matches!(&request.body, Body::Json(members) if members.values().any(has_null)) {
            let what =
                "members of the body that are null: settings cannot say them, so they are not sent";
            request.ignored.push(what.to_owned());
        }
        found.params("param", &mut request.query);
        match &mut request.body {
            Body::Form(fields) | Body::Json(fields) => found.params("field", fields),
            Body::None => {}
            Body::Text(text, _) => found.text(text),
        }
        found.write(&mut request);
        request.ensure_no_placeholder()?;
        Ok(request)
    }

    /// Whether the request can be sent as its settings say: with all its secrets.
    pub(super) fn has_all_secrets(&self) -> bool {
        self.secrets.len() <= usize::from(self.auth.is_some())
    }

    /// The parameters with their values; `a.b` is `b` in `a`.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let mut params = Vec::new();
        flatten("", &self.query, &mut params);
        match &self.body {
            Body::Form(fields) | Body::Json(fields) => flatten("", fields, &mut params),
            Body::None | Body::Text(..) => {}
        }
        params
    }

    /// Takes a parameter out, because another setting says its value from now on.
    pub(super) fn take(&mut self, name: &str) {
        let has_body = !matches!(self.body, Body::None);
        if let Some(value) = self.query.get_mut(name).filter(|_| has_body) {
            // Parameters go to the body, unless a placeholder says where.
            *value = format!("{{{{ {name} }}}}").into();
            return;
        }
        if self.query.remove(name).is_some() {
            return;
        }
        if let Body::Form(fields) | Body::Json(fields) = &mut self.body {
            remove(fields, name);
        }
    }

    /// The fields of a query or a form. Several of one name are a list.
    fn fields(&mut self, text: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let ((name, _), (value, charset)) = (percent::decode(name), percent::decode(value));
            self.charset = self.charset.or(charset);
            match fields.get_mut(&name) {
                None => drop(fields.insert(name, value.into())),
                Some(Value::Array(list)) => list.push(value.into()),
                Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
            }
        }
        fields
    }

    fn body_of(&mut self, text: String, content_type: Option<String>) -> Body {
        let kind = content_type.clone().unwrap_or_default().to_ascii_lowercase();
        let is_form = kind.is_empty() || kind.contains("x-www-form-urlencoded");
        match serde_json::from_str(&text) {
            Ok(Value::Object(members)) if !kind.contains("xml") => return Body::Json(members),
            Ok(Value::Array(_)) => {
                let default = || "application/json; charset=utf-8".to_owned();
                return Body::Text(text, content_type.unwrap_or_else(default));
            }
            _ => {}
        }
        if is_form && !text.trim_start().starts_with(['<', '{', '[']) {
            return Body::Form(self.fields(&text));
        }
        let default = || "text/xml; charset=utf-8".to_owned();
        Body::Text(text, content_type.filter(|_| !is_form).unwrap_or_else(default))
    }

    /// Refuses what the settings would take for the place of a parameter.
    fn ensure_no_placeholder(&mut self) -> Result<()> {
        let has = |text: &str| text.contains("{{");
        let in_params = self.params().iter().any(|(name, value)| has(name) || has(value));
        ensure!(
            !in_params && !has(&self.url) && !self.headers.values().any(|value| has(value)),
            "the request contains `{{{{`, which stands for a parameter in the settings of a channel: write a value"
        );
        if let Body::Text(text, _) = &mut self.body
            && ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign))
        {
            ensure!(
                !text.contains("endraw"),
                "the body contains `endraw`, which a template cannot"
            );
            *text = format!("{{% raw %}}{text}{{% endraw %}}");
        }
        Ok(())
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// An address without the account in it.
fn without_account(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((account, host)) => {
            (format!("{scheme}://{host}{path}"), Some(percent::decode(account).0))
        }
        None => (url.to_owned(), None),
    }
}

fn flatten(prefix: &str, fields: &Map<String, Value>, params: &mut Vec<(String, String)>) {
    for (name, value) in fields {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(members) => flatten(&format!("{name}."), members, params),
            Value::Null => params.push((name, String::new())),
            Value::String(text) => params.push((name, text.clone())),
            other => params.push((name, other.to_string())),
        }
    }
}

fn remove(fields: &mut Map<String, Value>, name: &str) {
    if fields.remove(name).is_some() {
        return;
    }
    if let Some((outer, inner)) = name.split_once('.')
        && let Some(Value::Object(members)) = fields.get_mut(outer)
    {
        remove(members, inner);
    }
}
