//! What values look like: times, numbers of telephones, coordinates.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime};
use normalizer_text::identify::{id_card, is_masked, landline, mobile};

use super::columns::Column;

/// The formats of times in which sources write and select.
const FORMATS: [&str; 14] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y%m%d",
];
/// Seconds since 1970 in this range are a time of this century.
const SECONDS: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// As text, in this format.
    Text(&'static str),
    /// With a zone.
    Zoned(&'static str),
    Seconds,
    Milliseconds,
}

impl TimeForm {
    /// How a value is written; `None` if it is no time.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_likely = |year: i32| (2000..2100).contains(&year);
        if let Ok(number) = text.parse::<i64>() {
            if text.len() == 10 && SECONDS.contains(&number) {
                return Some(Self::Seconds);
            }
            if text.len() == 13 && SECONDS.contains(&(number / 1000)) {
                return Some(Self::Milliseconds);
            }
        }
        for format in ["%+", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
            if DateTime::parse_from_str(text, format).is_ok_and(|time| is_likely(time.year())) {
                return Some(Self::Zoned(if text.ends_with('Z') {
                    "%Y-%m-%dT%H:%M:%SZ"
                } else {
                    format
                }));
            }
        }
        let fits = |format: &&&str| {
            let is_compact = !format.contains(['-', '/', '年']);
            let (digits, len) = (text.bytes().all(|b| b.is_ascii_digit()), text.len());
            if is_compact && !(digits && len == format.len() + 2) {
                return false;
            }
            let exact = NaiveDateTime::parse_from_str(text, format);
            let time =
                exact.or_else(|_| NaiveDateTime::parse_from_str(text, &format!("{format}%.f")));
            let date = || NaiveDate::parse_from_str(text, format).map(|date| date.year());
            time.map(|time| time.year()).or_else(|_| date()).is_ok_and(is_likely)
        };
        FORMATS.iter().find(fits).map(|format| Self::Text(format))
    }

    /// How all values of a field are written; `None` if most are no times.
    pub(super) fn of_column(column: &Column) -> Option<Self> {
        let forms: Vec<Self> = column.values.iter().filter_map(|value| Self::of(value)).collect();
        let first = *forms.first()?;
        let same = forms.iter().filter(|form| **form == first).count();
        (column.mostly(|value| Self::of(value).is_some()) && same * 10 >= forms.len() * 7)
            .then_some(first)
    }

    /// The conversion in `[demand]`.
    pub(super) fn conversion(self) -> &'static str {
        match self {
            Self::Text(_) | Self::Zoned(_) => "datetime",
            Self::Seconds => "epoch",
            Self::Milliseconds => "epoch_ms",
        }
    }

    /// The format in the notation of strftime.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Text(format) | Self::Zoned(format) => format,
            Self::Seconds => "%s",
            Self::Milliseconds => "%s%3f",
        }
    }

    /// The day of a value in this form.
    pub(super) fn day(self, text: &str) -> Option<NaiveDate> {
        match self {
            Self::Seconds => {
                DateTime::from_timestamp(text.trim().parse().ok()?, 0).map(|t| t.date_naive())
            }
            Self::Milliseconds => {
                DateTime::from_timestamp_millis(text.trim().parse().ok()?).map(|t| t.date_naive())
            }
            Self::Zoned(_) => NaiveDate::parse_from_str(text.trim().get(..10)?, "%Y-%m-%d").ok(),
            Self::Text(format) => NaiveDateTime::parse_from_str(text.trim(), format)
                .map(|time| time.date())
                .or_else(|_| NaiveDate::parse_from_str(text.trim(), format))
                .ok(),
        }
    }

    /// For people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Text("%Y%m%d%H%M%S" | "%Y%m%d%H%M" | "%Y%m%d") => "times in digits",
            Self::Text(_) => "dates and times",
            Self::Zoned(_) => "times with a zone",
            Self::Seconds => "seconds since 1970",
            Self::Milliseconds => "milliseconds since 1970",
        }
    }
}

/// Whether it is a number of a telephone, perhaps with a mask.
pub(super) fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    mobile(text).problem.is_none()
        || landline(text).problem.is_none()
        || is_masked(text) && (4..=11).contains(&digits) && text.chars().count() >= 7
}

/// Whether it is a number of a mobile telephone.
pub(super) fn is_mobile(text: &str) -> bool {
    mobile(text).problem.is_none()
}

/// Whether it is an identity number, perhaps with a mask or a wrong digit.
pub(super) fn is_id_number(text: &str) -> bool {
    id_card(text).problem.is_none()
        || is_masked(text) && text.chars().count() >= 15
        || text.len() == 18 && text.bytes().take(17).all(|byte| byte.is_ascii_digit())
}

/// Whether a person may be called so.
pub(super) fn is_person(text: &str) -> bool {
    let n = text.chars().count();
    (1..=30).contains(&n) && !text.contains(|c: char| c.is_ascii_digit() || "/@:{<".contains(c))
}

/// Whether it is a number in this range.
pub(super) fn is_within(text: &str, range: std::ops::RangeInclusive<f64>) -> bool {
    text.parse::<f64>().is_ok_and(|number| range.contains(&number) && number != 0.0)
}

/// Whether it has more than digits and signs.
pub(super) fn is_text(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}
