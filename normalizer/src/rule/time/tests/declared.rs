//! Times as the channel declares them: formats, epochs, days, serials and spans.

use super::*;

#[test]
fn only_the_declared_formats_are_tried_in_order() {
    let formats = || TimeFormat::Formats(vec!["%d.%m.%Y %H:%M".into(), "%d.%m.%Y".into()]);
    let at = |text: &str| read(formats(), SHANGHAI, json!(text)).0;
    assert_eq!(at("09.10.2026 10:30").as_deref(), Some("2026-10-09T02:30:00Z"));
    assert_eq!(at("09.10.2026").as_deref(), Some("2026-10-08T16:00:00Z"));
    assert_eq!(at("2026-10-09 10:30:00"), None);
    let half_day = TimeFormat::Formats(vec!["%Y-%m-%d %I:%M".into()]);
    let (moment, flags) = read(half_day, SHANGHAI, json!("2026-10-09 10:30"));
    assert_eq!(moment.as_deref(), Some("2026-10-09T02:30:00Z"));
    assert_eq!(flags, [QualityFlag::AmbiguousTime]);
    let zoned = TimeFormat::Formats(vec!["%Y-%m-%d %H:%M %z".into()]);
    let (moment, _) = read(zoned, SHANGHAI, json!("2026-10-09 02:30 +0000"));
    assert_eq!(moment.as_deref(), Some("2026-10-09T02:30:00Z"));
}

#[test]
fn a_date_cell_of_a_workbook_is_read_whatever_the_formats() {
    for format in [TimeFormat::Formats(vec!["%Y/%m/%d %H:%M".into()]), TimeFormat::Excel] {
        let at = |text: &str| read_as(&format, text);
        assert_eq!(at("2026-10-09T10:30:00").as_deref(), Some("2026-10-09T02:30:00Z"));
        assert_eq!(at("2026-10-09T10:30:00.500").as_deref(), Some("2026-10-09T02:30:00.500Z"));
        assert_eq!(at("2026-10-09").as_deref(), Some("2026-10-08T16:00:00Z"));
        assert_eq!(at("46304.4375").as_deref(), Some("2026-10-09T02:30:00Z"));
        for other in ["2026-10-09 10:30:00", "2026-10-09T10:30", "123456", "10:30:00"] {
            assert_eq!(at(other), None, "{other}");
        }
    }
}

fn read_as(format: &TimeFormat, text: &str) -> Option<String> {
    let format = match format {
        TimeFormat::Formats(formats) => TimeFormat::Formats(formats.clone()),
        _ => TimeFormat::Excel,
    };
    read(format, SHANGHAI, json!(text)).0
}

#[test]
fn epochs_are_seconds_or_milliseconds_by_their_size() {
    let expected = Some("2026-10-09T02:30:00Z");
    for value in [json!(1_791_513_000), json!("1791513000"), json!(1_791_513_000_000_i64)] {
        assert_eq!(read(TimeFormat::Epoch, SHANGHAI, value).0.as_deref(), expected);
    }
    let millis = read(TimeFormat::EpochMillis, SHANGHAI, json!("1791513000000"));
    assert_eq!(millis.0.as_deref(), expected);
    assert_eq!(read(TimeFormat::Epoch, SHANGHAI, json!("12")).0, None);
    assert_eq!(read(TimeFormat::Epoch, SHANGHAI, json!("20261009103000")).0, None);
    assert_eq!(read(TimeFormat::Epoch, SHANGHAI, json!(i64::MAX)).0, None);
}

#[test]
fn days_only_serials_and_spans_are_read_where_the_channel_says_so() {
    let day = |text: &str| read(TimeFormat::Day, SHANGHAI, json!(text)).0;
    for text in ["2026-10-09 00:00:00", "2026/10/9", "2026-10-09 23:59:59", "2026-10-08T20:00:00Z"]
    {
        assert_eq!(day(text).as_deref(), Some("2026-10-08T16:00:00Z"), "{text}");
    }
    let excel = |value: Value| read(TimeFormat::Excel, SHANGHAI, value).0;
    assert_eq!(excel(json!("46304.4375")).as_deref(), Some("2026-10-09T02:30:00Z"));
    assert_eq!(excel(json!(46304.4375)).as_deref(), Some("2026-10-09T02:30:00Z"));
    assert_eq!(excel(json!("1")).as_deref(), Some("1899-12-30T15:54:17Z"));
    assert_eq!(excel(json!("2026/10/09")), None);

    let limit = |begin: &str| {
        let begin = Path::parse(begin).unwrap();
        TimeFormat::After(Box::new(Limit { begin, unit: None, calendar: None }))
    };
    let after = |text: &str| read(limit("$.begin"), SHANGHAI, json!(text));
    assert_eq!(after("30分钟").0.as_deref(), Some("2026-10-09T03:00:00Z"));
    // Without a calendar, nobody knows which days people work on.
    assert_eq!(after("7个工作日"), (None, vec![QualityFlag::BadTime]));
    let nowhere = read(limit("$.absent"), SHANGHAI, json!("1天"));
    assert_eq!(nowhere, (None, vec![QualityFlag::BadTime]));
}
