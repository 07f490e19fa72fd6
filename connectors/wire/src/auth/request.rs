//! A request for authentication schemes: the parts that may be signed or changed.

use std::borrow::Cow;

use contract::Fault;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// Placeholder for the value of a scheme, in a body that is neither JSON nor a form.
const AUTH_PLACEHOLDER: &str = "{auth}";

/// All characters except the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name or value of a query, percent-encoded.
pub fn percent_encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, RESERVED)
}

/// The parts of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Path of the address, without query, as it is sent.
    pub path: String,
    /// The query, decoded, in its order.
    pub query: Vec<(String, String)>,
    /// Headers, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body, in its own charset.
    pub body: Vec<u8>,
}

enum Kind {
    Json,
    Form,
    Text,
}

impl Request {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(super) fn set_param(&mut self, name: &str, value: impl Into<String>) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.into()));
    }

    /// All parameters: of the query, and fields of a form.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let mut params = self.query.clone();
        if matches!(self.kind(), Kind::Form) {
            params.extend(form_urlencoded::parse(&self.body).into_owned());
        }
        params
    }

    /// A parameter, or a plain member of a JSON body.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        let param = self.params().into_iter().find(|(known, _)| known == name);
        param.map(|(_, value)| value).or_else(|| match self.json().ok()?.get(name)? {
            Value::String(text) => Some(text.clone()),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// Puts a value into the body: as a member of JSON, as a field of a form, or in place of `{auth}`.
    pub(super) fn set_field(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match self.kind() {
            Kind::Json => {
                let mut object = self.json()?;
                object.insert(name.to_owned(), Value::from(value));
                self.body = Value::Object(object).to_string().into_bytes();
            }
            Kind::Form => {
                let known = form_urlencoded::parse(&self.body).filter(|(known, _)| known != name);
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(known).append_pair(name, value);
                self.body = form.finish().into_bytes();
            }
            Kind::Text => self.fill_in(value)?,
        }
        Ok(())
    }

    fn fill_in(&mut self, value: &str) -> Result<(), Fault> {
        let is_there = |at: &usize| self.body[*at..].starts_with(AUTH_PLACEHOLDER.as_bytes());
        let at = (0..self.body.len()).find(is_there).ok_or_else(|| {
            Fault::stopped("the body has no place for the value of `auth`")
                .at(self.path.clone())
                .remedy(format!("write {AUTH_PLACEHOLDER} in the body, where the value belongs"))
        })?;
        let escaped = if self.body.trim_ascii_start().starts_with(b"<") {
            Cow::from(value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"))
        } else {
            Cow::from(value)
        };
        self.body.splice(at..at + AUTH_PLACEHOLDER.len(), escaped.bytes());
        Ok(())
    }

    fn json(&self) -> Result<Map<String, Value>, Fault> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            Fault::stopped("the body of the request is not a JSON object").at(self.path.clone())
        })
    }

    fn kind(&self) -> Kind {
        let content_type = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if content_type.contains("form-urlencoded") {
            Kind::Form
        } else if content_type.contains("json") {
            Kind::Json
        } else {
            Kind::Text
        }
    }
}
