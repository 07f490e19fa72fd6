//! `channels/<name>/channel.toml`: one source.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use contract::{Budget, ChannelId, Period, Window};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    format::{Clock, Rate},
    settings::{ChannelSettings, Example, Misfire, ScheduleSettings, Section, Trigger},
    source::Source,
};

/// The settings of a channel, as written. The table named after the connector, and `[demand]`, are
/// their owners'; their schemas are put in place of what is declared here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "channel.toml")]
pub(crate) struct ChannelFile {
    /// What people call the channel; no other one is called so.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Kind of the connector; its settings stand in the table of the same name.
    connector: String,
    /// When to look.
    schedule: Schedule,
    /// What the source allows.
    #[serde(default)]
    budget: BudgetFile,
    /// Where in a record the parts of a demand are.
    demand: Value,
    /// Pages with the demands that must come out of them; run by `tonghui check`.
    #[serde(default)]
    example: Vec<ExampleFile>,
}

/// When to look: after a pause, or at times of the clock.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["every", "cron"]))]
struct Schedule {
    /// Pause once caught up.
    #[schemars(extend("formatMinimum" = "1ms", "formatMaximum" = "31d"))]
    every: Option<Period>,
    /// Times of the clock in the gateway's zone, as crontab writes them: `*/5 * * * *`, `0 2 * * 1`.
    cron: Option<Clock>,
    /// The hours of the day within which to look, in the gateway's zone; leave out for all.
    window: Option<Window>,
    /// What becomes of clock times that passed while nothing ran, or while the look before went on.
    #[serde(default)]
    misfire: Misfire,
    /// A look may be this much later, so that many do not come at the same moment.
    #[serde(default = "no_jitter")]
    #[schemars(extend("formatMaximum" = "1h"))]
    jitter: Period,
}

fn no_jitter() -> Period {
    Period(Duration::ZERO)
}

impl Schedule {
    fn into_settings(self) -> ScheduleSettings {
        let Self { every, cron, window, misfire, jitter: Period(jitter) } = self;
        // The schema lets exactly one of the two through.
        let trigger = match cron {
            Some(Clock(cron)) => Trigger::Cron(cron),
            None => Trigger::Every(every.map_or(Duration::from_secs(60), |Period(pause)| pause)),
        };
        ScheduleSettings { trigger, window, misfire, jitter }
    }
}

/// What the source allows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("dependentRequired" = { "burst": ["rate"] }))]
struct BudgetFile {
    /// Requests or connections open at the same time, at most.
    #[schemars(range(min = 1))]
    concurrent: u32,
    /// Requests per time, on average; leave out where the source sets none.
    rate: Option<Rate>,
    /// Requests that may come at once after a pause.
    #[schemars(range(min = 1))]
    burst: u32,
    /// Requests of one day at most, in the gateway's zone; leave out where the source counts none.
    #[schemars(range(min = 1))]
    per_day: Option<u32>,
    /// The hours at which the source may be asked, in the gateway's zone; leave out for all.
    window: Option<Window>,
    /// The system that is asked, where several channels ask the same one: they share one budget,
    /// which all of them write alike. Left out, the channel has its upstream to itself.
    #[schemars(extend("format" = "upstream"))]
    upstream: Option<String>,
}

impl Default for BudgetFile {
    fn default() -> Self {
        let Budget { interval: _, burst, concurrent, per_day, window } = Budget::default();
        Self { concurrent, rate: None, burst, per_day, window, upstream: None }
    }
}

/// A page of the source and the demands that must come out of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExampleFile {
    /// File of the page, relative to the folder of the channel.
    #[schemars(extend("format" = "fixture"))]
    page: String,
    /// File of the demands, as JSON.
    #[schemars(extend("format" = "fixture"))]
    expected: String,
}

/// A channel file without a mistake, before it is read into its types.
pub(crate) struct Checked {
    pub(crate) id: ChannelId,
    pub(crate) dir: PathBuf,
    pub(crate) source: Source,
    /// The file as JSON, secrets in their places.
    pub(crate) value: Value,
    pub(crate) secrets: Vec<String>,
}

impl Checked {
    pub(crate) fn into_settings(mut self) -> Result<ChannelSettings, serde_json::Error> {
        let connector = self.value["connector"].as_str().unwrap_or_default().to_owned();
        let section = self.value.as_object_mut().and_then(|file| file.remove(&connector));
        let ChannelFile { name, connector, schedule, budget, demand, example } =
            serde_json::from_value(self.value)?;
        let BudgetFile { concurrent, rate, burst, per_day, window, upstream } = budget;
        let interval = rate.map(|Rate(interval)| interval);
        let file = |name: &str, dir: &Path| dir.join(name);
        Ok(ChannelSettings {
            id: self.id,
            name,
            connector,
            schedule: schedule.into_settings(),
            budget: Budget { interval, burst, concurrent, per_day, window },
            upstream,
            section: Section { value: section.unwrap_or_default(), secrets: self.secrets },
            demand,
            examples: example
                .iter()
                .map(|ExampleFile { page, expected }| Example {
                    page: file(page, &self.dir),
                    expected: file(expected, &self.dir),
                })
                .collect(),
            dir: self.dir,
            source: self.source,
        })
    }
}
