//! The usual ways to write a time, and which doubts about a time are flagged.

mod declared;

use serde_json::{Value, json};

use super::*;
use crate::{path::Path, source::Origin};

fn read(format: TimeFormat, zone: Tz, value: Value) -> (Option<String>, Vec<QualityFlag>) {
    let source = FieldSource {
        target: "received_at",
        origin: Origin::Paths(vec![Path::parse("$.t").unwrap()]),
        extract: None,
        default: None,
        is_required: false,
    };
    let rule = TimeRule { source, format, zone };
    let mut notes = Notes::default();
    let tree = json!({ "t": value, "begin": "2026-10-09 10:30:00" });
    let moment = rule.read(Record::new(&tree), &mut notes);
    let flags = notes.into_quality().into_iter().map(|note| note.flag).collect();
    (moment.map(|moment| moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)), flags)
}

const SHANGHAI: Tz = Tz::Asia__Shanghai;

#[test]
fn the_usual_ways_to_write_a_time_are_recognised() {
    for (text, expected) in [
        ("2026-10-09 10:30:00", "2026-10-09T02:30:00Z"),
        ("2019/2/28 11:25:05", "2019-02-28T03:25:05Z"),
        ("2019/2/28 1:25:05", "2019-02-27T17:25:05Z"),
        ("2026/10/9 10:30", "2026-10-09T02:30:00Z"),
        ("2026-10-09T10:30", "2026-10-09T02:30:00Z"),
        ("2026-10-09 10:30:00.0", "2026-10-09T02:30:00Z"),
        ("2026-10-09 10:30:00.125", "2026-10-09T02:30:00.125Z"),
        ("20261009103000", "2026-10-09T02:30:00Z"),
        ("202610091030", "2026-10-09T02:30:00Z"),
        ("20261009", "2026-10-08T16:00:00Z"),
        ("2026-10-09", "2026-10-08T16:00:00Z"),
        ("2026.10.9", "2026-10-08T16:00:00Z"),
        ("2026年10月9日", "2026-10-08T16:00:00Z"),
        ("2026年10月9日 10:30", "2026-10-09T02:30:00Z"),
        ("2026年10月9日10时30分", "2026-10-09T02:30:00Z"),
        ("2026年10月9日 10时30分15秒", "2026-10-09T02:30:15Z"),
        ("2026年10月9日10时", "2026-10-09T02:00:00Z"),
        ("2026年10月9日下午3时30分", "2026-10-09T07:30:00Z"),
        ("2026-10-09 下午 3:30", "2026-10-09T07:30:00Z"),
        ("2026-10-09 上午10:30", "2026-10-09T02:30:00Z"),
        ("2026-10-09 上午12:30", "2026-10-08T16:30:00Z"),
        ("46304.4375", "2026-10-09T02:30:00Z"),
        ("46304", "2026-10-08T16:00:00Z"),
        ("2026-10-09T02:30:00Z", "2026-10-09T02:30:00Z"),
        ("2026-10-09T10:30:00+08:00", "2026-10-09T02:30:00Z"),
        ("2026-10-09T10:30:00.5+0800", "2026-10-09T02:30:00.500Z"),
        ("2026-10-08 21:30:00 -05", "2026-10-09T02:30:00Z"),
        ("\u{3000}2026-10-09 10:30:00\t", "2026-10-09T02:30:00Z"),
    ] {
        let (moment, flags) = read(TimeFormat::Usual, SHANGHAI, json!(text));
        assert_eq!((moment.as_deref(), flags), (Some(expected), vec![]), "{text}");
    }
    let number = |value| read(TimeFormat::Usual, SHANGHAI, value).0;
    assert_eq!(number(json!(46304.4375)).as_deref(), Some("2026-10-09T02:30:00Z"));
    assert_eq!(number(json!(1_791_513_000)).as_deref(), Some("2026-10-09T02:30:00Z"));
}

#[test]
fn an_invalid_time_is_absent_and_flagged() {
    for value in [
        json!("昨天"),
        json!("2026-13-09"),
        json!("2026-02-30 10:00:00"),
        json!("2026-10-09 25:00:00"),
        json!("2026-10-09 上午15:30"),
        json!("2026-10-09 10:30:00 北京"),
        json!("2026-10-09 10:30:00+99:99"),
        json!("2026-10-0910:30:00x"),
        json!("10:30:00"),
        json!("20261309"),
        json!("0"),
        json!("1"),
        json!("-"),
        json!("46304."),
        json!("9999999999999999999"),
        json!(12),
        json!(true),
        json!(1e300),
        json!("0000-00-00 00:00:00"),
    ] {
        let answer = read(TimeFormat::Usual, SHANGHAI, value.clone());
        assert_eq!(answer, (None, vec![QualityFlag::BadTime]), "{value}");
    }
    assert_eq!(read(TimeFormat::Usual, SHANGHAI, json!(" ")), (None, vec![]));
    assert_eq!(read(TimeFormat::Usual, SHANGHAI, json!(null)), (None, vec![]));
}

#[test]
fn times_far_away_are_kept_and_flagged() {
    for text in ["1900-01-01", "2004-12-31 23:59:59", "2100-01-02", "9999-12-31"] {
        let (moment, flags) = read(TimeFormat::Usual, SHANGHAI, json!(text));
        assert!(moment.is_some(), "{text}");
        assert_eq!(flags, [QualityFlag::OutOfRange], "{text}");
    }
}

#[test]
fn a_repeated_hour_is_ambiguous_and_a_skipped_hour_is_invalid() {
    let new_york = Tz::America__New_York;
    let (moment, flags) = read(TimeFormat::Usual, new_york, json!("2026-11-01 01:30:00"));
    assert_eq!(moment.as_deref(), Some("2026-11-01T05:30:00Z"));
    assert_eq!(flags, [QualityFlag::AmbiguousTime]);
    let skipped = read(TimeFormat::Usual, new_york, json!("2026-03-08 02:30:00"));
    assert_eq!(skipped, (None, vec![QualityFlag::BadTime]));
}
