//! Numbers with a unit. The unit is required, because a bare 30 could mean seconds or minutes.

use std::{borrow::Cow, str::FromStr, time::Duration};

use contract::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::TextProblem;

/// Seconds in each unit of a rate.
const UNIT_SECONDS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// A rate, stored as the average time between two requests, and written like `5/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(
    extend("format" = "rate"),
    description = "a whole number per s, m, h or d: 5/s, 100/m"
)]
pub(crate) struct Rate(#[schemars(with = "String")] pub(crate) Duration);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error =
            || format!("`{text}` is not a rate: write it like 5/s, 100/m, 2000/h or 9000/d");
        let (number, unit) = text.split_once('/').ok_or_else(error)?;
        let (_, seconds) = UNIT_SECONDS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        let count = number.parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(error)?;
        Ok(Self(Duration::from_secs(*seconds) / count))
    }
}

/// Units, each with the names that people write for it. The one with the name `""` is suggested for a bare
/// number.
type Units = [(&'static str, &'static [&'static str])];

const TIME_UNITS: &Units = &[
    ("s", &["", "s", "sec", "secs", "second", "seconds", "秒"]),
    ("m", &["m", "min", "mins", "minute", "minutes", "分", "分钟"]),
    ("h", &["h", "hour", "hours", "hr", "小时", "时"]),
    ("d", &["d", "day", "days", "天", "日"]),
    ("ms", &["ms", "msec", "毫秒"]),
];

const SIZE_UNITS: &Units = &[
    ("B", &["", "b", "byte", "bytes"]),
    ("KiB", &["k", "kb", "kib"]),
    ("MiB", &["m", "mb", "mib"]),
    ("GiB", &["g", "gb", "gib"]),
];

pub(super) fn period_problem(text: &str, bounds: Bounds<'_>) -> Option<TextProblem> {
    quantity_problem(
        text,
        bounds,
        |Period(period)| period.as_millis(),
        |number, unit| Some(format!("{number}{}", unit_of(TIME_UNITS, unit)?)),
    )
}

pub(super) fn size_problem(text: &str, bounds: Bounds<'_>) -> Option<TextProblem> {
    quantity_problem(
        text,
        bounds,
        |Size(bytes)| bytes.into(),
        |number, unit| Some(format!("{number}{}", unit_of(SIZE_UNITS, unit)?)),
    )
}

pub(super) fn rate_problem(text: &str) -> Option<TextProblem> {
    quantity_problem(
        text,
        (None, None),
        |Rate(interval)| interval.as_nanos(),
        |number, unit| {
            let unit = unit.trim_start_matches('/').trim_start_matches("per").trim();
            Some(format!("{number}/{}", unit_of(TIME_UNITS, unit)?))
        },
    )
}

fn unit_of(units: &Units, written: &str) -> Option<&'static str> {
    let written = written.to_lowercase();
    units.iter().find(|(_, names)| names.contains(&&*written)).map(|(unit, _)| *unit)
}

/// Minimum and maximum, as text; `None` for no bound.
type Bounds<'t> = (Option<&'t str>, Option<&'t str>);

/// The problem with a quantity that cannot be parsed, or whose `amount` is out of bounds. In the first
/// case, `guess` suggests a quantity from the number and the text after it.
fn quantity_problem<Q: FromStr<Err = String>>(
    text: &str,
    (min, max): Bounds<'_>,
    amount: fn(Q) -> u128,
    guess: impl Fn(&str, &str) -> Option<String>,
) -> Option<TextProblem> {
    let message = match text.parse::<Q>().map(amount) {
        Err(message) => {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, unit) = text.split_at(end);
            let suggestion = guess(number, unit.trim()).filter(|text| text.parse::<Q>().is_ok());
            return Some(TextProblem { message, suggestion, ..TextProblem::default() });
        }
        Ok(value) => {
            let bound = |bound: &str| bound.parse::<Q>().ok().map(amount);
            let is_too_small = |min: &&str| bound(min).is_some_and(|min| value < min);
            let is_too_large = |max: &&str| bound(max).is_some_and(|max| value > max);
            match (min.filter(is_too_small), max.filter(is_too_large)) {
                (Some(min), _) => format!("`{text}` is less than the minimum, {min}"),
                (_, Some(max)) => format!("`{text}` is more than the maximum, {max}"),
                (None, None) => return None,
            }
        }
    };
    Some(TextProblem { message, ..TextProblem::default() })
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
