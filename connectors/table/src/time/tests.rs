use super::*;

const OVERLAP: Duration = Duration::from_secs(300);

fn column_format(format: Option<&str>) -> ColumnFormat {
    ColumnFormat::new(format, chrono_tz::Asia::Shanghai).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn next_start(format: Option<&str>, seen: Value, now: &str) -> Option<Value> {
    column_format(format).next_start(&seen, at(now), OVERLAP)
}

#[test]
fn a_start_is_written_as_the_source_writes_times() {
    let now = "2026-10-09T12:00:00Z";
    let text = |text: &str| Value::Text(text.into());
    for (format, seen, expected) in [
        (None, text("2026-10-09 10:34:12"), text("2026-10-09 10:29:12")),
        (Some("%Y/%m/%d %H:%M"), text("2026/10/09 10:34"), text("2026/10/09 10:29")),
        (Some("%Y%m%d%H%M%S"), Value::Int(20_261_009_103_412), Value::Int(20_261_009_102_912)),
        (Some("%Y-%m-%d"), text("2026-10-09"), text("2026-10-08")),
        (Some("%s"), Value::Int(1_790_000_000), Value::Int(1_789_999_700)),
        (Some("%s%3f"), text("1790000000500"), text("1789999700500")),
        (
            Some("%Y-%m-%d %H:%M:%S"),
            Value::Bytes(b"2026-10-09 10:34:12.250".into()),
            Value::Bytes(b"2026-10-09 10:29:12".into()),
        ),
        (
            None,
            Value::Local(at("2026-10-09T10:34:12Z").naive_utc()),
            Value::Local(at("2026-10-09T10:29:12Z").naive_utc()),
        ),
        (
            None,
            Value::Instant(at("2026-10-09T02:34:12Z")),
            Value::Instant(at("2026-10-09T02:29:12Z")),
        ),
        (None, Value::Int(77), Value::Int(77)),
    ] {
        assert_eq!(next_start(format, seen.clone(), now), Some(expected), "{format:?} {seen:?}");
    }
}

#[test]
fn a_start_is_never_later_than_the_sources_own_time() {
    let seen = Value::Text("2062-10-09 10:34:12".into());
    assert_eq!(
        next_start(None, seen, "2026-10-09T02:34:12Z"),
        Some(Value::Text("2026-10-09 10:29:12".into()))
    );
}

#[test]
fn a_value_that_is_not_a_time_does_not_move_the_start() {
    for seen in ["", "N/A", "2026/10/9 10:30", "46304.4375", "待定"] {
        assert_eq!(next_start(None, Value::Text(seen.into()), "2026-10-09T02:34:12Z"), None);
    }
    assert_eq!(next_start(None, Value::Null, "2026-10-09T02:34:12Z"), None);
}

#[test]
fn formats_that_do_not_sort_by_time_are_refused() {
    for format in [
        "%d.%m.%Y %H:%M",
        "%m/%d/%Y",
        "%H:%M",
        "%Y-%m-%d %I:%M %p %Q",
        "%Y-%m-%d %I:%M:%S %p",
        "%Y-%m-%d %M:%H",
        "%Y-%m-%dT%H:%M:%S%z",
        "%Y-%m-%dT%H:%M:%S%:z",
        "%+",
        "%c",
        "%y%m%d",
        "%Y-%-m-%-d",
        "%Y-%b-%d",
        "%Y-%m-%d %H:%M:%S.%f %Y",
        "%",
    ] {
        assert!(ColumnFormat::new(Some(format), chrono_tz::UTC).is_err(), "{format}");
    }
    for format in [
        "%Y",
        "%Y%m%d",
        "%Y年%m月%d日 %H时",
        "%F %T",
        "%Y-%m-%dT%H:%M:%S%.3fZ",
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y%m%d%H%M%S%3f",
        "%Y-%m-%d %R",
        "%s%3f",
    ] {
        assert!(ColumnFormat::new(Some(format), chrono_tz::UTC).is_ok(), "{format}");
    }
}

#[test]
fn a_sweep_goes_back_an_hour_when_clocks_were_set_back() {
    let format = ColumnFormat::new(None, chrono_tz::Europe::Berlin).unwrap();
    // On 2026-10-25 at 01:00 UTC, 03:00 became 02:00.
    for (since, now, expected) in [
        ("2026-10-25 02:54:00", "2026-10-25T00:59:30Z", "2026-10-25 02:54:00"),
        ("2026-10-25 02:54:00", "2026-10-25T01:05:00Z", "2026-10-25 01:54:00"),
        ("2026-10-25 03:01:00", "2026-10-25T02:06:00Z", "2026-10-25 03:01:00"),
        // In spring, 02:00 became 03:00: no time occurs twice.
        ("2026-03-29 01:57:00", "2026-03-29T01:02:00Z", "2026-03-29 01:57:00"),
    ] {
        let since = Value::Text(since.into());
        let earlier = format.before_repeated_hour(&since, at(now));
        assert_eq!(earlier, Value::Text(expected.into()), "{since:?} at {now}");
    }
    let number = Value::Int(7);
    assert_eq!(format.before_repeated_hour(&number, at("2026-10-25T01:05:00Z")), number);
}
