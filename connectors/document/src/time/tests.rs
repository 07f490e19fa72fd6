use super::*;

#[test]
fn a_time_is_written_and_read_in_the_format_of_the_source() {
    let zone = chrono_tz::Asia::Shanghai;
    let format = |text: &str| TimeFormat::new(text, zone).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let moment = at("2026-10-09T02:30:00Z");
    for (text, written) in [
        ("%Y-%m-%d %H:%M:%S", "2026-10-09 10:30:00"),
        ("%Y%m%d%H%M%S", "20261009103000"),
        ("%s", "1791513000"),
        ("%s%3f", "1791513000000"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2026-10-09T10:30:00+08:00"),
    ] {
        assert_eq!(format(text).write(moment), written, "{text}");
        assert_eq!(format(text).read(written), Some(moment), "{text}");
    }
    let plain = format("%Y-%m-%d %H:%M:%S");
    let fraction = plain.read("2026-10-09 10:30:00.123");
    assert_eq!(fraction.map(|time| time.timestamp()), Some(moment.timestamp()));
    assert_eq!(format("%Y-%m-%d").read("2026-10-09"), Some(at("2026-10-08T16:00:00Z")));
    for nothing in ["", "待定", "2026/10/9"] {
        assert_eq!(plain.read(nothing), None);
    }
}

#[test]
fn a_text_that_is_not_a_time_format_is_refused() {
    for text in ["", "yyyy-MM-dd", "%Q", "%", "%Y%m%d%#z"] {
        assert!(TimeFormat::new(text, chrono_tz::UTC).is_err(), "{text}");
    }
}
