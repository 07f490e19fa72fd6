use contract::Period;
use document::Path;
use serde_json::json;

use super::*;

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().unwrap()
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn since(with_time: bool, span: Option<Duration>) -> Selection {
    let until = span.map(|span| json!({ "param": "to", "span": Period(span) }));
    let settings = json!({ "param": "from", "format": FORMAT, "overlap": "5m", "until": until });
    let settings = serde_json::from_value(settings).unwrap();
    let format = TimeFormat::new(FORMAT, chrono_tz::UTC).unwrap();
    let at = || TimeField { at: Path::parse("$.t").unwrap(), format: format.clone() };
    let at = with_time.then(at);
    Selection::Since(Box::new(SinceRule { settings, format, at, range: None }))
}

/// Runs a complete pass that begins at `now` and reads records with these times.
fn run_pass(
    selection: &Selection,
    progress: &mut Progress,
    now: &str,
    times: &[&str],
) -> (Vec<Param>, bool) {
    selection.begin(progress, at(now));
    let params = selection.params(progress);
    let records: Vec<Value> = times.iter().map(|time| json!({ "t": time })).collect();
    selection.note_times(progress, &records);
    (params, selection.complete(progress))
}

#[test]
fn the_next_pass_begins_an_overlap_before_the_newest_record() {
    let (selection, mut progress) = (since(true, None), Progress::default());
    let (params, more) =
        run_pass(&selection, &mut progress, "2026-10-09T10:00:00", &["2026-10-09 09:30:00", "x"]);
    assert_eq!((params.len(), more), (0, false), "the first pass has no bound");
    let (params, _) = run_pass(&selection, &mut progress, "2026-10-09T10:01:00", &[]);
    assert_eq!(params, [("from".to_owned(), json!("2026-10-09 09:25:00"))]);
    let rested = progress.clone();
    run_pass(&selection, &mut progress, "2026-10-09T10:30:00", &["2026-10-09 09:30:00"]);
    assert_eq!(progress, rested, "a source at rest moves its bound");
}

#[test]
fn the_next_pass_asks_for_the_second_of_the_newest_record_again_without_an_overlap() {
    let (mut selection, mut progress) = (since(true, None), Progress::default());
    let Selection::Since(rule) = &mut selection else { panic!() };
    rule.settings.overlap = Period(Duration::ZERO);
    run_pass(&selection, &mut progress, "2026-10-09T10:00:00", &["2026-10-09 09:30:00"]);
    let (params, _) = run_pass(&selection, &mut progress, "2026-10-09T10:01:00", &[]);
    // The source may exclude the time that it is asked for.
    assert_eq!(params, [("from".to_owned(), json!("2026-10-09 09:29:59"))]);
}

#[test]
fn the_start_moves_only_when_a_pass_is_complete() {
    let (selection, mut progress) = (since(true, None), Progress::default());
    selection.begin(&mut progress, at("2026-10-09T10:00:00"));
    selection.note_times(&mut progress, &[json!({ "t": "2026-10-09 09:30:00" })]);
    assert_eq!(progress.since, None);
    selection.complete(&mut progress);
    assert_eq!(progress.since, Some(at("2026-10-09T09:25:00")));
}

#[test]
fn a_record_with_a_future_time_does_not_move_the_start_past_now() {
    for with_time in [true, false] {
        let (selection, mut progress) = (since(with_time, None), Progress::default());
        run_pass(&selection, &mut progress, "2026-10-09T10:00:00", &["2062-01-01 00:00:00"]);
        assert_eq!(progress.since, Some(at("2026-10-09T09:55:00")));
    }
}

#[test]
fn a_clock_that_is_set_back_moves_the_start_back() {
    for span in [None, Some(minutes(60))] {
        let (selection, mut progress) = (since(true, span), Progress::default());
        run_pass(&selection, &mut progress, "2026-10-09T10:00:00", &["2026-10-09 09:59:00"]);
        assert_eq!(progress.since, Some(at("2026-10-09T09:54:00")));
        // The source's clock is set back to 09:00:30, and new records have such times.
        let (params, _) =
            run_pass(&selection, &mut progress, "2026-10-09T09:00:30", &["2026-10-09 09:00:20"]);
        assert_eq!(params[0], ("from".to_owned(), json!("2026-10-09 08:55:30")), "{span:?}");
        assert!(progress.since <= Some(at("2026-10-09T08:55:30")));
        // Records from times that were read before the clock was set back are requested again.
        let (params, _) =
            run_pass(&selection, &mut progress, "2026-10-09T09:30:00", &["2026-10-09 09:29:00"]);
        assert!(params[0].1.as_str().unwrap() <= "2026-10-09 09:25:00", "{params:?}");
    }
}

/// Start and end of the next `n` windows, and whether more follow at once.
fn windows(n: usize, selection: &Selection, progress: &mut Progress) -> Vec<(Value, Value, bool)> {
    let window = |_| {
        let (params, more) = run_pass(selection, progress, "2026-10-09T09:30:00", &[]);
        (params[0].1.clone(), params[1].1.clone(), more)
    };
    (0..n).map(window).collect()
}

#[test]
fn windows_follow_each_other_without_a_gap_up_to_now() {
    let (selection, mut progress) = (since(false, Some(minutes(60))), Progress::default());
    progress.since = Some(at("2026-10-09T07:00:00"));
    let ends = windows(4, &selection, &mut progress);
    let time = |text: &str| json!(format!("2026-10-09 {text}"));
    assert_eq!(
        ends,
        [
            (time("07:00:00"), time("08:00:00"), true),
            (time("08:00:00"), time("09:00:00"), true),
            (time("09:00:00"), time("09:30:00"), false),
            (time("09:25:00"), time("09:30:00"), false),
        ]
    );
}

#[test]
fn months_without_records_are_not_read_again() {
    let (selection, mut progress) = (since(true, Some(minutes(60))), Progress::default());
    progress.since = Some(at("2026-10-09T07:00:00"));
    let mut n_passes = 1;
    while run_pass(&selection, &mut progress, "2026-10-09T09:30:00", &["2026-10-09 07:10:00"]).1 {
        n_passes += 1;
    }
    assert_eq!(n_passes, 3);
    let (params, more) = run_pass(&selection, &mut progress, "2026-10-09T09:31:00", &[]);
    assert!(params[0].1.as_str().unwrap() >= "2026-10-09 09:00:00" && !more, "{params:?}");
}

fn days(closes: Duration) -> Selection {
    let settings = json!({ "param": "day", "start": "2026-10-07", "closes": Period(closes) });
    let settings = serde_json::from_value(settings).unwrap();
    let format = TimeFormat::new("%Y-%m-%d", chrono_tz::Asia::Shanghai).unwrap();
    Selection::Day(Box::new(DayRule { settings, format, range: None }))
}

/// The days that one round requests, which begins at `now` in UTC.
fn round(selection: &Selection, progress: &mut Progress, now: &str) -> Vec<String> {
    let mut days = Vec::new();
    loop {
        let (params, more) = run_pass(selection, progress, now, &[]);
        days.push(params[0].1.as_str().unwrap().to_owned());
        if !more {
            return days;
        }
    }
}

#[test]
fn a_day_is_read_again_until_it_is_closed_in_the_sources_zone() {
    let (selection, mut progress) = (days(minutes(12 * 60)), Progress::default());
    // 9 October, 10:30 in Beijing: the day before stays open until noon.
    let read = round(&selection, &mut progress, "2026-10-09T02:30:00");
    assert_eq!(read, ["2026-10-07", "2026-10-08", "2026-10-09"]);
    let read = round(&selection, &mut progress, "2026-10-09T03:59:00");
    assert_eq!(read, ["2026-10-08", "2026-10-09"]);
    // Noon: the day before is read once more after it has closed, and never again.
    let read = round(&selection, &mut progress, "2026-10-09T04:00:00");
    assert_eq!(read, ["2026-10-08", "2026-10-09"]);
    let rested = progress.clone();
    let read = round(&selection, &mut progress, "2026-10-09T04:01:00");
    assert_eq!(read, ["2026-10-09"]);
    assert_eq!(progress, rested, "a source at rest moves its cursor");
    // Midnight in Beijing is 16:00 in UTC.
    assert_eq!(round(&selection, &mut progress, "2026-10-09T15:59:59"), ["2026-10-09"]);
    assert_eq!(
        round(&selection, &mut progress, "2026-10-09T16:00:00"),
        ["2026-10-09", "2026-10-10"]
    );
}

#[test]
fn a_day_that_was_read_in_part_is_not_skipped() {
    let (selection, mut progress) = (days(minutes(0)), Progress::default());
    selection.begin(&mut progress, at("2026-10-09T02:30:00"));
    assert_eq!(progress.closed_day, None);
    selection.complete(&mut progress);
    assert_eq!(progress.closed_day, Some("2026-10-07".parse().unwrap()));
    assert_eq!(progress.day, Some("2026-10-08".parse().unwrap()));
}

#[test]
fn a_clock_that_is_set_back_over_midnight_requests_no_future_day() {
    let (selection, mut progress) = (days(minutes(0)), Progress::default());
    round(&selection, &mut progress, "2026-10-09T16:10:00");
    assert_eq!(round(&selection, &mut progress, "2026-10-09T15:50:00"), ["2026-10-09"]);
}

#[test]
fn a_pass_over_the_last_days_begins_there() {
    let now = at("2026-10-09T02:30:00");
    let progress = since(true, None).reread_start(2, now).unwrap();
    assert_eq!(progress.since, Some(at("2026-10-07T02:30:00")));
    let mut progress = days(minutes(0)).reread_start(1, now).unwrap();
    assert_eq!(
        round(&days(minutes(0)), &mut progress, "2026-10-09T02:30:00"),
        ["2026-10-08", "2026-10-09"]
    );
    assert!(Selection::All.reread_start(2, now).is_none());
}

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange::new(at(from), Some(at(to))).unwrap()
}

#[test]
fn a_time_range_is_read_window_by_window_and_nothing_after_it() {
    let (mut selection, mut progress) = (since(false, Some(minutes(60))), Progress::default());
    selection.limit_to(range("2026-10-09T05:00:00", "2026-10-09T06:30:00")).unwrap();
    let time = |text: &str| json!(format!("2026-10-09 {text}"));
    assert_eq!(
        windows(2, &selection, &mut progress),
        [(time("05:00:00"), time("06:00:00"), true), (time("06:00:00"), time("06:30:00"), false)]
    );
}

#[test]
fn a_range_of_days_ends_with_the_day_before_its_end() {
    // Midnight in Beijing is 16:00 in UTC.
    let (mut selection, mut progress) = (days(minutes(0)), Progress::default());
    selection.limit_to(range("2026-10-05T16:00:00", "2026-10-07T16:00:00")).unwrap();
    assert_eq!(
        round(&selection, &mut progress, "2026-10-09T02:30:00"),
        ["2026-10-06", "2026-10-07"]
    );
}

#[test]
fn a_channel_without_times_refuses_a_time_range() {
    let open = TimeRange::new(at("2026-10-09T05:00:00"), None).unwrap();
    let closed = range("2026-10-09T05:00:00", "2026-10-09T06:30:00");
    assert!(Selection::All.limit_to(open).unwrap_err().is_stopped());
    assert!(since(true, None).limit_to(closed).unwrap_err().is_stopped());
    let (mut selection, mut progress) = (since(true, None), Progress::default());
    selection.limit_to(open).unwrap();
    let (params, more) = run_pass(&selection, &mut progress, "2026-10-09T09:30:00", &[]);
    assert_eq!((params, more), (vec![("from".to_owned(), json!("2026-10-09 05:00:00"))], false));
}
