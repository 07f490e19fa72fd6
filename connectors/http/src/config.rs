//! The `[http]` section of a channel file.
//!
//! These types only check the shape of the settings; `plan.rs` checks whether they fit together. Editors
//! show the comments below as help.

use std::{collections::BTreeMap, net::IpAddr};

use chrono::NaiveDate;
use chrono_tz::Tz;
use connector_wire::auth::Scheme;
use contract::{Period, Proxy};
use document::{CsvConfig, DocumentFormat, Duplicates, KeyPath, Malformed, Path};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    attachment::Attachment,
    inner::InnerDocument,
    job::JobConfig,
    login::LoginConfig,
    pages::{Paging, Total},
    rules::{LastRule, Rule, Rules},
};

/// An HTTP interface that answers in JSON, XML or CSV: what to request, and how to read the answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The request for a list of records.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// The content type of `body`. Its charset is the one in which the body is sent.
    #[serde(default = "content_type")]
    pub(crate) content_type: String,
    /// How a request is authenticated.
    #[serde(default)]
    pub(crate) auth: Scheme,
    /// Signs in before other requests. Their token and `auth` go together: the token is put into a request first.
    pub(crate) login: Option<LoginConfig>,
    /// For a list that the source gives only as the result of a job.
    pub(crate) job: Option<Box<JobConfig>>,
    /// The time from which records are requested.
    pub(crate) since: Option<Since>,
    /// Requests records day by day.
    pub(crate) day: Option<Day>,
    /// How the next page is requested.
    #[serde(default)]
    pub(crate) page: Paging,
    /// A value in the answer that says that no page follows, such as
    /// `{ at = "$.has_more", equals = false }`. While the value at `at` is another one, more pages follow:
    /// then neither an empty nor a short page is the last.
    pub(crate) last: Option<LastRule>,
    /// Where an answer says how many records the whole list has: a path, or
    /// `{ header = "X-Total-Count" }`. A pass that finds fewer is reported as incomplete. If the number is
    /// known to be wrong, write `{ at = "$.total", trust = false }`. Not needed if `page.stop` names it.
    pub(crate) total: Option<Total>,
    /// Sequences of records, such as one for each forum or county, each with its own position.
    pub(crate) each: Option<Each>,
    /// Reads old records again from time to time, to find changes that leave a record's time as it is.
    pub(crate) reread: Option<Reread>,
    /// Which answers are successes, which are failures, and which say that there are no records.
    #[serde(flatten)]
    pub(crate) rules: Rules,
    /// The format of answers; by default, their content type and their first characters decide: set it for CSV if you
    /// use fixtures. A JSON answer may be the argument of a call (JSONP). Of a SOAP answer with files (MTOM), the
    /// document is read, and the files stand in it in Base64.
    pub(crate) format: Option<DocumentFormat>,
    /// Separators, quotes and header of answers in CSV.
    #[serde(default)]
    pub(crate) csv: CsvConfig,
    /// Where the records are in an answer; `$` if it is nothing but a list of them, as CSV and `json_lines` are.
    pub(crate) records: Path,
    /// For records that are the members of an object, like `$.data.*`: the member of a record into which its name is
    /// put. With `name_as = "id"`, `key` can be `$.id`.
    pub(crate) name_as: Option<String>,
    /// Where the key is in a record: one path, or a list of paths whose values together are the key. A key
    /// must be unique and never change. A record whose key is missing, `null`, empty, `true`, a number with
    /// a fraction or an exponent, or damaged goes to quarantine.
    pub(crate) key: KeyPath,
    /// What happens to records of one answer that have the same key and different contents.
    #[serde(default)]
    pub(crate) duplicates: Duplicates,
    /// The charset to assume for an answer that declares none, if it cannot be detected with certainty.
    pub(crate) charset: Option<Charset>,
    /// The charset of all answers, even if they declare another one.
    pub(crate) force_charset: Option<Charset>,
    /// What happens to a record whose bytes are not valid in the charset.
    #[serde(default)]
    pub(crate) malformed: Malformed,
    /// Further requests that complete a record.
    #[serde(default)]
    pub(crate) part: Vec<Part>,
    /// Files in Base64 within a record: only their name, size and hash are kept.
    #[serde(default)]
    pub(crate) attachment: Vec<Attachment>,
    /// Tells the source which records are in custody, so that it need not return them again.
    pub(crate) ack: Option<Ack>,
    /// An address that is requested before all others, for its cookies.
    #[schemars(extend("allow" = "address"))]
    pub(crate) warm_up: Option<String>,
    /// Other hosts that a redirect, the address of a next page, a part or `ack` may name, like
    /// `https://other.example`. They get no credential of this channel: only the host in `url` does.
    #[schemars(extend("allow" = "address"))]
    #[serde(default)]
    pub(crate) redirects: Vec<String>,
    /// What happens to a page that cannot be read after three requests.
    #[serde(default)]
    pub(crate) on_bad_page: OnBadPage,
    /// Time limit for one answer.
    #[serde(default = "Period::seconds::<30>")]
    pub(crate) timeout: Period,
    /// Maximum size of an unpacked answer, in MiB. A larger page is requested again with half its `size`.
    #[serde(default = "contract::default_number::<64>")]
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) limit_mib: u32,
    /// A file beside the channel file, with certificates (PEM) of authorities to trust in addition to
    /// those of the system.
    // The format `content` makes the reader of the configuration put the content of the file here.
    #[schemars(extend("format" = "content"))]
    pub(crate) ca: Option<String>,
    /// The proxy for all requests of this channel, such as `http://proxy.example:3128`, or `none`. Without it, that
    /// of `[network]` in gateway.toml is used, if there is one. Variables of the environment are ignored.
    #[schemars(extend("allow" = "proxy"))]
    pub(crate) proxy: Option<Proxy>,
    /// Addresses of hosts whose names cannot be resolved, like `{ "api.example" = "10.0.0.5" }`. Certificates are
    /// still compared with the names.
    #[schemars(with = "BTreeMap<String, String>", extend("allow" = "addresses"))]
    #[serde(default, deserialize_with = "crate::network::addresses")]
    pub(crate) resolve: BTreeMap<String, IpAddr>,
    /// Allows `http://` to hosts other than this machine. Everybody on the network path can then read and
    /// change what is sent.
    #[serde(default)]
    pub(crate) insecure: bool,
}

/// A request, and the documents within its answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct CallConfig {
    /// The address of the request. In its path and query, `{{ name }}` is replaced by a parameter, such as that of
    /// `page`, `day` or `each`, or one in `params` of a part: `/tickets/{{ id }}`. The parameter then stands only
    /// there. It is one segment of the path: a value that would be more, or lead elsewhere, like `a/b` or `..`, is
    /// refused; only the `/` in the format of a day divide it.
    #[schemars(extend("allow" = "address"))]
    pub(crate) url: String,
    /// The method; by default POST if there is a body, else GET. PUT, PATCH and DELETE are for `ack` only.
    pub(crate) method: Option<Method>,
    /// Query parameters that are the same in every request, in this order; a list is sent as several parameters of
    /// one name. Secrets belong in `auth`. `{{ name }}` in a value is replaced by a parameter.
    #[serde(default)]
    pub(crate) query: Map<String, Value>,
    /// The charset in which the values of the query and of a form are percent-encoded, like `gbk`; by default UTF-8.
    pub(crate) query_charset: Option<Charset>,
    /// Headers that are the same in every request; secrets belong in `auth`. `{{ name }}` in a value is replaced by
    /// a parameter.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The fields of a form. The request becomes a POST, and its parameters become fields, unless `{{ name }}` in a
    /// value says where.
    pub(crate) form: Option<Map<String, Value>>,
    /// A JSON body. The request becomes a POST, and its parameters become members; `a.b` is `b` in `a`. A parameter
    /// that stands as `{{ name }}` in a text of the body is put only there.
    pub(crate) json: Option<Map<String, Value>>,
    /// A file beside the channel file that is the body, for example for SOAP. The request becomes a POST.
    /// `{{ name }}` in the file is replaced by a parameter, which may be a list.
    // The format `content` makes the reader of the configuration put the content of the file here.
    #[schemars(extend("format" = "content"))]
    pub(crate) body: Option<String>,
    /// Texts within the answer that are documents themselves. They are parsed in this order.
    #[serde(default)]
    pub(crate) inner: Vec<InnerDocument>,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// Requests data.
    Get,
    /// Sends data.
    Post,
    /// Replaces what is at the address.
    Put,
    /// Changes what is at the address.
    Patch,
    /// Removes what is at the address.
    Delete,
}

impl Method {
    /// The method with this name; GET for any other.
    pub(crate) fn named(name: &str) -> Self {
        let all = [Self::Post, Self::Put, Self::Patch, Self::Delete];
        all.into_iter().find(|method| method.name() == name).unwrap_or(Self::Get)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A further request that completes a record: its answer is put into the record under `name`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The name of the answer in the record.
    pub(crate) name: String,
    /// The request.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// The names of parameters, and where their values are in the record.
    pub(crate) params: BTreeMap<String, Path>,
    /// What of the answer is put into the record: a list of everything that the path finds.
    /// Without it, the whole answer.
    pub(crate) records: Option<Path>,
    /// Which answers are successes; by default, the same as for the list.
    pub(crate) success: Option<Rule>,
    /// Which answers say that the record no longer exists, or has no such part: the part is then `null`. Any
    /// other answer with nothing but a code or a message is a fault, and the part is requested again.
    #[serde(default)]
    pub(crate) missing: Vec<Rule>,
}

/// Tells the source which records are in custody: confirmed by the bus, or stored.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ack {
    /// The request.
    #[serde(flatten)]
    pub(crate) call: CallConfig,
    /// The parameter for the keys. For one key in the path of `url`, set `size` to 1.
    pub(crate) param: String,
    /// The text between keys. Without it, `json` and `body` get a list, and other requests use commas.
    pub(crate) separator: Option<String>,
    /// Maximum number of keys in one request.
    #[serde(default = "contract::default_number::<100>")]
    #[schemars(range(min = 1, max = 500))]
    pub(crate) size: u32,
    /// Which answers are successes; by default, the same as for the list.
    pub(crate) success: Option<Rule>,
    /// Where the answer lists the keys that the source refused. A warning in the log counts them, and the
    /// source returns their records again.
    pub(crate) failed: Option<Path>,
}

/// The time from which records are requested. It moves only when all pages have been read, and stays
/// `overlap` behind the newest time of the records (at `at`) or, without `at`, behind the source's clock.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// The parameter whose value is the time.
    pub(crate) param: String,
    /// How times are written, e.g. `%Y-%m-%d %H:%M:%S`; `%s` for seconds and `%s%3f` for
    /// milliseconds since 1970. With a `Z` or an offset like `+08:00` at its end, times are written in that
    /// zone.
    pub(crate) format: String,
    /// The time zone of `format` and `at_format`, like `UTC` or `Asia/Shanghai`; by default, the zone of the
    /// configuration.
    #[schemars(with = "Option<String>", extend("format" = "timezone"))]
    pub(crate) zone: Option<Tz>,
    /// How long after its own time a record may become visible in the source; at least a second.
    #[serde(default = "Period::seconds::<300>")]
    pub(crate) overlap: Period,
    /// Where a record has the time by which the source selects records. Without it, the source's clock
    /// determines the start of the next request.
    pub(crate) at: Option<Path>,
    /// How the time at `at` is written; by default, in `format`.
    pub(crate) at_format: Option<String>,
    /// The first day; without it, the first request has no start.
    pub(crate) start: Option<NaiveDate>,
    /// The end of the requested period, if the source needs one.
    pub(crate) until: Option<Until>,
}

/// The end of a time window; the window includes its end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    /// The parameter whose value is the end.
    pub(crate) param: String,
    /// Maximum length of a window.
    #[serde(default = "Period::seconds::<86400>")]
    pub(crate) span: Period,
}

/// Requests records day by day. A day is requested again until it is closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Day {
    /// The parameter whose value is the day.
    pub(crate) param: String,
    /// How the day is written, e.g. `%Y-%m-%d`.
    #[serde(default = "day_format")]
    pub(crate) format: String,
    /// The time zone in which days begin, like `UTC` or `Asia/Shanghai`; by default, the zone of the
    /// configuration.
    #[schemars(with = "Option<String>", extend("format" = "timezone"))]
    pub(crate) zone: Option<Tz>,
    /// The first day.
    pub(crate) start: NaiveDate,
    /// How long after the end of a day records may still be added to it.
    #[serde(default = "Period::seconds::<43200>")]
    pub(crate) closes: Period,
}

/// Sequences of records within the channel, each with its own position.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    /// The parameter that has a different value in each sequence.
    pub(crate) param: String,
    /// The values, one for each sequence. Sequences take turns; one that fails does not stop the others.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) values: Vec<Value>,
}

/// Reads old records again from time to time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reread {
    /// How many days back records are read again.
    #[schemars(range(min = 1, max = 3_650))]
    pub(crate) days: u32,
    /// How often they are read again.
    #[serde(default = "Period::seconds::<3600>")]
    pub(crate) every: Period,
    /// Parameters that have other values when old records are read again, for example to request only
    /// open records.
    #[serde(default)]
    pub(crate) params: Map<String, Value>,
    /// Where the time is in a record; required for pages of kind `newest`.
    pub(crate) at: Option<Path>,
    /// How the time at `at` is written; by default, `%Y-%m-%d %H:%M:%S`.
    pub(crate) at_format: Option<String>,
}

/// What happens to a page that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnBadPage {
    /// The channel stops until an operator acts.
    #[default]
    Stop,
    /// The page is quarantined with its bytes, and the next page is requested. The page is requested again
    /// in the next pass, then after one hour, two, four and so on; until it can be read, passes are reported
    /// as incomplete. If the next page is known only from the unreadable one, the channel stops.
    Quarantine,
}

fn content_type() -> String {
    "text/xml; charset=utf-8".to_owned()
}

fn day_format() -> String {
    "%Y-%m-%d".to_owned()
}
