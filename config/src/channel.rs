//! `channels/<name>/channel.toml`: the file with the settings of one channel.

use std::{path::PathBuf, time::Duration};

use contract::{Budget, ChannelId, Period, Window};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config_file::ConfigFile,
    format::{CronTimes, Rate},
    schema::SectionSchemas,
    settings::{ChannelSettings, Example, Misfire, ScheduleSettings, Section, Trigger},
};

/// The settings of one channel.
// Other crates own `[demand]` and the table named after the connector; `channel_schema` inserts their
// schemas.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "channel.toml")]
pub(crate) struct ChannelFile {
    /// Display name of the channel; unique among the channels.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Kind of the connector; its settings are in the table of the same name.
    #[schemars(extend("allow" = "kind"))]
    connector: String,
    /// When to read.
    schedule: Schedule,
    /// Limits on requests to the source.
    #[serde(default)]
    budget: BudgetFile,
    /// Mapping of a record to a demand.
    demand: Value,
    /// Pages of the source with the demands expected from them; `tonghui check` compares them.
    #[serde(default)]
    example: Vec<Example>,
}

/// When to read: after a pause, or at cron times.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["every", "cron"]))]
struct Schedule {
    /// Pause after everything new has been read.
    #[schemars(extend("formatMinimum" = "1ms", "formatMaximum" = "31d"))]
    every: Option<Period>,
    /// Cron times in the gateway's time zone: `*/5 * * * *`, `0 2 * * 1`.
    cron: Option<CronTimes>,
    /// Hours of the day in which to read, in the gateway's time zone; all day if left out.
    window: Option<Window>,
    /// What to do about cron times that passed while the gateway was down or was still reading.
    #[serde(default)]
    misfire: Misfire,
    /// Maximum random delay of a read, so that channels do not all start at once.
    #[serde(default = "Period::seconds::<0>")]
    #[schemars(extend("formatMaximum" = "1h"))]
    jitter: Period,
}

impl Schedule {
    fn into_settings(self) -> ScheduleSettings {
        let Self { every, cron, window, misfire, jitter: Period(jitter) } = self;
        // The schema ensures that exactly one of the two is set.
        let trigger = match cron {
            Some(CronTimes(cron)) => Trigger::Cron(cron),
            None => Trigger::Every(every.map_or(Duration::from_secs(60), |Period(pause)| pause)),
        };
        ScheduleSettings { trigger, window, misfire, jitter }
    }
}

/// Limits on requests to the source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("dependentRequired" = { "burst": ["rate"] }))]
struct BudgetFile {
    /// Maximum number of requests or connections at the same time.
    #[schemars(range(min = 1))]
    concurrent: u32,
    /// Average number of requests per unit of time, like `5/s`; no limit if left out.
    rate: Option<Rate>,
    /// Number of requests that may be sent at once after a pause.
    #[schemars(range(min = 1))]
    burst: u32,
    /// Maximum number of requests per day in the gateway's time zone; no limit if left out.
    #[schemars(range(min = 1))]
    per_day: Option<u32>,
    /// Hours of the day in which requests are allowed, in the gateway's time zone; all day if left
    /// out.
    window: Option<Window>,
    /// Name of the upstream system, if several channels read it. They share one budget, so `[budget]`
    /// must be the same in all of them. If left out, no other channel reads it.
    #[schemars(extend("format" = "upstream"))]
    upstream: Option<String>,
}

impl Default for BudgetFile {
    fn default() -> Self {
        let Budget { interval: _, burst, concurrent, per_day, window } = Budget::default();
        Self { concurrent, rate: None, burst, per_day, window, upstream: None }
    }
}

/// A checked channel file, before it is deserialised.
pub(crate) struct RawChannel {
    pub(crate) id: ChannelId,
    /// The folder of the channel, to which file names in its settings are relative.
    pub(crate) folder: PathBuf,
    /// The file as text, for the places of problems.
    pub(crate) file: ConfigFile,
    /// The file as JSON, with secrets filled in.
    pub(crate) value: Value,
    /// The secrets in `value`.
    pub(crate) secrets: Vec<String>,
}

impl RawChannel {
    /// Puts a value of gateway.toml under `key` into the table of the connector, if that knows the key and does not
    /// set it.
    pub(crate) fn inherit(&mut self, key: &str, value: &Value, sections: &SectionSchemas) {
        let kind = self.value["connector"].as_str().unwrap_or_default().to_owned();
        let known = sections.connectors.iter().find(|known| known.name == kind);
        let is_known = known.is_some_and(|known| known.schema["properties"].get(key).is_some());
        let table = self.value.get_mut(&kind).and_then(Value::as_object_mut);
        if let Some(table) = table.filter(|table| is_known && !table.contains_key(key)) {
            table.insert(key.to_owned(), value.clone());
            self.secrets.extend(value["password"].as_str().map(str::to_owned));
        }
    }

    pub(crate) fn into_settings(mut self) -> Result<ChannelSettings, serde_json::Error> {
        let connector = self.value["connector"].as_str().unwrap_or_default().to_owned();
        // Only the connector knows the type of its table.
        let section = self.value.as_object_mut().and_then(|file| file.remove(&connector));
        let ChannelFile { name, connector, schedule, budget, demand, mut example } =
            serde_json::from_value(self.value)?;
        let BudgetFile { concurrent, rate, burst, per_day, window, upstream } = budget;
        let interval = rate.map(|Rate(interval)| interval);
        for file in example.iter_mut().flat_map(|each| [&mut each.page, &mut each.expected]) {
            *file = self.folder.join(&file);
        }
        Ok(ChannelSettings {
            id: self.id,
            name,
            connector,
            schedule: schedule.into_settings(),
            budget: Budget { interval, burst, concurrent, per_day, window },
            upstream,
            section: Section { value: section.unwrap_or_default(), secrets: self.secrets },
            demand,
            examples: example,
            dir: self.folder,
            file: self.file,
        })
    }
}
