//! Placeholders like `{{ id }}`: where a request has the value of a parameter.
//!
//! A value stays one value wherever it stands: one segment of a path, one value of a query, one line of a header.
//! What could become more than that is refused, because others choose such values: the source, and who writes to it.

use std::collections::BTreeSet;

use connector_wire::auth::percent_encoded;
use contract::Fault;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::{
    config::{CallConfig, Config},
    pages::Param,
};

/// What is wrong with a value in an address.
const NO_TEXT: &str = "is neither a text nor a number";

/// The parameters that a request has.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    /// Those that every request has.
    always: Vec<&'a str>,
    /// Those that a first request may lack, and what to do about that.
    later: Vec<(&'a str, &'static str)>,
    /// The day: the `/` in its format separate segments of a path.
    day: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// The parameters of a request that always has all of them.
    pub(crate) fn all(names: impl IntoIterator<Item = &'a String>) -> Self {
        Self { always: names.into_iter().map(String::as_str).collect(), ..Self::default() }
    }

    /// The parameters of the request for a page.
    pub(crate) fn of_list(config: &'a Config) -> Self {
        let mut names = Self::all(config.each.iter().map(|each| &each.param));
        names.day = config.day.as_ref().map(|day| day.param.as_str());
        names.always.extend(names.day);
        names.always.extend(config.page.size().map(|size| size.param.as_str()));
        let since = config.since.as_ref();
        names.always.extend(since.and_then(|since| Some(since.until.as_ref()?.param.as_str())));
        let start = since.map(|since| match since.start {
            Some(_) => (since.param.as_str(), None),
            None => (since.param.as_str(), Some("set `start` in `since`")),
        });
        for (name, missing) in start.into_iter().chain(config.page.named_param()) {
            match missing {
                None => names.always.push(name),
                Some(remedy) => names.later.push((name, remedy)),
            }
        }
        let of_reread = config.reread.iter().flat_map(|reread| reread.params.keys());
        names
            .later
            .extend(of_reread.map(|name| (name.as_str(), "only requests of `reread` have it")));
        names
    }

    /// These, and another parameter that the request always has.
    pub(crate) fn with(mut self, name: &'a str) -> Result<Self, Fault> {
        if self.always.contains(&name) || self.later.iter().any(|(later, _)| *later == name) {
            return Err(Fault::stopped(format!("two parameters have the name `{name}`"))
                .remedy("give the one in `each`, `since`, `day` or `page` another name"));
        }
        self.always.push(name);
        Ok(self)
    }

    /// Refuses a placeholder in `setting` that a request could not fill.
    fn check(&self, setting: &str, name: &str) -> Result<(), Fault> {
        let later = self.later.iter().filter(|_| !self.always.contains(&name));
        if let Some((_, remedy)) = later.into_iter().find(|(later, _)| *later == name) {
            let what = format!("the first request has no value for `{{{{ {name} }}}}`");
            return Err(Fault::stopped(what).at(setting.to_owned()).remedy(*remedy));
        }
        self.check_known(setting, name)
    }

    /// Refuses a name in `setting` that no parameter has.
    pub(crate) fn check_known(&self, setting: &str, name: &str) -> Result<(), Fault> {
        if self.always.contains(&name) || self.later.iter().any(|(later, _)| *later == name) {
            return Ok(());
        }
        let known: Vec<String> =
            self.always.iter().map(|known| format!("`{{{{ {known} }}}}`")).collect();
        let remedy = match known.is_empty() {
            true => "remove it: this request has no parameter".to_owned(),
            false => format!("this request has {}", known.join(", ")),
        };
        let what = format!("`{{{{ {name} }}}}` is no parameter of this request");
        Err(Fault::stopped(what).at(setting.to_owned()).remedy(remedy))
    }
}

/// The placeholders of a request.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The path and the query of the address, with their placeholders.
    path: String,
    query: Option<String>,
    in_path: BTreeSet<String>,
    in_query: BTreeSet<String>,
    in_headers: BTreeSet<String>,
    /// Those in a query or a form, which have a charset of their own.
    in_fields: BTreeSet<String>,
    all: BTreeSet<String>,
    day: Option<String>,
}

impl Placed {
    /// Finds the placeholders of a request, and refuses those that it could not fill.
    pub(crate) fn new(config: &CallConfig, url: &Url, names: &Names<'_>) -> Result<Self, Fault> {
        let (path, query) = (written(url.path()), url.query().map(str::to_owned));
        let find = |setting: &str, texts: &[&str]| {
            let mut found = BTreeSet::new();
            for text in texts {
                for name in pieces(text).map_err(|fault| fault.at(setting.to_owned()))? {
                    found.extend(name.name);
                }
            }
            found.iter().try_for_each(|name| names.check(setting, name))?;
            Ok::<_, Fault>(found)
        };
        let in_path = find("url", &[path.as_str()])?;
        let headers: Vec<&str> = config.headers.values().map(String::as_str).collect();
        let in_headers = find("headers", &headers)?;
        let in_query = find("url", &[query.as_deref().unwrap_or_default()])?;
        let find_in = |setting: &str, fields: Option<&Map<String, Value>>| {
            let mut texts = Vec::new();
            fields.into_iter().flat_map(Map::values).for_each(|value| collect(value, &mut texts));
            find(setting, &texts)
        };
        let mut in_fields = find_in("query", Some(&config.query))?;
        in_fields.extend(find_in("form", config.form.as_ref())?);
        in_fields.extend(in_query.iter().cloned());
        let mut all = find_in("json", config.json.as_ref())?;
        all.extend(in_path.iter().chain(&in_headers).chain(&in_fields).cloned());
        let day = names.day.map(str::to_owned);
        Ok(Self { path, query, in_path, in_query, in_headers, in_fields, all, day })
    }

    /// Whether a placeholder has the value of this parameter, which then stands nowhere else.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.contains(name)
    }

    /// Whether it stands in the address or in a header, where it must be a text.
    pub(crate) fn is_in_line(&self, name: &str) -> bool {
        [&self.in_path, &self.in_query, &self.in_headers].iter().any(|set| set.contains(name))
    }

    /// Whether it stands among the parameters of the query or of a form, which have a charset of their own.
    pub(crate) fn is_in_fields(&self, name: &str) -> bool {
        self.in_fields.contains(name)
    }

    /// Why one of these values cannot stand where a placeholder is; `None` if all can.
    pub(crate) fn unfit(&self, params: &[Param]) -> Option<String> {
        params.iter().find_map(|(name, value)| {
            if !self.is_in_line(name) {
                return None;
            }
            let in_path = self.in_path.contains(name);
            // A query may have any character, because it is encoded there.
            let is_plain = in_path || self.in_headers.contains(name);
            let is_day = self.day.as_ref() == Some(name);
            let why = match text_of(value) {
                None => NO_TEXT,
                Some(text) if is_plain && text.chars().any(char::is_control) => {
                    "has a control character"
                }
                Some(text) if in_path && is_day => text.split('/').find_map(path_problem)?,
                Some(text) if in_path => path_problem(&text)?,
                Some(_) => return None,
            };
            Some(format!("the value of `{name}` {why}"))
        })
    }

    /// Puts values into the path and the query of an address; `encode` encodes one of the query.
    pub(crate) fn fill_address(
        &self,
        url: &mut Url,
        params: &[Param],
        encode: impl Fn(&str) -> Result<String, Fault>,
    ) -> Result<(), Fault> {
        if !self.in_path.is_empty() {
            let path = fill(&self.path, |name| {
                let value = find_text(name, params)?;
                let is_day = self.day.as_deref() == Some(name);
                let segments = value.split('/').map(|part| percent_encoded(part).to_string());
                Ok(match is_day {
                    true => segments.collect::<Vec<_>>().join("/"),
                    false => percent_encoded(&value).to_string(),
                })
            })?;
            url.set_path(&path);
        }
        if let Some(query) = &self.query {
            let query = fill(query, |name| encode(&find_text(name, params)?))?;
            url.set_query(Some(&query));
        }
        Ok(())
    }
}

/// A text with the values of its placeholders.
pub(crate) fn fill_text(text: &str, params: &[Param]) -> Result<String, Fault> {
    fill(text, |name| {
        let value = find(name, params)?;
        Ok(text_of(value).unwrap_or_else(|| value.to_string()))
    })
}

/// Fields with the values of their placeholders. A text that is nothing but one becomes the value itself, such as a
/// number or a list.
pub(crate) fn fill_fields(
    fields: &Map<String, Value>,
    params: &[Param],
) -> Result<Map<String, Value>, Fault> {
    fields.iter().map(|(name, value)| Ok((name.clone(), fill_value(value, params)?))).collect()
}

fn fill_value(value: &Value, params: &[Param]) -> Result<Value, Fault> {
    Ok(match value {
        Value::String(text) => match pieces(text)?.as_slice() {
            [Piece { before: "", name: Some(name) }, Piece { before: "", name: None }] => {
                find(name, params)?.clone()
            }
            _ => fill_text(text, params)?.into(),
        },
        Value::Array(list) => {
            list.iter().map(|value| fill_value(value, params)).collect::<Result<_, _>>()?
        }
        Value::Object(fields) => fill_fields(fields, params)?.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// All texts within a value.
fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A piece of a text, and the placeholder after it; the last piece has none.
#[derive(Debug)]
struct Piece<'a> {
    before: &'a str,
    name: Option<String>,
}

fn pieces(mut text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = text.split_once("{{") {
        let (name, after) = rest.split_once("}}").ok_or_else(|| {
            Fault::stopped("a placeholder is not closed").remedy("write it like {{ name }}")
        })?;
        // In an address, its name is encoded.
        let name = percent_decode_str(name).decode_utf8_lossy().trim().to_owned();
        pieces.push(Piece { before, name: Some(name) });
        text = after;
    }
    pieces.push(Piece { before: text, name: None });
    Ok(pieces)
}

fn fill(text: &str, value: impl Fn(&str) -> Result<String, Fault>) -> Result<String, Fault> {
    let mut filled = String::with_capacity(text.len());
    for Piece { before, name } in pieces(text)? {
        filled.push_str(before);
        if let Some(name) = name {
            filled.push_str(&value(&name)?);
        }
    }
    Ok(filled)
}

fn find<'a>(name: &str, params: &'a [Param]) -> Result<&'a Value, Fault> {
    let value = params.iter().find(|(param, _)| param == name).map(|(_, value)| value);
    value.ok_or_else(|| {
        Fault::stopped(format!("the request has no value for `{{{{ {name} }}}}`"))
            .remedy("write a placeholder only for a parameter that every request has")
    })
}

fn find_text(name: &str, params: &[Param]) -> Result<String, Fault> {
    text_of(find(name, params)?)
        .ok_or_else(|| Fault::stopped(format!("the value of `{name}` {NO_TEXT}")))
}

/// The path of an address with its placeholders as they are written, or as `{name}`: parsing has encoded them.
fn written(path: &str) -> String {
    let path = path.replace("%7B", "{").replace("%7D", "}");
    let path = path.replace("{{", "{").replace("}}", "}");
    path.replace('{', "{{").replace('}', "}}")
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Why a value cannot be one segment of a path. Encoding does not help: many servers decode a path before they
/// divide it, and `%2e%2e` leads up as `..` does.
fn path_problem(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() {
        return Some("is empty, and stands in a path");
    }
    let divides = |sign: &&str| lower.contains(*sign);
    if matches!(text, "." | "..") || ["/", "\\", "%2f", "%5c", "%2e"].iter().any(divides) {
        return Some("would lead to another path");
    }
    None
}

#[cfg(test)]
mod tests;
