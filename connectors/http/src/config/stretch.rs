//! Which stretch of the records is asked for.

use std::time::Duration;

use chrono::NaiveDate;
use contract::Period;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// From when on records are asked for. The bound moves when all pages were read, and stays behind
/// the source's own clock by the overlap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// The parameter that takes the bound.
    pub param: String,
    /// How times are written, e.g. `%Y-%m-%d %H:%M:%S`; `%s` for seconds and `%s%3f` for
    /// milliseconds since 1970.
    pub format: String,
    /// How late a record may become visible after its own time.
    #[serde(default = "overlap")]
    pub overlap: Period,
    /// Within a record: the time that the bound is compared with. Without it the bound follows the
    /// source's clock.
    #[serde(default)]
    pub at: Option<Path>,
    /// How the time in a record is written, where that differs from `format`.
    #[serde(default)]
    pub at_format: Option<String>,
    /// The first day; without it the first walk is asked for without a bound.
    #[serde(default)]
    pub start: Option<NaiveDate>,
    /// Where the source also wants to know until when.
    #[serde(default)]
    pub until: Option<Until>,
}

/// The other end of a window, which belongs to the window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The parameter that takes it.
    pub param: String,
    /// The longest window.
    #[serde(default = "span")]
    pub span: Period,
}

/// Records are asked for by the day. A day is asked for again until it is closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// The parameter that takes the day.
    pub param: String,
    /// How it is written, e.g. `%Y-%m-%d`.
    #[serde(default = "day_format")]
    pub format: String,
    /// The first day.
    pub start: NaiveDate,
    /// How long after its midnight records may still be added to a day.
    #[serde(default = "closes")]
    pub closes: Period,
}

/// Independent sequences within the channel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// The parameter that takes the value.
    pub param: String,
    /// One sequence for each. They take turns; one that fails does not stop the others.
    #[schemars(length(min = 1, max = 200))]
    pub values: Vec<Value>,
}

/// A second walk, over records that were read before.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reread {
    /// How far back.
    #[schemars(range(min = 1, max = 3_650))]
    pub days: u32,
    /// How often.
    #[serde(default = "every")]
    pub every: Period,
    /// Parameters that are other ones on this walk: the open records only, for instance.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Within a record: its time, for pages of the kind `newest`.
    #[serde(default)]
    pub at: Option<Path>,
    /// How that time is written.
    #[serde(default)]
    pub at_format: Option<String>,
}

fn overlap() -> Period {
    Period(Duration::from_secs(300))
}

fn span() -> Period {
    Period(Duration::from_secs(86_400))
}

fn closes() -> Period {
    Period(Duration::from_secs(43_200))
}

fn every() -> Period {
    Period(Duration::from_secs(3_600))
}

fn day_format() -> String {
    "%Y-%m-%d".to_owned()
}
