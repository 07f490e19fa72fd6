//! Cron times, hours of the day like `06:00-23:00`, and the names of time zones in the IANA database.

use std::borrow::Cow;
use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use contract::{Timestamp, Window};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{TextProblem, nearest};

/// A cron expression of five fields: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(extend("format" = "cron"))]
pub(crate) struct CronTimes(#[schemars(with = "String")] pub(crate) Box<Cron>);

impl FromStr for CronTimes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| {
            format!("`{text}` is not a cron expression ({error}): write five fields (minute, hour, day of the month, month, weekday), like `*/5 * * * *`")
        })?;
        match cron.find_next_occurrence(&Timestamp::UNIX_EPOCH, true) {
            Ok(_) => Ok(Self(Box::new(cron))),
            Err(_) => Err(format!("`{text}` never occurs: none of its months has such a day")),
        }
    }
}

impl<'de> Deserialize<'de> for CronTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

pub(super) fn cron_problem(text: &str) -> Option<TextProblem> {
    let message = text.parse::<CronTimes>().err()?;
    Some(TextProblem { message, ..TextProblem::default() })
}

pub(super) fn window_problem(text: &str) -> Option<TextProblem> {
    let message = text.parse::<Window>().err()?;
    let suggestion = likely_window(text).filter(|window| window.parse::<Window>().is_ok());
    Some(TextProblem { message, suggestion, ..TextProblem::default() })
}

/// The window that was probably meant by `6:00 - 23:00`, `06:00–23:00` or `6点-23点`.
fn likely_window(text: &str) -> Option<String> {
    let text = text.replace(['–', '—', '~', '～', '至', '到'], "-");
    let (from, to) = text.split_once('-')?;
    Some(format!("{}-{}", to_clock_time(from)?, to_clock_time(to)?))
}

fn to_clock_time(text: &str) -> Option<String> {
    let text = text.trim().replace(['：', '点', '时'], ":");
    let (hour, minute) = text.split_once(':').unwrap_or((&text, ""));
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u16>().ok() };
    Some(format!("{:02}:{:02}", hour.trim().parse::<u16>().ok()?, number(minute.trim())?))
}

/// Names that people write for China's time zone; the database calls it `Asia/Shanghai`.
const CHINA: [&str; 9] =
    ["asia/beijing", "beijing", "china", "cst", "gmt+8", "utc+8", "+08:00", "北京", "北京时间"];

pub(super) fn zone_problem(text: &str) -> Option<TextProblem> {
    if text.parse::<Tz>().is_ok() {
        return None;
    }
    // Only the city is compared: `Asia/` in front of both would make any two cities similar.
    let city = |zone: &str| zone.rsplit('/').next().unwrap_or_default().to_owned();
    let suggestion = if CHINA.contains(&text.to_lowercase().as_str()) {
        Some("Asia/Shanghai")
    } else {
        let cities: Vec<_> =
            TZ_VARIANTS.iter().map(|zone| (city(zone.name()), zone.name())).collect();
        let likely = nearest(&city(text), cities.iter().map(|(city, _)| city.as_str()));
        likely
            .and_then(|likely| cities.iter().find(|(city, _)| city == likely))
            .map(|(_, zone)| *zone)
    };
    Some(TextProblem {
        message: format!("`{text}` is not a time zone of the IANA database"),
        advice: suggestion.is_none().then(|| "all of China has the zone Asia/Shanghai".to_owned()),
        suggestion: suggestion.map(str::to_owned),
        ..TextProblem::default()
    })
}
