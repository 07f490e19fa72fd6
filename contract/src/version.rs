//! Versions order the states of a record; digests tell whether two states differ.
//!
//! The newer version wins, so a state may arrive repeatedly and in any order.

use std::{cmp::Ordering, fmt};

use chrono::{NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// The source's own number or time of a state. Empty if the source gives none: a later read then has
/// the newer state.
// Only the number is compared, sent and stored.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
#[schemars(with = "Option<i64>")]
pub struct Revision {
    number: Option<i64>,
    /// Whether the source gave it as a time; known until it is packed.
    is_time: bool,
}

impl Revision {
    /// The source gives none: a later read is newer.
    pub const NONE: Self = Self { number: None, is_time: false };

    /// The source numbers its revisions.
    pub fn number(number: i64) -> Self {
        Self { number: Some(number), is_time: false }
    }

    /// The source dates its revisions (microseconds since 1970).
    pub fn time(time: Timestamp) -> Self {
        Self { number: Some(time.timestamp_micros()), is_time: true }
    }

    /// Whether it is a time after `limit`. Of a number nobody can say that.
    pub(crate) fn is_after(self, limit: Timestamp) -> bool {
        self.is_time && self > Self::time(limit)
    }

    /// Reads a revision from JSON: a whole number (as text if it is above 2^53), a time (RFC 3339), or a time
    /// without an offset (`2026-10-09 10:30:00`) in `zone`. `None` for anything else.
    pub fn from_json(value: &Value, zone: Tz) -> Option<Self> {
        match value {
            // The smallest number stands for no revision.
            Value::Number(number) => {
                number.as_i64().filter(|number| *number != i64::MIN).map(Self::number)
            }
            // Connectors return an integer above 2^53 as text.
            Value::String(text) => match text.parse::<i64>() {
                Ok(number) if number.unsigned_abs() > 1 << 53 && number != i64::MIN => {
                    Some(Self::number(number))
                }
                _ => parse_time(text, zone).map(Self::time),
            },
            _ => None,
        }
    }

    /// The number for a database column: an empty revision becomes the smallest number.
    pub fn to_column(self) -> i64 {
        self.number.unwrap_or(i64::MIN)
    }

    /// The inverse of [`Revision::to_column`].
    pub fn from_column(value: i64) -> Self {
        Self::from((value != i64::MIN).then_some(value))
    }
}

impl From<Option<i64>> for Revision {
    fn from(number: Option<i64>) -> Self {
        Self { number, is_time: false }
    }
}

impl From<Revision> for Option<i64> {
    fn from(revision: Revision) -> Self {
        revision.number
    }
}

impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Revision {}

impl PartialOrd for Revision {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Revision {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

fn parse_time(text: &str, zone: Tz) -> Option<Timestamp> {
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let local = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    zone.from_local_datetime(&local).earliest().map(|time| time.to_utc())
}

/// The number of a read: each read of a channel has a greater number than those before it. It is taken after
/// the source's answer has arrived.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct ReadNo(pub u64);

/// The number that the store gave a mapping. If `[demand]`, a code table that it uses, or the normaliser
/// changes, the mapping is another one, and gets the next number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct MappingNo(pub u32);

/// (revision, read, mapping), compared in that order: the greater version is newer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Version {
    /// The source's own number or time of the state, if it gives one.
    pub revision: Revision,
    /// The number of the read that returned the state.
    pub read_no: ReadNo,
    /// The number of the mapping that made the demand.
    pub mapping: MappingNo,
}

/// A 128-bit digest: equal digests mean equal content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(with = "String")]
pub struct Digest(#[serde(with = "hex::serde")] pub [u8; 16]);

impl Digest {
    /// Shortens a longer hash to its first 128 bits.
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        Self(short)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_declared_revision_is_a_whole_number_or_a_time() {
        let zone = chrono_tz::Asia::Shanghai;
        let instant = "2026-10-09T02:30:00Z".parse().map(Revision::time).ok();
        for same in ["2026-10-09T10:30:00+08:00", "2026-10-09 10:30:00", "2026-10-09T10:30:00.000"]
        {
            assert_eq!(Revision::from_json(&json!(same), zone), instant, "{same}");
        }
        assert_eq!(Revision::from_json(&json!(-3), zone), Some(Revision::number(-3)));
        let unreadable =
            [json!(null), json!(1.5), json!("昨天"), json!(""), json!(u64::MAX), json!(i64::MIN)];
        for value in unreadable {
            assert_eq!(Revision::from_json(&value, zone), None, "{value}");
        }
    }

    #[test]
    fn only_a_time_can_be_after_a_time_and_the_wire_has_its_number() {
        let limit = Timestamp::UNIX_EPOCH;
        let second = limit + chrono::TimeDelta::seconds(1);
        assert!(Revision::time(second).is_after(limit));
        assert!(!Revision::time(limit).is_after(limit));
        assert!(!Revision::number(i64::MAX).is_after(limit) && !Revision::NONE.is_after(limit));
        assert_eq!(Revision::time(second), Revision::number(1_000_000));
        assert_eq!(json!(Revision::time(second)), json!(1_000_000));
        assert_eq!(json!(Revision::NONE), json!(null));
        let read: Revision = serde_json::from_value(json!(7)).unwrap();
        assert_eq!(read, Revision::number(7));
    }

    fn version(revision: Option<i64>, read_no: u64, mapping: u32) -> Version {
        let revision = revision.map_or(Revision::NONE, Revision::number);
        Version { revision, read_no: ReadNo(read_no), mapping: MappingNo(mapping) }
    }

    #[test]
    fn revision_comes_before_read_and_read_before_mapping() {
        assert!(version(Some(2), 1, 1) > version(Some(1), 9, 9));
        assert!(version(None, 2, 1) > version(None, 1, 9));
        assert!(version(None, 2, 2) > version(None, 2, 1));
    }

    proptest! {
        #[test]
        fn the_column_form_keeps_the_order(a: Option<i64>, b: Option<i64>) {
            prop_assume!(a != Some(i64::MIN) && b != Some(i64::MIN));
            let (a, b) = (Revision::from(a), Revision::from(b));
            prop_assert_eq!(a.cmp(&b), a.to_column().cmp(&b.to_column()));
            prop_assert_eq!(Revision::from_column(a.to_column()), a);
        }
    }
}
