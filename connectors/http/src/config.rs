//! The `[http]` section of a channel file.
//!
//! Plain data: only its shape is checked here. `plan.rs` checks what belongs together. Editors show
//! the comments below.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use connector_wire::auth::Scheme;
use contract::Period;
use document::{Malformed, Path, Shape};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    attachment::Attachment,
    inner::Inner,
    pages::Paging,
    rules::{Rule, Rules},
};

/// An interface over HTTP that answers in JSON or XML: what is requested, and how answers are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The request for a list of records.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// Content type of `body`; the body is sent in its charset.
    #[serde(default = "content_type")]
    pub(crate) content_type: String,
    /// How a request is authenticated.
    #[serde(default)]
    pub(crate) auth: Scheme,
    /// The time from which records are requested.
    pub(crate) since: Option<Since>,
    /// Records are requested by the day.
    pub(crate) day: Option<Day>,
    /// How the next page is requested.
    #[serde(default)]
    pub(crate) page: Paging,
    /// Independent sequences within the channel (forums, counties), each with its own position.
    pub(crate) each: Option<Each>,
    /// Reads old records again from time to time, for changes that have no new time.
    pub(crate) reread: Option<Reread>,
    /// What answers mean.
    #[serde(flatten)]
    pub(crate) rules: Rules,
    /// How answers are written; without it, their first character decides.
    pub(crate) format: Option<Shape>,
    /// The records of an answer.
    pub(crate) records: Path,
    /// Within a record: its key, unique and never changed.
    pub(crate) key: Path,
    /// Charset of answers that do not declare one and in which none can be recognised for certain.
    pub(crate) charset: Option<Charset>,
    /// Charset of answers, whatever they declare.
    pub(crate) force_charset: Option<Charset>,
    /// What happens to a record whose bytes are not in the charset.
    #[serde(default)]
    pub(crate) malformed: Malformed,
    /// Further requests that complete a record.
    #[serde(default)]
    pub(crate) part: Vec<Part>,
    /// Files in Base64 within a record: their name, size and hash are kept.
    #[serde(default)]
    pub(crate) attachment: Vec<Attachment>,
    /// Tells the source which records are stored.
    pub(crate) ack: Option<Ack>,
    /// An address that is requested once before all others, for its cookies.
    pub(crate) warm_up: Option<String>,
    /// Other hosts that a redirect may lead to, like `https://other.example`.
    #[serde(default)]
    pub(crate) redirects: Vec<String>,
    /// What happens to a page that still cannot be read when it was requested three times.
    #[serde(default)]
    pub(crate) on_bad_page: OnBadPage,
    /// Time limit of one answer.
    #[serde(default = "Period::seconds::<30>")]
    pub(crate) timeout: Period,
    /// The largest answer in MiB, unpacked. A larger page is requested with half the size.
    #[serde(default = "number::<64>")]
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) limit_mib: u32,
    /// A file beside the channel file with certificates (PEM) of authorities that are trusted
    /// besides those of the system.
    #[schemars(extend("format" = "content"))]
    pub(crate) ca: Option<String>,
    /// Allows `http://` to other hosts than this one: everybody on the network path can read and change
    /// what is sent.
    #[serde(default)]
    pub(crate) insecure: bool,
}

/// A request and the documents within its answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct CallConfig {
    /// The address of the request.
    pub(crate) url: String,
    /// The method; POST where there is a body, else GET.
    pub(crate) method: Option<Method>,
    /// Parameters in the address that are always the same.
    #[serde(default)]
    pub(crate) query: Map<String, Value>,
    /// Headers that are always the same; secrets belong in `auth`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Fields of a form: makes it a POST, and parameters become fields.
    pub(crate) form: Option<Map<String, Value>>,
    /// A JSON body: makes it a POST, and parameters become members; `a.b` is `b` in `a`.
    pub(crate) json: Option<Map<String, Value>>,
    /// A file beside the channel file that is the body, for SOAP and the like: makes it a POST.
    /// Parameters, lists among them, are written in it as `{{ name }}`.
    #[schemars(extend("format" = "content"))]
    pub(crate) body: Option<String>,
    /// Texts within the answer that are documents themselves. They are opened in this order.
    #[serde(default)]
    pub(crate) inner: Vec<Inner>,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// Asks for something.
    Get,
    /// Sends something.
    Post,
}

impl Method {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A further request that completes a record: its answer is put into the record under this name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The name in the record.
    pub(crate) name: String,
    /// The request.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// Parameters from the record: name and place.
    pub(crate) params: BTreeMap<String, Path>,
    /// The part of the answer that is put into the record: a list of everything that the path finds.
    /// Without it, the whole answer.
    pub(crate) records: Option<Path>,
    /// When an answer is a success; without it, as for the list.
    pub(crate) success: Option<Rule>,
    /// Answers that say there is no such record any more: then the part is `null`.
    #[serde(default)]
    pub(crate) missing: Vec<Rule>,
}

/// Tells the source which records are stored.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ack {
    /// The request.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// The parameter that takes the keys.
    pub(crate) param: String,
    /// The text between keys; without it, a JSON body takes a list, and others a comma.
    pub(crate) separator: Option<String>,
    /// Maximum number of keys in one request.
    #[serde(default = "number::<100>")]
    #[schemars(range(min = 1, max = 500))]
    pub(crate) size: u32,
    /// When an answer is a success; without it, as for the list.
    pub(crate) success: Option<Rule>,
    /// Within the answer: keys that the source refused. They are counted, and the source gives these
    /// records again.
    pub(crate) failed: Option<Path>,
}

/// The time from which records are requested. It moves when all pages were read, and stays behind
/// the source's own clock by the overlap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// The parameter that takes the time.
    pub(crate) param: String,
    /// How times are written, e.g. `%Y-%m-%d %H:%M:%S`; `%s` for seconds and `%s%3f` for
    /// milliseconds since 1970.
    pub(crate) format: String,
    /// How late a record may become visible after its own time.
    #[serde(default = "Period::seconds::<300>")]
    pub(crate) overlap: Period,
    /// Within a record: the time that the source compares. Without it, the start of the next request
    /// follows the source's clock.
    pub(crate) at: Option<Path>,
    /// How the time in a record is written, where that differs from `format`.
    pub(crate) at_format: Option<String>,
    /// The first day; without it, the first request has no start.
    pub(crate) start: Option<NaiveDate>,
    /// Where the source also wants an end.
    pub(crate) until: Option<Until>,
}

/// The end of a time window; it belongs to the window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    /// The parameter that takes it.
    pub(crate) param: String,
    /// Maximum length of a window.
    #[serde(default = "Period::seconds::<86400>")]
    pub(crate) span: Period,
}

/// Records are requested by the day. A day is requested again until it is closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Day {
    /// The parameter that takes the day.
    pub(crate) param: String,
    /// How it is written, e.g. `%Y-%m-%d`.
    #[serde(default = "day_format")]
    pub(crate) format: String,
    /// The first day.
    pub(crate) start: NaiveDate,
    /// How long after its midnight records may still be added to a day.
    #[serde(default = "Period::seconds::<43200>")]
    pub(crate) closes: Period,
}

/// Independent sequences within the channel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    /// The parameter that takes the value.
    pub(crate) param: String,
    /// One sequence for each value. They take turns; one that fails does not stop the others.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) values: Vec<Value>,
}

/// Reads old records again from time to time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reread {
    /// How far back.
    #[schemars(range(min = 1, max = 3_650))]
    pub(crate) days: u32,
    /// How often.
    #[serde(default = "Period::seconds::<3600>")]
    pub(crate) every: Period,
    /// Parameters that have other values when old records are read again: for instance, only the open
    /// records.
    #[serde(default)]
    pub(crate) params: Map<String, Value>,
    /// Within a record: its time. For pages of the kind `newest`.
    pub(crate) at: Option<Path>,
    /// How that time is written.
    pub(crate) at_format: Option<String>,
}

/// What happens to a page that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnBadPage {
    /// The channel stops until somebody has looked.
    #[default]
    Stop,
    /// It goes to quarantine with its bytes, and the next one is requested.
    Quarantine,
}

fn content_type() -> String {
    "text/xml; charset=utf-8".to_owned()
}

fn day_format() -> String {
    "%Y-%m-%d".to_owned()
}

fn number<const N: u32>() -> u32 {
    N
}
