//! The parts of a request that an authentication scheme can sign or change.

use std::borrow::Cow;

use contract::Fault;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Map, Value};

/// The placeholder for a token or signature, in a body that is neither JSON nor a form.
const AUTH_PLACEHOLDER: &str = "{auth}";

/// All characters except the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name or value of a query, percent-encoded.
pub fn percent_encoded<T: AsRef<[u8]> + ?Sized>(text: &T) -> impl std::fmt::Display {
    percent_encode(text.as_ref(), RESERVED)
}

/// The parts of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path of the address as it is sent, without the query.
    pub path: String,
    /// The query parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// Headers, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body, in its own charset.
    pub body: Vec<u8>,
}

enum BodyKind {
    Json,
    Form,
    Text,
}

impl Request {
    /// The value of a header. Upper and lower case in the name are not distinguished.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Puts a cookie beside those of the request.
    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        let is_other = |pair: &&str| pair.split('=').next() != Some(name);
        let cookies = self.header("cookie").unwrap_or_default().split(';').map(str::trim);
        let cookies = cookies.filter(is_other);
        let pair = format!("{name}={value}");
        let cookies: Vec<&str> =
            cookies.filter(|pair| !pair.is_empty()).chain([pair.as_str()]).collect();
        let cookies = cookies.join("; ");
        self.set_header("cookie", cookies);
    }

    pub(super) fn set_param(&mut self, name: &str, value: impl Into<String>) {
        self.query.retain(|(key, _)| key != name);
        self.query.push((name.to_owned(), value.into()));
    }

    /// The parameters of the query and the fields of a form.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let mut params = self.query.clone();
        if matches!(self.body_kind(), BodyKind::Form) {
            params.extend(form_urlencoded::parse(&self.body).into_owned());
        }
        params
    }

    /// The members of a JSON body that are a text, a number or a boolean, as texts.
    pub(super) fn members(&self) -> Vec<(String, String)> {
        self.all_members().filter(|(_, _, is_nested)| !is_nested).map(|(n, v, _)| (n, v)).collect()
    }

    /// All members of a JSON body that are not `null`, as texts, and whether each is a list or an object: its text
    /// is JSON without blanks, as a channel writes it.
    pub(super) fn all_members(&self) -> impl Iterator<Item = (String, String, bool)> {
        let members = self.json_body().unwrap_or_default().into_iter();
        members.filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text, false)),
            Value::Number(_) | Value::Bool(_) => Some((name, value.to_string(), false)),
            Value::Array(_) | Value::Object(_) => Some((name, value.to_string(), true)),
        })
    }

    /// Puts a value into the body: as a member of JSON, where `a.b` is `b` in `a`, as a field of a form, or in
    /// place of `{auth}`.
    pub(super) fn set_field(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match self.body_kind() {
            BodyKind::Json => {
                let mut object = self.json_body()?;
                insert_member(&mut object, name, value);
                self.body = Value::Object(object).to_string().into_bytes();
            }
            BodyKind::Form => {
                let fields = form_urlencoded::parse(&self.body).filter(|(key, _)| key != name);
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields).append_pair(name, value);
                self.body = form.finish().into_bytes();
            }
            BodyKind::Text => self.replace_placeholder(value)?,
        }
        Ok(())
    }

    /// Takes what has this value out of a form, or out of the top of a JSON body, the reverse of [`Request::set_field`],
    /// and returns its name. In a body that is neither, `{auth}` takes its place.
    pub(super) fn take_field(&mut self, value: &str) -> Option<String> {
        match self.body_kind() {
            BodyKind::Json => {
                let mut object = self.json_body().ok()?;
                let mut members = object.iter();
                let name = members.find(|(_, member)| member.as_str() == Some(value))?.0.clone();
                object.shift_remove(&name);
                self.body = Value::Object(object).to_string().into_bytes();
                Some(name)
            }
            BodyKind::Form => {
                let fields = form_urlencoded::parse(&self.body).into_owned();
                let fields: Vec<(String, String)> = fields.collect();
                let name = fields.iter().find(|(_, field)| field == value)?.0.clone();
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields.iter().filter(|(key, _)| *key != name));
                self.body = form.finish().into_bytes();
                Some(name)
            }
            BodyKind::Text => {
                let is_value = |at: &usize| self.body[*at..].starts_with(value.as_bytes());
                let at = (0..self.body.len()).find(is_value)?;
                self.body.splice(at..at + value.len(), AUTH_PLACEHOLDER.bytes());
                Some("auth".to_owned())
            }
        }
    }

    fn replace_placeholder(&mut self, value: &str) -> Result<(), Fault> {
        let is_placeholder = |at: &usize| self.body[*at..].starts_with(AUTH_PLACEHOLDER.as_bytes());
        let at = (0..self.body.len()).find(is_placeholder).ok_or_else(|| {
            Fault::stopped("the body has no placeholder for `auth`").at(self.path.clone()).remedy(
                format!("write {AUTH_PLACEHOLDER} in the body where the token or digest belongs"),
            )
        })?;
        let escaped = if self.body.trim_ascii_start().starts_with(b"<") {
            Cow::from(value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"))
        } else {
            Cow::from(value)
        };
        self.body.splice(at..at + AUTH_PLACEHOLDER.len(), escaped.bytes());
        Ok(())
    }

    fn json_body(&self) -> Result<Map<String, Value>, Fault> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            Fault::stopped("the body of the request is not a JSON object").at(self.path.clone())
        })
    }

    fn body_kind(&self) -> BodyKind {
        let content_type = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if content_type.contains("form-urlencoded") {
            BodyKind::Form
        } else if content_type.contains("json") {
            BodyKind::Json
        } else {
            BodyKind::Text
        }
    }
}

/// Inserts a member; a dot in its name leads into an object that is there already.
fn insert_member(object: &mut Map<String, Value>, name: &str, value: &str) {
    if let Some((outer, inner)) = name.split_once('.')
        && let Some(Value::Object(nested)) = object.get_mut(outer)
    {
        return insert_member(nested, inner, value);
    }
    object.insert(name.to_owned(), Value::from(value));
}
