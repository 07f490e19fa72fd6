//! Numbers with a unit. The unit is never left out: a bare 30 is thirty of something else for
//! every reader.

use std::{borrow::Cow, str::FromStr, time::Duration};

use contract::{Period, Size};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Wrong;

const SECONDS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// Least time between two requests, on average; written as requests per time, like `5/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Duration);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("`{text}` is not a rate: write it like 5/s, 100/m, 2000/h or 9000/d");
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let (_, seconds) = SECONDS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let count = number.parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(*seconds) / count))
    }
}

pub(super) fn period(text: &str, bounds: (Option<&str>, Option<&str>)) -> Option<Wrong> {
    within::<Period>(text, bounds, |text| {
        let (number, unit) = split(text);
        let unit = match unit.trim().to_lowercase().as_str() {
            "sec" | "secs" | "second" | "seconds" | "秒" | "" => "s",
            "min" | "mins" | "minute" | "minutes" | "分" | "分钟" => "m",
            "hour" | "hours" | "hr" | "小时" | "时" => "h",
            "day" | "days" | "天" | "日" => "d",
            "ms" | "msec" | "毫秒" => "ms",
            "s" => "s",
            _ => return None,
        };
        Some(format!("{}{unit}", number.trim()))
    })
}

pub(super) fn size(text: &str, bounds: (Option<&str>, Option<&str>)) -> Option<Wrong> {
    within::<Size>(text, bounds, |text| {
        let (number, unit) = split(text);
        let unit = match unit.trim().to_lowercase().as_str() {
            "k" | "kb" | "kib" => "KiB",
            "m" | "mb" | "mib" => "MiB",
            "g" | "gb" | "gib" => "GiB",
            "b" | "byte" | "bytes" | "" => "B",
            _ => return None,
        };
        Some(format!("{}{unit}", number.trim()))
    })
}

pub(super) fn rate(text: &str) -> Option<Wrong> {
    within::<Rate>(text, (None, None), |text| {
        let (number, unit) = split(text);
        let unit = unit.trim().trim_start_matches('/').trim_start_matches("per").trim();
        let unit = match unit.to_lowercase().as_str() {
            "s" | "sec" | "second" | "秒" | "" => "s",
            "m" | "min" | "minute" | "分" | "分钟" => "m",
            "h" | "hour" | "小时" => "h",
            "d" | "day" | "天" | "日" => "d",
            _ => return None,
        };
        Some(format!("{}/{unit}", number.trim()))
    })
}

/// Reads a quantity and compares it with its bounds; `guess` says what was probably meant.
fn within<Q: FromStr<Err = String> + Comparable>(
    text: &str,
    (least, most): (Option<&str>, Option<&str>),
    guess: impl Fn(&str) -> Option<String>,
) -> Option<Wrong> {
    let quantity: Q = match text.parse() {
        Ok(quantity) => quantity,
        Err(message) => {
            let instead = guess(text).filter(|guess| guess.parse::<Q>().is_ok());
            return Some(Wrong { message, instead, ..Wrong::default() });
        }
    };
    let beyond = |bound: Option<&str>, wrong: fn(u128, u128) -> bool| {
        let amount = bound?.parse::<Q>().ok()?.amount();
        bound.filter(|_| wrong(quantity.amount(), amount)).map(str::to_owned)
    };
    let message = match (beyond(least, |a, b| a < b), beyond(most, |a, b| a > b)) {
        (Some(least), _) => format!("`{text}` is too little: at least {least}"),
        (_, Some(most)) => format!("`{text}` is too much: at most {most}"),
        (None, None) => return None,
    };
    Some(Wrong { message, ..Wrong::default() })
}

/// What bounds are compared by.
trait Comparable {
    fn amount(&self) -> u128;
}

impl Comparable for Period {
    fn amount(&self) -> u128 {
        self.0.as_millis()
    }
}

impl Comparable for Size {
    fn amount(&self) -> u128 {
        self.0.into()
    }
}

impl Comparable for Rate {
    fn amount(&self) -> u128 {
        self.0.as_nanos()
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "rate",
            "description": "a whole number per s, m, h or d: 5/s, 100/m",
        })
    }
}
