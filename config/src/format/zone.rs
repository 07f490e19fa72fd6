//! Time zones by their IANA name: only these know when a clock was changed in the past.

use std::borrow::Cow;

use chrono_tz::{TZ_VARIANTS, Tz};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Wrong;
use crate::nearest::nearest;

/// A zone of the IANA time zone database.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(crate) struct Zone(pub(crate) Tz);

impl JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "timezone",
            "description": "a name of the IANA time zone database: Asia/Shanghai",
        })
    }
}

/// What people call the one time of China; the database has it under the city of Shanghai.
const CHINA: [&str; 9] =
    ["asia/beijing", "beijing", "china", "cst", "gmt+8", "utc+8", "+08:00", "北京", "北京时间"];

pub(super) fn check(text: &str) -> Option<Wrong> {
    if text.parse::<Tz>().is_ok() {
        return None;
    }
    let instead = if CHINA.contains(&text.to_lowercase().as_str()) {
        Some("Asia/Shanghai")
    } else {
        nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name()))
    };
    Some(Wrong {
        message: format!("`{text}` is not a time zone of the IANA database"),
        instead: instead.map(str::to_owned),
        ..Wrong::default()
    })
}
