//! The `[http]` section of a channel file, as an author writes it.
//!
//! Plain data: nothing here is checked beyond its shape. `plan.rs` turns it into settings that
//! cannot contradict each other. The comments below are what an editor shows.

mod call;
mod page;
mod rule;
mod stretch;

use std::{collections::BTreeMap, time::Duration};

use connector_wire::auth::Scheme;
use contract::Period;
use document::{Malformed, Path, Shape};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use call::{Ack, Method, Part};
pub use page::{Page, Size, Stop};
pub use rule::{FaultRule, Kind, Rule, Scalars, Statuses};
pub use stretch::{Day, Each, Reread, Since, Until};

use crate::{attachment::Attachment, inner::Inner};

/// An interface over HTTP that answers in JSON or XML: what is asked, and how the answer is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the records are listed.
    pub url: String,
    /// How it is asked; POST where there is a body, else GET.
    #[serde(default)]
    pub method: Option<Method>,
    /// Parameters in the address that are always the same.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// Headers that are always the same; secrets belong into `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Fields of a form: makes it a POST, and parameters become fields.
    #[serde(default)]
    pub form: Option<Map<String, Value>>,
    /// A JSON body: makes it a POST, and parameters become members; `a.b` is `b` in `a`.
    #[serde(default)]
    pub json: Option<Map<String, Value>>,
    /// A file beside the channel file that is the body, for SOAP and the like: makes it a POST.
    /// Parameters stand in it as `{{ name }}`.
    #[serde(default)]
    #[schemars(extend("format" = "content"))]
    pub body: Option<String>,
    /// Content type of `body`; its charset is the one the body is written in.
    #[serde(default = "content_type")]
    pub content_type: String,
    /// How a request proves who asks.
    #[serde(default)]
    pub auth: Scheme,
    /// From when on records are asked for.
    #[serde(default)]
    pub since: Option<Since>,
    /// Records are asked for by the day.
    #[serde(default)]
    pub day: Option<Day>,
    /// How the next page is asked for.
    #[serde(default)]
    pub page: Page,
    /// Independent sequences within the channel (forums, counties), each with its own position.
    #[serde(default)]
    pub each: Option<Each>,
    /// Reads old records again from time to time, for changes that moved no time.
    #[serde(default)]
    pub reread: Option<Reread>,
    /// When an answer is a success; without it, when its status is 2xx.
    #[serde(default)]
    pub success: Option<Rule>,
    /// What other answers mean. The first rule that holds counts.
    #[serde(default)]
    pub fault: Vec<FaultRule>,
    /// Answers that say there is nothing.
    #[serde(default)]
    pub empty: Vec<Rule>,
    /// How answers are written; by their first character where this is left out.
    #[serde(default)]
    pub format: Option<Shape>,
    /// Texts within the answer that are documents themselves. They are opened in this order.
    #[serde(default)]
    pub inner: Vec<Inner>,
    /// The records of an answer.
    pub records: Path,
    /// Within a record: what names it, unique and never changed.
    pub key: Path,
    /// Charset of answers that neither prove nor declare one.
    #[serde(default)]
    pub charset: Option<Charset>,
    /// Charset of answers, whatever they declare.
    #[serde(default)]
    pub force_charset: Option<Charset>,
    /// What becomes of a record whose bytes are not in the charset.
    #[serde(default)]
    pub malformed: Malformed,
    /// Second calls that complete a record.
    #[serde(default)]
    pub part: Vec<Part>,
    /// Files in Base64 within a record: what is kept of them is name, size and hash.
    #[serde(default)]
    pub attachment: Vec<Attachment>,
    /// Tells the source which records are in custody.
    #[serde(default)]
    pub ack: Option<Ack>,
    /// An address that is asked once before all others, for its cookies.
    #[serde(default)]
    pub warm_up: Option<String>,
    /// Other hosts that a redirect may lead to, like `https://other.example`.
    #[serde(default)]
    pub redirects: Vec<String>,
    /// What becomes of a page that cannot be read at all, after it was asked for three times.
    #[serde(default)]
    pub on_bad_page: OnBadPage,
    /// The longest that one answer may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// The largest answer in MiB, unpacked. A larger page is asked for with half the size.
    #[serde(default = "limit_mib")]
    #[schemars(range(min = 1, max = 1024))]
    pub limit_mib: u32,
    /// A file beside the channel file with certificates (PEM) of authorities that are trusted
    /// besides those of the system.
    #[serde(default)]
    #[schemars(extend("format" = "content"))]
    pub ca: Option<String>,
    /// Allows `http://` to other hosts than this one: whoever is on the way can read and change
    /// everything.
    #[serde(default)]
    pub insecure: bool,
}

/// What becomes of a page that cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadPage {
    /// The channel stops until somebody has looked.
    #[default]
    Stop,
    /// It goes to quarantine with its bytes, and the next one is asked for.
    Quarantine,
}

fn content_type() -> String {
    "text/xml; charset=utf-8".to_owned()
}

fn timeout() -> Period {
    Period(Duration::from_secs(30))
}

fn limit_mib() -> u32 {
    64
}
