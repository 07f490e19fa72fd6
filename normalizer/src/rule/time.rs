//! The rule for times.
//!
//! Sources write times in many formats, change the format with an upgrade, and export through
//! spreadsheets. A time that cannot be read is absent and flagged; the current time never replaces it.

mod span;
mod usual;

use std::sync::Arc;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use contract::{
    Timestamp,
    demand::{LimitUnit, QualityFlag},
};
use normalizer_text::{Profile, clean};
use span::Span;

use super::{CodeRule, Rule};
use crate::{
    codes::Calendar,
    notes::Notes,
    path::Path,
    source::{FieldSource, Record, SourceText},
};

/// Reads a time.
pub(crate) struct TimeRule {
    pub(crate) source: FieldSource,
    pub(crate) format: TimeFormat,
    /// The zone of times without one.
    pub(crate) zone: Tz,
}

/// The format in which a time is written.
pub(crate) enum TimeFormat {
    /// One of the usual formats.
    Usual,
    /// One of these formats.
    Formats(Vec<String>),
    /// Seconds or milliseconds since 1970.
    Epoch,
    /// Milliseconds since 1970.
    EpochMillis,
    /// One of the usual formats; the time of day is ignored.
    Day,
    /// Days since 1899-12-30.
    Excel,
    /// A duration that begins at another time.
    After(Box<Limit>),
}

/// What a duration needs besides its own value.
pub(crate) struct Limit {
    /// The path of the time at which it begins.
    pub(crate) begin: Path,
    /// The unit of a value that is only a number.
    pub(crate) unit: Option<CodeRule<LimitUnit>>,
    pub(crate) calendar: Option<Arc<Calendar>>,
}

/// A parsed time, before the zone is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrittenTime {
    /// Without a zone.
    Local(NaiveDateTime),
    /// Without a zone, by a 12-hour clock, with neither am nor pm. The value assumes am.
    HalfDay(NaiveDateTime),
    /// With a zone.
    Moment(Timestamp),
}

/// The times that are not flagged: from 2005-01-01, before which there was no channel, to 2100-01-01. A time
/// in the future is not flagged here, because the result must not depend on the current time.
const PLAUSIBLE: std::ops::Range<i64> = 1_104_537_600..4_102_444_800;
/// The times that are not dropped: years 1 to 9999, which every store and wire format can write.
const WRITABLE: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;
/// A larger number is taken as milliseconds: as seconds it would be after the year 5138.
const MAX_SECONDS: i64 = 100_000_000_000;

impl Rule<Timestamp> for TimeRule {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Timestamp> {
        let SourceText { text, is_number, .. } = self.source.first(record, notes)?;
        let text = clean(&text, Profile::Plain).text;
        let target = self.source.target;
        let moment = match &self.format {
            TimeFormat::After(limit) => self.after(limit, &text, record, notes),
            _ => self.parse(&text, is_number).and_then(|written| self.to_moment(written, notes)),
        };
        let moment = moment.filter(|moment| WRITABLE.contains(&moment.timestamp()));
        let Some(moment) = moment else {
            notes.add(target, QualityFlag::BadTime, None);
            return None;
        };
        if !PLAUSIBLE.contains(&moment.timestamp()) {
            notes.add(target, QualityFlag::OutOfRange, Some("before 2005 or after 2099"));
        }
        Some(moment)
    }
}

impl TimeRule {
    fn parse(&self, text: &str, is_number: bool) -> Option<WrittenTime> {
        match &self.format {
            TimeFormat::Usual if is_number => {
                usual::likely_days(text).map(WrittenTime::Local).or_else(|| epoch(text))
            }
            TimeFormat::Usual | TimeFormat::After(_) => usual::parse(text),
            TimeFormat::Formats(formats) => {
                let declared = formats.iter().find_map(|format| parse_with(text, format));
                declared.or_else(|| date_cell(text))
            }
            TimeFormat::Epoch => epoch(text),
            TimeFormat::EpochMillis => {
                text.parse().ok().and_then(DateTime::from_timestamp_millis).map(WrittenTime::Moment)
            }
            TimeFormat::Day => {
                let local = match usual::parse(text)? {
                    WrittenTime::Local(local) | WrittenTime::HalfDay(local) => local,
                    WrittenTime::Moment(moment) => moment.with_timezone(&self.zone).naive_local(),
                };
                local.date().and_hms_opt(0, 0, 0).map(WrittenTime::Local)
            }
            TimeFormat::Excel => {
                usual::days(text).map(WrittenTime::Local).or_else(|| date_cell(text))
            }
        }
    }

    /// The end of a limit: the time at which it begins plus the duration `span`.
    fn after(
        &self,
        Limit { begin, unit, calendar }: &Limit,
        span: &str,
        record: Record<'_>,
        notes: &mut Notes,
    ) -> Option<Timestamp> {
        let span = clean(span, Profile::Code).text;
        let span = match unit {
            Some(unit) => span::in_unit(&span, unit.read(record, notes)?)?,
            None => span::parse(&span)?,
        };
        let begin = begin.find(record.tree, &mut notes.work, |value| !value.is_null())?;
        let text = begin.as_str().map_or_else(|| begin.to_string(), str::to_owned);
        let text = clean(&text, Profile::Plain).text;
        let written = if begin.is_number() { epoch(&text) } else { usual::parse(&text) };
        let begin = self.to_moment(written?, notes)?;
        let local = begin.with_timezone(&self.zone).naive_local();
        let end = match span {
            Span::Fixed(span) => return begin.checked_add_signed(span),
            Span::WorkDays(n) => calendar.as_ref()?.after_days(local, n),
            Span::WorkHours(n) => calendar.as_ref()?.after_hours(local, n),
        };
        self.to_moment(WrittenTime::Local(end?), notes)
    }

    /// Applies the zone; `None` for a local time that summer time skips.
    fn to_moment(&self, written: WrittenTime, notes: &mut Notes) -> Option<Timestamp> {
        let target = self.source.target;
        let local = match written {
            WrittenTime::Moment(moment) => return Some(moment),
            WrittenTime::Local(local) => local,
            WrittenTime::HalfDay(local) => {
                let detail = "morning or afternoon is not said";
                notes.add(target, QualityFlag::AmbiguousTime, Some(detail));
                local
            }
        };
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(moment) => Some(moment.with_timezone(&Utc)),
            LocalResult::Ambiguous(earlier, _) => {
                let detail = "this local time occurred twice";
                notes.add(target, QualityFlag::AmbiguousTime, Some(detail));
                Some(earlier.with_timezone(&Utc))
            }
            LocalResult::None => None,
        }
    }
}

/// Parses seconds or milliseconds since 1970.
fn epoch(text: &str) -> Option<WrittenTime> {
    let number: i64 = text.parse().ok()?;
    let moment = if number.abs() < MAX_SECONDS {
        DateTime::from_timestamp(number, 0)
    } else {
        DateTime::from_timestamp_millis(number)
    };
    // A time before 1973 is refused: such a number is a code or a count in the wrong column. So is one after
    // 2099: `20261009103000` is a time that is written in digits, and no epoch.
    moment
        .filter(|moment| (100_000_000..PLAUSIBLE.end).contains(&moment.timestamp()))
        .map(WrittenTime::Moment)
}

/// Parses a time in a format of strftime.
fn parse_with(text: &str, format: &str) -> Option<WrittenTime> {
    if let Ok(moment) = DateTime::parse_from_str(text, format) {
        return Some(WrittenTime::Moment(moment.with_timezone(&Utc)));
    }
    if let Ok(local) = NaiveDateTime::parse_from_str(text, format) {
        return Some(WrittenTime::Local(local));
    }
    // A 12-hour clock without am and pm. It must be tried before the date alone, which would also match.
    let half_day = NaiveDateTime::parse_from_str(&format!("{text} AM"), &format!("{format} %p"));
    if let Ok(local) = half_day {
        return Some(WrittenTime::HalfDay(local));
    }
    let date = chrono::NaiveDate::parse_from_str(text, format).ok()?;
    date.and_hms_opt(0, 0, 0).map(WrittenTime::Local)
}

/// Parses a date cell of a workbook, which has no format of the source: it arrives in ISO 8601, or as days
/// since 1899-12-30 if its cell has no format at all.
fn date_cell(text: &str) -> Option<WrittenTime> {
    let iso = match text.as_bytes().get(10) {
        Some(b'T') => parse_with(text, "%Y-%m-%dT%H:%M:%S%.f"),
        None if text.len() == 10 => parse_with(text, "%Y-%m-%d"),
        _ => None,
    };
    iso.or_else(|| usual::likely_days(text).map(WrittenTime::Local))
}

/// The time this number of days and seconds after 1899-12-30, where spreadsheets begin to count.
fn days_since_1899(days: i64, seconds: i64) -> Option<NaiveDateTime> {
    let origin = chrono::NaiveDate::from_ymd_opt(1899, 12, 30)?.and_hms_opt(0, 0, 0)?;
    origin.checked_add_signed(TimeDelta::try_days(days)? + TimeDelta::try_seconds(seconds)?)
}

#[cfg(test)]
mod tests;
