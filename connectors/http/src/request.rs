//! Builds a request from settings and parameters.
//!
//! Parameters are added to those of the settings: to the fields of a form, to the members of a JSON
//! body, or to the query if there is no body, unless a placeholder says where. In a body from a file, they replace
//! placeholders.

use std::{borrow::Cow, collections::BTreeSet};

use connector_wire::auth::{self, Auth, percent_encoded};
use contract::Fault;
use document::media_parameter;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use normalizer_text::Charset;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::{
    client,
    config::{CallConfig, Method},
    inner::InnerDocument,
    origin,
    pages::Param,
    placeholder::{self, Names, Placed},
    plain_secret,
    rules::Rule,
};

/// Maximum number of template instructions for one body; real bodies need a few dozen.
const MAX_INSTRUCTIONS: u64 = 100_000;

/// A request as the settings describe it, and how its answers are read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) config: CallConfig,
    /// The body from a file; `None` if the settings name none.
    template: Option<Template>,
    placed: Placed,
    /// Which answers are successes; if `None`, the rule of the channel applies.
    pub(crate) success: Option<Rule>,
}

/// A body with placeholders: the vendor's document, in which only a few values change.
#[derive(Debug)]
struct Template {
    environment: Environment<'static>,
    content_type: String,
    charset: Charset,
    /// The names that it has placeholders for.
    names: BTreeSet<String>,
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A GET without headers.
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: Vec::new() }
    }

    /// Path and query, as they are sent.
    pub(crate) fn target(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }

    /// Converts the request for an authentication scheme.
    pub(crate) fn to_auth(&self) -> auth::Request {
        auth::Request {
            method: self.method.name().to_owned(),
            path: self.url.path().to_owned(),
            query: self.url.query_pairs().into_owned().collect(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }

    /// Applies the changes that an authentication scheme has made.
    pub(crate) fn with_auth(mut self, signed: auth::Request) -> Self {
        let auth::Request { method, path: _, query, headers, body } = signed;
        self.method = Method::named(&method);
        let unsigned = self.to_auth().query;
        if query != unsigned {
            // What is unchanged is sent as it was written, which may be in another charset. Each pair stands for one,
            // because pairs of another charset may look alike.
            let written = self.url.query().unwrap_or_default().split('&');
            let mut left: Vec<Option<&str>> =
                written.filter(|pair| !pair.is_empty()).map(Some).collect();
            let pairs = query.iter().map(|pair| {
                let mut known = unsigned.iter().zip(&mut left);
                let written =
                    known.find_map(|(own, left)| if own == pair { left.take() } else { None });
                let (name, value) = pair;
                written.map_or_else(
                    || format!("{}={}", percent_encoded(name), percent_encoded(value)),
                    str::to_owned,
                )
            });
            let query = pairs.collect::<Vec<_>>().join("&");
            self.url.set_query(Some(&query));
        }
        Self { headers, body, ..self }
    }
}

impl Call {
    /// Checks the settings. `content_type` is used only for a body with placeholders.
    pub(crate) fn new(
        config: &CallConfig,
        success: Option<&Rule>,
        content_type: &str,
        insecure: bool,
        names: &Names<'_>,
    ) -> Result<Self, Fault> {
        let url = origin::parse_address("url", &config.url, insecure)?;
        plain_secret::check_call(config)?;
        let placed = Placed::new(config, &url, names)?;
        let CallConfig { form, json, body, .. } = config;
        let stopped = |what: String| Fault::stopped(what).at(url.path().to_owned());
        let bodies = [form.is_some(), json.is_some(), body.is_some()];
        let n_bodies = bodies.into_iter().filter(|is_given| *is_given).count();
        if n_bodies > 1 {
            return Err(stopped("a request has more than one body".to_owned())
                .remedy("set only one of `form`, `json` and `body`"));
        }
        let method =
            config.method.unwrap_or(if n_bodies == 1 { Method::Post } else { Method::Get });
        if method == Method::Get && n_bodies == 1 {
            return Err(stopped("a GET cannot have a body".to_owned()).remedy("remove `method`"));
        }
        for name in config.headers.keys() {
            if reqwest::header::HeaderName::try_from(name.as_str()).is_err() {
                return Err(Fault::stopped(format!("`{name}` is not a valid header name")));
            }
        }
        if matches!(config.query_charset, Some(Charset::Utf16Le | Charset::Utf16Be)) {
            let what = "parameters cannot be encoded in UTF-16".to_owned();
            return Err(stopped(what).at("query_charset"));
        }
        config.inner.iter().try_for_each(InnerDocument::check)?;
        let template = body.as_ref().map(|text| {
            let label = media_parameter(content_type, "charset");
            let label = label.as_deref().unwrap_or("utf-8");
            let charset = Charset::from_label(label)
                .ok_or_else(|| stopped(format!("`{label}` in `content_type` is not a charset")))?;
            let (environment, content_type) = (compile_template(text)?, content_type.to_owned());
            let known = names_in(&environment);
            known.iter().try_for_each(|name| names.check_known("body", name))?;
            Ok::<_, Fault>(Template { environment, content_type, charset, names: known })
        });
        let template = template.transpose()?;
        Ok(Self {
            url,
            method,
            config: config.clone(),
            template,
            placed,
            success: success.cloned(),
        })
    }

    /// This request, if it only asks: others may be repeated, and would change something each time.
    pub(crate) fn asking(self) -> Result<Self, Fault> {
        match self.method {
            Method::Get | Method::Post => Ok(self),
            other => Err(Fault::stopped(format!("{} does not ask for records", other.name()))
                .at("method")
                .remedy("use GET or POST; other methods are for [http.ack]")),
        }
    }

    /// Whether a placeholder outside of `body` has this name.
    pub(crate) fn has_placeholder(&self, name: &str) -> bool {
        self.placed.has(name)
    }

    /// Whether a parameter with this name has a place of its own, in `body` or elsewhere.
    pub(crate) fn has_place(&self, name: &str) -> bool {
        let template = self.template.as_ref();
        self.placed.has(name) || template.is_some_and(|template| template.names.contains(name))
    }

    /// Whether the body is one with placeholders, but none with this name.
    pub(crate) fn lacks_placeholder(&self, name: &str) -> bool {
        let template = self.template.as_ref();
        template.is_some_and(|template| !names_in(&template.environment).contains(name))
    }

    /// Checks that a scheme which signs parameters can read them, and that one which changes the body can do so.
    pub(crate) fn check_auth(&self, auth: &Auth) -> Result<(), Fault> {
        let template = self.template.as_ref();
        let is_wide =
            |body: &&Template| matches!(body.charset, Charset::Utf16Le | Charset::Utf16Be);
        let body = template.filter(|body| !is_wide(body)).and(self.config.body.as_deref());
        auth.check_body(body)?;
        let is_other = self.config.query_charset.is_some_and(|charset| charset != Charset::Utf8);
        if is_other && auth.reads_parameters() {
            let what = "`auth` signs or adds parameters, which it can do only in UTF-8";
            return Err(Fault::stopped(what).at("query_charset").remedy("remove `query_charset`"));
        }
        Ok(())
    }

    /// Why one of these values cannot stand in this request: not where its placeholder is, or not in the charset.
    /// `None` if all can.
    pub(crate) fn unfit(&self, params: &[Param]) -> Option<String> {
        self.placed.unfit(params).or_else(|| {
            params.iter().find_map(|(name, value)| {
                let mut charsets = self.charsets_of(name);
                let charset = charsets.find(|charset| !can_encode(value, *charset))?;
                Some(format!("the value of `{name}` cannot be encoded in {}", charset.name()))
            })
        })
    }

    /// The charsets in which the value of a parameter is sent, besides UTF-8.
    fn charsets_of(&self, param: &str) -> impl Iterator<Item = Charset> {
        let CallConfig { query_charset, form, json, .. } = &self.config;
        let is_encoded = match self.placed.has(param) {
            true => self.placed.is_in_fields(param),
            // A form has it, or without a body the query.
            false => form.is_some() || json.is_none() && self.template.is_none(),
        };
        let template = self.template.as_ref().filter(|template| template.names.contains(param));
        let of_fields = query_charset.filter(|_| is_encoded);
        of_fields.into_iter().chain(template.map(|template| template.charset))
    }

    /// Whether an answer with this text is XML, or has a document in XML within it.
    pub(crate) fn has_xml(&self, text: &str) -> bool {
        let begins = text.trim_start_matches(|c: char| c == '"' || c.is_whitespace());
        begins.starts_with('<') || self.config.inner.iter().any(InnerDocument::is_xml)
    }

    /// Whether a parameter can be a list: in a JSON body, or in a template that loops over it, and not in a path.
    pub(crate) fn can_send_lists(&self, param: &str) -> bool {
        let has_place = self.config.json.is_some() || self.template.is_some();
        has_place && !self.placed.is_in_line(param)
    }

    /// Whether an address has the origin of this call, the only one that gets anything of its settings.
    pub(crate) fn is_at_home(&self, url: &Url) -> bool {
        origin::is_same_origin(url, &self.url)
    }

    /// Builds the request with these parameters. `next` is the page's address, if the previous page named
    /// it. To another origin, the request carries nothing but the address: headers, parameters and bodies may
    /// contain credentials.
    pub(crate) fn request(&self, params: &[Param], next: Option<Url>) -> Result<Request, Fault> {
        if let Some(next) = next.as_ref().filter(|next| !self.is_at_home(next)) {
            if self.method != Method::Get {
                let what = "the next page is on another host, to which the body of the request is not sent: it may \
                            contain credentials";
                return Err(Fault::stopped(what).at(client::source_name(next)).remedy(
                    "ask the owner of the source to name next pages on the host in `url`",
                ));
            }
            return Ok(Request::get(next.clone()));
        }
        if let Some(why) = self.placed.unfit(params) {
            return Err(Fault::stopped(why).at("url").remedy(
                "if the source accepts such a value as a parameter of the query, write it there",
            ));
        }
        let CallConfig { query, query_charset, headers, form, json, .. } = &self.config;
        let charset = query_charset.unwrap_or(Charset::Utf8);
        let free = params.iter().filter(|(name, _)| !self.placed.has(name));
        // The address of a next page already contains its parameters.
        let mut fields: Vec<Param> = match next {
            Some(_) => Vec::new(),
            None => placeholder::fill_fields(query, params)?.into_iter().collect(),
        };
        let (content_type, body) = if let Some(form) = form {
            let form = placeholder::fill_fields(form, params)?.into_iter();
            let form: Vec<Param> = form.chain(free.cloned()).collect();
            let name = charset.name().to_ascii_lowercase();
            let kind = format!("application/x-www-form-urlencoded; charset={name}");
            (Cow::from(kind), self.encoded(&form, charset)?.into_bytes())
        } else if let Some(json) = json {
            let mut json = placeholder::fill_fields(json, params)?;
            free.for_each(|(name, value)| insert_at(&mut json, name, value));
            let kind = "application/json; charset=utf-8";
            (Cow::from(kind), Value::Object(json).to_string().into_bytes())
        } else if let Some(Template { environment, content_type, charset, .. }) = &self.template {
            let text = render(environment, params)?;
            let body = document::encode(&text, *charset).ok_or_else(|| {
                Fault::stopped(format!("the body cannot be encoded in {}", charset.name()))
                    .at(self.url.path().to_owned())
            })?;
            (Cow::from(content_type), body)
        } else {
            if next.is_none() {
                fields.extend(free.cloned());
            }
            (Cow::from(""), Vec::new())
        };
        let headers = headers.iter();
        let headers = headers
            .map(|(name, value)| Ok((name.clone(), placeholder::fill_text(value, params)?)))
            .collect::<Result<Vec<(String, String)>, Fault>>();
        let mut headers = headers?;
        let is_declared = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !content_type.is_empty() && !is_declared {
            headers.push(("content-type".to_owned(), content_type.into_owned()));
        }
        let is_named = next.is_some();
        let mut url = next.unwrap_or_else(|| self.url.clone());
        if !is_named {
            self.placed.fill_address(&mut url, params, |text| self.encode(text, charset))?;
        }
        if !fields.is_empty() {
            let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
            let fields = self.encoded(&fields, charset)?;
            let query: Vec<String> = query.into_iter().chain([fields]).collect();
            url.set_query(Some(&query.join("&")));
        }
        Ok(Request { method: self.method, url, headers, body })
    }

    /// The fields as `application/x-www-form-urlencoded`. A list is as many fields as it has values.
    fn encoded(&self, fields: &[Param], charset: Charset) -> Result<String, Fault> {
        let encode = |text: &str| self.encode(text, charset);
        let mut pairs = Vec::new();
        for (name, value) in fields {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                pairs.push(format!("{}={}", encode(name)?, encode(&text)?));
            }
        }
        Ok(pairs.join("&"))
    }

    fn encode(&self, text: &str, charset: Charset) -> Result<String, Fault> {
        let bytes = document::encode(text, charset).ok_or_else(|| {
            Fault::stopped(format!("a parameter cannot be encoded in {}", charset.name()))
                .at(self.url.path().to_owned())
                .remedy("check `query_charset`")
        })?;
        // A space becomes `%20`, not `+`: some servers read `+` as a plus.
        Ok(percent_encoded(&bytes).to_string())
    }
}

/// Whether a text, or each text of a list, can be encoded in a charset.
fn can_encode(value: &Value, charset: Charset) -> bool {
    match value {
        Value::String(text) => document::encode(text, charset).is_some(),
        Value::Array(list) => list.iter().all(|value| can_encode(value, charset)),
        _ => true,
    }
}

/// Compiles a body with placeholders. Rendering it escapes values for JSON or XML, whichever the body is,
/// refuses unknown names, and limits the number of instructions.
fn compile_template(text: &str) -> Result<Environment<'static>, Fault> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MAX_INSTRUCTIONS));
    let is_json = text.trim_start().starts_with(['{', '[']);
    let escape = if is_json { AutoEscape::Json } else { AutoEscape::Html };
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.add_template_owned("body", text.to_owned()).map_err(|error| {
        Fault::stopped("the body is not a valid template")
            .at(format!("line {}", error.line().unwrap_or(1)))
            .remedy("write placeholders as {{ name }}")
    })?;
    Ok(environment)
}

/// The names that a body has placeholders for, in order.
fn names_in(environment: &Environment<'_>) -> BTreeSet<String> {
    let template = environment.get_template("body").ok();
    template.map(|body| body.undeclared_variables(false)).into_iter().flatten().collect()
}

fn render(template: &Environment<'_>, params: &[Param]) -> Result<String, Fault> {
    let values: Map<String, Value> = params.iter().cloned().collect();
    let rendered = template.get_template("body").and_then(|template| {
        template.render(minijinja::Value::from(minijinja::value::Serde(&values)))
    });
    rendered.map_err(|error| {
        let names: Vec<&String> = values.keys().collect();
        Fault::stopped("the placeholders of the body cannot be replaced")
            .at(format!("line {}", error.line().unwrap_or(1)))
            .remedy(format!("use only the names {names:?}, and fewer or shorter loops"))
    })
}

/// Inserts a value into an object; each dot in its name leads into a nested object.
fn insert_at(object: &mut Map<String, Value>, name: &str, value: &Value) {
    match name.split_once('.') {
        None => {
            object.insert(name.to_owned(), value.clone());
        }
        Some((outer, inner)) => {
            let nested = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(nested) = nested {
                insert_at(nested, inner, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(more: Value) -> Result<Call, Fault> {
        let mut config = json!({ "url": "https://a.example/list?v=1", "headers": { "x-a": "b" } });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config = serde_json::from_value(config).unwrap();
        let names = ["page".to_owned(), "from".to_owned()];
        Call::new(&config, None, "text/xml; charset=gb2312", false, &Names::all(&names))
    }

    fn request(more: Value) -> (String, Vec<u8>) {
        let params =
            [("page".to_owned(), json!(2)), ("from".to_owned(), json!("2026-10-09 10:30"))];
        let request = call(more).unwrap().request(&params, None).unwrap();
        assert!(request.headers.contains(&("x-a".to_owned(), "b".to_owned())));
        (request.url.to_string(), request.body)
    }

    #[test]
    fn parameters_go_to_the_query_form_or_body() {
        let get = request(json!({ "query": { "k": "群" } }));
        let url = "https://a.example/list?v=1&k=%E7%BE%A4&page=2&from=2026-10-09%2010%3A30";
        assert_eq!(get, (url.to_owned(), Vec::new()));

        let (url, form) = request(json!({ "form": { "fid": 7 } }));
        assert_eq!(url, "https://a.example/list?v=1");
        assert_eq!(form, b"fid=7&page=2&from=2026-10-09%2010%3A30");

        let (_, json) = request(json!({ "json": { "q": { "fid": 7 } }, "query": { "x": 1 } }));
        assert_eq!(json, br#"{"q":{"fid":7},"page":2,"from":"2026-10-09 10:30"}"#);

        let (_, body) = request(json!({ "body": "<张 p=\"{{ page }}\"/>" }));
        assert_eq!(body, b"<\xd5\xc5 p=\"2\"/>");
    }

    #[test]
    fn a_dotted_parameter_leads_into_the_json_body() {
        let call = call(json!({ "json": { "page": { "size": 10 } } })).unwrap();
        let body = call.request(&[("page.no".to_owned(), json!(3))], None).unwrap().body;
        assert_eq!(body, br#"{"page":{"size":10,"no":3}}"#);
    }

    #[test]
    fn the_address_of_a_next_page_is_used_unchanged() {
        let next = Url::parse("https://a.example/list?cursor=x").unwrap();
        let call = call(json!({ "query": { "k": 1 } })).unwrap();
        let request = call.request(&[("page".to_owned(), json!(1))], Some(next.clone())).unwrap();
        assert_eq!(request.url, next);
    }

    #[test]
    fn a_request_with_two_bodies_is_refused() {
        assert!(call(json!({ "form": {}, "json": {} })).is_err());
    }

    fn render(text: &str, params: &[(&str, Value)]) -> Result<String, Fault> {
        let params: Vec<Param> =
            params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        super::render(&compile_template(text)?, &params)
    }

    #[test]
    fn values_are_escaped_for_xml_and_json() {
        let params = [("a", json!("<&\"张")), ("n", json!(7)), ("list", json!(["x", "y"]))];
        let xml = render(
            "<r a=\"{{ n }}\">{{ a }}{% for k in list %}<k>{{ k }}</k>{% endfor %}</r>\n",
            &params,
        );
        assert_eq!(xml.unwrap(), "<r a=\"7\">&lt;&amp;&quot;张<k>x</k><k>y</k></r>");
        let json = render("{\"a\": {{ a }}, \"n\": {{ n }}, \"l\": {{ list }}}", &params).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json, json!({ "a": "<&\"张", "n": 7, "l": ["x", "y"] }));
    }

    #[test]
    fn an_unknown_name_and_an_endless_body_are_faults() {
        let fault = render("<r>\n{{ pge }}</r>", &[("page", json!(1))]).unwrap_err().to_string();
        assert!(fault.contains("line 2") && fault.contains("page"), "{fault}");
        let endless = "{% for a in list %}{% for b in list %}{{ b }}{% endfor %}{% endfor %}";
        let list = Value::from(vec![0; 2_000]);
        assert!(render(endless, &[("list", list)]).is_err());
        assert!(compile_template("{{ a").is_err());
    }
}
