//! From settings and parameters to a request.
//!
//! A parameter goes where the request has its parameters: into the query of a GET, the fields of a
//! form, the members of a JSON body, the placeholders of a body from a file.

use std::collections::BTreeMap;

use connector_wire::auth::{Request, percent_encoded};
use contract::Fault;
use normalizer_text::Charset;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::{config::Method, origin, pages::Param, template::Template};

/// One kind of request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) url: Url,
    method: Method,
    query: Vec<Param>,
    headers: Vec<(String, String)>,
    payload: Payload,
}

/// Where its parameters go.
#[derive(Debug)]
enum Payload {
    Query,
    Form(Map<String, Value>),
    Json(Map<String, Value>),
    Template { template: Box<Template>, content_type: String, charset: Charset },
}

/// What an author writes about a call.
pub(crate) struct Draft {
    pub(crate) url: String,
    pub(crate) method: Option<Method>,
    pub(crate) query: Map<String, Value>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) form: Option<Map<String, Value>>,
    pub(crate) json: Option<Map<String, Value>>,
    pub(crate) body: Option<String>,
    pub(crate) content_type: String,
}

/// A request, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    /// A GET without anything.
    pub(crate) fn plain(url: Url) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: Vec::new() }
    }

    /// As schemes of `auth` see it.
    pub(crate) fn request(&self) -> Request {
        Request {
            method: self.method.name().to_owned(),
            path: self.url.path().to_owned(),
            query: self.url.query_pairs().into_owned().collect(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }

    /// Changed as a scheme has changed it.
    pub(crate) fn with(mut self, request: Request) -> Self {
        let Request { method, path: _, query, headers, body } = request;
        self.method = if method == Method::Post.name() { Method::Post } else { Method::Get };
        // What was not changed is sent as it was written.
        if query != self.request().query {
            let fields: Vec<Param> =
                query.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            self.url.set_query(Some(&encoded(&fields)));
        }
        Self { headers, body, ..self }
    }
}

impl Call {
    pub(crate) fn new(draft: Draft, insecure: bool) -> Result<Self, Fault> {
        let Draft { url, method, query, headers, form, json, body, content_type } = draft;
        let url = origin::address(&url, insecure)?;
        let at = || url.path().to_owned();
        let payload = match (form, json, body) {
            (None, None, None) => Payload::Query,
            (Some(form), None, None) => Payload::Form(form),
            (None, Some(json), None) => Payload::Json(json),
            (None, None, Some(text)) => {
                let label = content_type.split_once("charset=").map_or("utf-8", |(_, label)| label);
                let charset = Charset::from_label(label.trim_matches('"')).ok_or_else(|| {
                    Fault::stopped(format!("`{label}` in `content_type` is not a charset")).at(at())
                })?;
                let template = Box::new(Template::new(&text)?);
                Payload::Template { template, content_type, charset }
            }
            _ => {
                return Err(Fault::stopped("a request has one body")
                    .at(at())
                    .remedy("write one of `form`, `json` and `body`"));
            }
        };
        let default = if matches!(payload, Payload::Query) { Method::Get } else { Method::Post };
        let method = method.unwrap_or(default);
        if method == Method::Get && default == Method::Post {
            return Err(Fault::stopped("a GET has no body").at(at()).remedy("leave out `method`"));
        }
        for name in headers.keys() {
            if reqwest::header::HeaderName::try_from(name.as_str()).is_err() {
                return Err(Fault::stopped(format!("`{name}` is not the name of a header")));
            }
        }
        let query: Vec<Param> = query.into_iter().collect();
        let headers = headers.into_iter().collect();
        Ok(Self { url, method, query, headers, payload })
    }

    /// Whether a parameter may be a list: in a JSON body, and where a template walks over it.
    pub(crate) fn takes_lists(&self) -> bool {
        matches!(self.payload, Payload::Json(_) | Payload::Template { .. })
    }

    /// The request with these parameters, at the address of the next page where there is one.
    pub(crate) fn ask(&self, params: &[Param], next: Option<Url>) -> Result<Ask, Fault> {
        let has_next = next.is_some();
        let mut url = next.unwrap_or_else(|| self.url.clone());
        let mut headers = self.headers.clone();
        let mut fields = Vec::new();
        if !has_next {
            fields.extend(self.query.iter().cloned());
        }
        let mut body = Vec::new();
        let mut content = |kind: &str| {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".to_owned(), kind.to_owned()));
            }
        };
        match &self.payload {
            // The address of a next page carries its parameters.
            Payload::Query if has_next => {}
            Payload::Query => fields.extend(params.iter().cloned()),
            Payload::Form(form) => {
                content("application/x-www-form-urlencoded; charset=utf-8");
                let mut pairs: Vec<Param> = form.clone().into_iter().collect();
                pairs.extend(params.iter().cloned());
                body = encoded(&pairs).into_bytes();
            }
            Payload::Json(json) => {
                content("application/json; charset=utf-8");
                let mut json = json.clone();
                params.iter().for_each(|(name, value)| put(&mut json, name, value));
                body = Value::Object(json).to_string().into_bytes();
            }
            Payload::Template { template, content_type, charset } => {
                content(content_type);
                let text = template.render(params)?;
                body = document::encode(&text, *charset).ok_or_else(|| {
                    Fault::stopped(format!("the body cannot be written in {}", charset.name()))
                        .at(self.url.path().to_owned())
                })?;
            }
        }
        if !fields.is_empty() {
            let known = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
            let query: Vec<String> = known.into_iter().chain([encoded(&fields)]).collect();
            url.set_query(Some(&query.join("&")));
        }
        Ok(Ask { method: self.method, url, headers, body })
    }
}

/// Puts a value into an object; dots in its name lead into objects within.
fn put(object: &mut Map<String, Value>, name: &str, value: &Value) {
    match name.split_once('.') {
        None => {
            object.insert(name.to_owned(), value.clone());
        }
        Some((outer, inner)) => {
            let within = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(within) = within {
                put(within, inner, value);
            }
        }
    }
}

/// `application/x-www-form-urlencoded`.
fn encoded(fields: &[Param]) -> String {
    let pairs = fields.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // `+` for a blank is read as a plus by some.
        format!("{}={}", percent_encoded(name), percent_encoded(&value))
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(more: Value) -> Result<Call, Fault> {
        let map = |name: &str| more[name].as_object().cloned();
        let draft = Draft {
            url: "https://a.example/list?v=1".to_owned(),
            method: None,
            query: map("query").unwrap_or_default(),
            headers: BTreeMap::from([("x-a".to_owned(), "b".to_owned())]),
            form: map("form"),
            json: map("json"),
            body: more["body"].as_str().map(str::to_owned),
            content_type: "text/xml; charset=gb2312".to_owned(),
        };
        Call::new(draft, false)
    }

    fn ask(more: Value) -> (String, Vec<u8>) {
        let params =
            [("page".to_owned(), json!(2)), ("from".to_owned(), json!("2026-10-09 10:30"))];
        let ask = call(more).unwrap().ask(&params, None).unwrap();
        assert!(ask.headers.contains(&("x-a".to_owned(), "b".to_owned())));
        (ask.url.to_string(), ask.body)
    }

    #[test]
    fn parameters_go_where_the_request_has_its_parameters() {
        let get = ask(json!({ "query": { "k": "群" } }));
        let url = "https://a.example/list?v=1&k=%E7%BE%A4&page=2&from=2026-10-09%2010%3A30";
        assert_eq!(get, (url.to_owned(), Vec::new()));

        let (url, form) = ask(json!({ "form": { "fid": 7 } }));
        assert_eq!(url, "https://a.example/list?v=1");
        assert_eq!(form, b"fid=7&page=2&from=2026-10-09%2010%3A30");

        let (_, json) = ask(json!({ "json": { "q": { "fid": 7 } }, "query": { "x": 1 } }));
        assert_eq!(json, br#"{"q":{"fid":7},"page":2,"from":"2026-10-09 10:30"}"#);

        let (_, body) = ask(json!({ "body": "<张 p=\"{{ page }}\"/>" }));
        assert_eq!(body, b"<\xd5\xc5 p=\"2\"/>");
    }

    #[test]
    fn a_dotted_parameter_leads_into_the_json_body() {
        let call = call(json!({ "json": { "page": { "size": 10 } } })).unwrap();
        let body = call.ask(&[("page.no".to_owned(), json!(3))], None).unwrap().body;
        assert_eq!(body, br#"{"page":{"size":10,"no":3}}"#);
    }

    #[test]
    fn the_address_of_a_next_page_is_asked_as_it_stands() {
        let next = Url::parse("https://a.example/list?cursor=x").unwrap();
        let ask = call(json!({ "query": { "k": 1 } })).unwrap();
        let ask = ask.ask(&[("page".to_owned(), json!(1))], Some(next.clone())).unwrap();
        assert_eq!(ask.url, next);
    }

    #[test]
    fn a_request_with_two_bodies_is_refused() {
        assert!(call(json!({ "form": {}, "json": {} })).is_err());
    }
}
