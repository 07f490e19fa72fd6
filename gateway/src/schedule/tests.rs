use std::str::FromStr;

use chrono::DateTime;

use super::*;

/// Beijing time, as everything here.
fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(&format!("{}:00+08:00", text.replace(' ', "T"))).unwrap().to_utc()
}

fn cron(times: &str, misfire: Misfire, window: Option<&str>) -> Schedule {
    let trigger = Trigger::Cron(Box::new(croner::Cron::from_str(times).unwrap()));
    let window = window.map(|hours| hours.parse().unwrap());
    let settings = ScheduleSettings { trigger, window, misfire, jitter: Duration::ZERO };
    Schedule::new(settings, chrono_tz::Asia::Shanghai)
}

fn pass(began: &str, ended: &str) -> Option<Pass> {
    Some(Pass { began: at(began), ended: at(ended) })
}

#[test]
fn a_pause_begins_when_a_pass_has_ended() {
    let schedule = Schedule::every(Duration::from_secs(600), chrono_tz::Asia::Shanghai);
    let next = |last, now| schedule.next(last, at(now)).unwrap();
    assert_eq!(next(None, "2026-11-23 08:00"), at("2026-11-23 08:00"));
    let last = pass("2026-11-23 07:00", "2026-11-23 07:58");
    assert_eq!(next(last, "2026-11-23 07:58"), at("2026-11-23 08:08"));
    assert_eq!(next(last, "2026-11-23 09:30"), at("2026-11-23 09:30"), "it is overdue");
}

#[test]
fn clock_times_are_in_the_zone_of_the_gateway() {
    let schedule = cron("30 2 * * *", Misfire::Once, None);
    let next = schedule.next(pass("2026-11-23 02:30", "2026-11-23 02:31"), at("2026-11-23 02:31"));
    assert_eq!(next, Some(at("2026-11-24 02:30")));
    assert_eq!(schedule.next(None, at("2026-11-23 02:29")), Some(at("2026-11-23 02:30")));
    assert_eq!(schedule.next(None, at("2026-11-23 02:31")), Some(at("2026-11-24 02:30")));
}

#[test]
fn missed_times_are_made_up_for_once_or_skipped() {
    let last = pass("2026-11-20 02:30", "2026-11-20 02:31");
    let now = at("2026-11-23 08:00"); // three nights later
    let next = |misfire| cron("30 2 * * *", misfire, None).next(last, now);
    assert_eq!(next(Misfire::Once), Some(now));
    assert_eq!(next(Misfire::Skip), Some(at("2026-11-24 02:30")));
    // After that, the next time is the regular one.
    let made_up = pass("2026-11-23 08:00", "2026-11-23 08:01");
    let next = cron("30 2 * * *", Misfire::Once, None).next(made_up, at("2026-11-23 08:01"));
    assert_eq!(next, Some(at("2026-11-24 02:30")));
}

#[test]
fn a_pass_longer_than_its_interval_is_not_overlapped() {
    let last = pass("2026-11-23 08:00", "2026-11-23 08:12"); // 08:05 and 08:10 went by
    let now = at("2026-11-23 08:12");
    let next = |misfire| cron("*/5 * * * *", misfire, None).next(last, now);
    assert_eq!(next(Misfire::Once), Some(now));
    assert_eq!(next(Misfire::Skip), Some(at("2026-11-23 08:15")));
}

#[test]
fn outside_its_window_a_channel_waits_until_the_window_opens() {
    let day = cron("*/5 * * * *", Misfire::Once, Some("06:00-23:00"));
    let night = cron("*/5 * * * *", Misfire::Once, Some("22:00-06:00"));
    for (schedule, now, next) in [
        (&day, "2026-11-23 22:57", "2026-11-24 06:00"),
        (&day, "2026-11-23 05:11", "2026-11-23 06:00"),
        (&day, "2026-11-23 06:01", "2026-11-23 06:05"),
        (&night, "2026-11-23 12:00", "2026-11-23 22:00"),
        (&night, "2026-11-23 23:01", "2026-11-23 23:05"),
        (&night, "2026-11-23 05:58", "2026-11-23 22:00"),
    ] {
        assert_eq!(schedule.next(None, at(now)), Some(at(next)), "{now}");
    }
}

#[test]
fn cron_times_that_never_occur_are_none() {
    assert_eq!(cron("0 0 30 2 *", Misfire::Once, None).next(None, at("2026-11-23 08:00")), None);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_a_channel() {
    let every = Schedule::every(Duration::from_secs(600), chrono_tz::Asia::Shanghai);
    let hourly = cron("0 * * * *", Misfire::Once, None);
    let last = pass("2027-11-23 07:00", "2027-11-23 07:58");
    let now = at("2026-11-23 08:30");
    assert_eq!(every.next(last, now), Some(at("2026-11-23 08:40")));
    assert_eq!(hourly.next(last, now), Some(at("2026-11-23 09:00")));
}

#[test]
fn a_clock_change_neither_skips_nor_repeats_a_daily_pass() {
    let daily = |zone| Schedule { zone, ..cron("30 2 * * *", Misfire::Once, None) };
    let utc = |text: &str| text.parse::<Timestamp>().unwrap();
    let zurich = daily(chrono_tz::Europe::Zurich);
    // 02:30 does not exist on March 29, and exists twice on October 25.
    for (first, second, third) in [
        ("2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
        ("2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    ] {
        let mut at = utc(first);
        for expected in [second, third] {
            let last = Some(Pass { began: at, ended: at });
            at = zurich.next(last, at).unwrap();
            assert_eq!(at, utc(expected), "after {last:?}");
        }
    }
}
