//! Times of the clock, as crontab writes them.

use std::{borrow::Cow, str::FromStr};

use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Wrong;

/// Five fields: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone)]
pub(crate) struct Clock(pub(crate) Box<Cron>);

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        parser.parse(text).map(|cron| Self(Box::new(cron))).map_err(|error| {
            format!("`{text}` are no clock times ({error}): write five fields, minute, hour, day, month, weekday, like */5 * * * *")
        })
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Clock {
    fn schema_name() -> Cow<'static, str> {
        "Clock".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "cron" })
    }
}

pub(super) fn check(text: &str) -> Option<Wrong> {
    let message = text.parse::<Clock>().err()?;
    Some(Wrong { message, ..Wrong::default() })
}
