use super::*;

fn day(n: i64) -> NaiveDate {
    NaiveDate::default() + TimeDelta::days(n)
}

#[test]
fn a_new_day_begins_with_a_full_budget() {
    let mut count = Day::new(day(1));
    count.count();
    assert_eq!(count.update(day(1)), (day(1), 1));
    assert_eq!(count.update(day(2)), (day(2), 0));
}

#[test]
fn a_clock_set_back_over_midnight_does_not_renew_the_budget() {
    let mut count = Day::new(day(2));
    count.count();
    assert_eq!(count.update(day(1)), (day(2), 1));
    count.count();
    assert_eq!(count.update(day(2)), (day(2), 2));
}

#[test]
fn a_clock_that_was_wrong_by_years_does_not_block_the_budget() {
    let mut count = Day::new(day(9_000));
    count.count();
    assert_eq!(count.update(day(2)), (day(2), 1));
    assert_eq!(count.update(day(3)), (day(3), 0));
    count.restore(day(9_000), 7, day(3));
    assert_eq!(count.update(day(3)), (day(3), 7));
}

#[test]
fn restore_takes_the_larger_count_of_the_later_day() {
    let mut count = Day::new(day(2));
    count.restore(day(1), 9, day(2));
    assert_eq!(count.update(day(2)), (day(2), 0));
    count.restore(day(2), 9, day(2));
    count.restore(day(2), 3, day(2));
    assert_eq!(count.update(day(2)), (day(2), 9));
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check_opening(window: &str, zone: Tz, now: &str, minutes: Option<u64>) {
    let found = time_until_open(window.parse().unwrap(), moment(now), zone);
    assert_eq!(found, minutes.map(|minutes| Duration::from_secs(60 * minutes)), "{now}");
}

#[test]
fn a_window_is_in_the_time_of_the_zone() {
    let beijing = Tz::Asia__Shanghai;
    check_opening("06:00-23:00", beijing, "2026-11-25T21:59:00Z", Some(1));
    check_opening("06:00-23:00", beijing, "2026-11-25T22:00:00Z", None);
    check_opening("06:00-23:00", beijing, "2026-11-25T14:59:59Z", None);
    check_opening("06:00-23:00", beijing, "2026-11-25T15:00:00Z", Some(7 * 60));
}

#[test]
fn a_window_may_span_midnight() {
    let beijing = Tz::Asia__Shanghai;
    check_opening("22:00-06:00", beijing, "2026-11-25T15:00:00Z", None);
    check_opening("22:00-06:00", beijing, "2026-11-25T21:59:00Z", None);
    check_opening("22:00-06:00", beijing, "2026-11-25T22:00:00Z", Some(16 * 60));
}

#[test]
fn a_window_whose_first_hour_is_skipped_opens_after_it() {
    // New York, 8 March 2026: 02:00 to 03:00 does not exist.
    check_opening("02:30-05:00", Tz::America__New_York, "2026-03-08T06:00:00Z", Some(60));
    // 1 November 2026: a day of 25 hours.
    check_opening("00:00-02:00", Tz::America__New_York, "2026-11-01T06:30:00Z", None);
    let left = time_until_end(
        local_date(moment("2026-11-01T04:00:00Z"), Tz::America__New_York),
        moment("2026-11-01T04:00:00Z"),
        Tz::America__New_York,
    );
    assert_eq!(left, Duration::from_secs(25 * 3_600));
}
