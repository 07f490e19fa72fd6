//! Limits in working time, over holidays, working weekends, lunch breaks and the end of the table.

use std::path::PathBuf;

use super::*;

const SHIPPED: &str = include_str!("../../../../config/codes/calendar.csv");

fn parse(text: &str) -> (Calendar, Vec<String>) {
    let file = CodeFile {
        name: "calendar".into(),
        path: PathBuf::from("calendar.csv"),
        bytes: text.into(),
    };
    let mut problems = Vec::new();
    let calendar = Calendar::parse(&file, None, &mut problems);
    (calendar, problems.iter().map(ToString::to_string).collect())
}

fn calendar(text: &str) -> Calendar {
    let (calendar, problems) = parse(text);
    assert_eq!(problems, [""; 0]);
    calendar
}

/// A calendar with these hours that knows the years 2016 to 2026, with these further rows.
fn open(hours: &str, rows: &str) -> Calendar {
    let years: String = (2016..=2026).map(|year| format!("{year}-01-01,holiday,\n")).collect();
    calendar(&format!("date,kind,hours\n*,workday,{hours}\n{years}{rows}"))
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

fn written(at: Option<NaiveDateTime>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M").to_string())
}

#[test]
fn working_days_skip_holidays_and_count_working_weekends() {
    let calendar = calendar(SHIPPED);
    for (begin, n, end) in [
        // Friday to Monday.
        ("2026-11-06 10:30", 1, "2026-11-09 17:30"),
        // The Saturday after the National Day is a working day.
        ("2026-10-09 10:30", 1, "2026-10-10 17:30"),
        ("2026-10-09 10:30", 2, "2026-10-12 17:30"),
        ("2026-09-30 09:00", 1, "2026-10-08 17:30"),
        // The day on which a limit begins does not count, whatever day it is.
        ("2026-10-03 23:59", 1, "2026-10-08 17:30"),
        ("2026-09-20 00:00", 1, "2026-09-21 17:30"),
        ("2026-02-13 18:00", 1, "2026-02-14 17:30"),
        ("2026-02-13 18:00", 2, "2026-02-24 17:30"),
        ("2026-02-13 18:00", 6, "2026-02-28 17:30"),
        ("2025-01-24 08:00", 2, "2025-01-27 17:30"),
        ("2025-01-27 08:00", 1, "2025-02-05 17:30"),
        ("2025-12-31 08:00", 1, "2026-01-04 17:30"),
        // The holidays of 2027 are not in the table.
        ("2026-12-30 08:00", 1, "2026-12-31 17:30"),
        ("2026-12-30 08:00", 2, "-"),
        ("2024-12-30 08:00", 1, "-"),
        ("2026-11-06 10:30", 0, "-"),
        ("2026-11-06 10:30", u32::MAX, "-"),
    ] {
        assert_eq!(written(calendar.after_days(local(begin), n)), end, "{n} days after {begin}");
    }
}

#[test]
fn working_hours_run_only_while_the_offices_are_open() {
    let calendar = calendar(SHIPPED);
    for (begin, n, end) in [
        ("2026-11-06 08:30", 1, "2026-11-06 09:30"),
        ("2026-11-06 11:30", 1, "2026-11-06 15:00"),
        ("2026-11-06 12:30", 1, "2026-11-06 15:30"),
        ("2026-11-06 16:30", 1, "2026-11-06 17:30"),
        ("2026-11-06 17:00", 1, "2026-11-09 09:00"),
        ("2026-11-07 12:00", 8, "2026-11-10 10:00"),
        ("2026-09-30 17:00", 1, "2026-10-08 09:00"),
        ("2026-10-09 17:30", 2, "2026-10-10 10:30"),
        ("2026-12-31 17:00", 1, "-"),
        ("2026-11-06 08:30", 0, "-"),
        ("2026-11-06 08:30", u32::MAX, "-"),
    ] {
        assert_eq!(written(calendar.after_hours(local(begin), n)), end, "{n} hours after {begin}");
    }
}

/// Reports of others, with their numbers: what the clocks of ticket systems got wrong.
#[test]
fn clocks_that_ran_wrong_elsewhere_run_right() {
    let hours = |calendar: &Calendar, begin, n| written(calendar.after_hours(local(begin), n));
    // zammad/zammad#390: 48 hours at 12 a day, over a holiday on a Friday and one on a Sunday.
    let holidays = "2016-11-11,holiday,\n2016-11-12,workday,\n2016-11-13,holiday,\n";
    let nine_to_nine = open("09:00-21:00", holidays);
    assert_eq!(hours(&nine_to_nine, "2016-11-09 23:00", 48), "2016-11-15 21:00");
    // zammad/zammad#3180: hours around the clock lost a minute at each midnight.
    let always = open("00:00-24:00", "2020-09-05,workday,\n2020-09-06,workday,\n");
    assert_eq!(hours(&always, "2020-09-04 22:00", 72), "2020-09-07 22:00");
    // glpi-project/glpi#22678: what is left of a limit on the next day began at midnight.
    let eight_to_six = open("08:00-18:00", "");
    assert_eq!(hours(&eight_to_six, "2026-01-12 10:00", 4), "2026-01-12 14:00");
    assert_eq!(hours(&eight_to_six, "2026-01-12 17:00", 4), "2026-01-13 11:00");
    assert_eq!(hours(&eight_to_six, "2026-01-12 17:00", 3), "2026-01-13 10:00");
    // glpi-project/glpi#687: a ticket from outside of the hours had no limit.
    assert_eq!(hours(&eight_to_six, "2026-01-12 23:40", 1), "2026-01-13 09:00");
    assert_eq!(hours(&eight_to_six, "2026-01-12 03:00", 1), "2026-01-12 09:00");
    // osTicket/osTicket#4807: Friday at 17:00 and four hours.
    assert_eq!(hours(&eight_to_six, "2026-01-09 17:00", 4), "2026-01-12 11:00");
    // osTicket/osTicket#6847, frappe/helpdesk#2212: a lunch break.
    let with_lunch = open("09:00-13:00 14:00-18:00", "");
    assert_eq!(hours(&with_lunch, "2025-06-24 12:30", 1), "2025-06-24 14:30");
    assert_eq!(hours(&with_lunch, "2025-06-24 13:20", 1), "2025-06-24 15:00");
    assert_eq!(hours(&with_lunch, "2025-06-24 09:00", 8), "2025-06-24 18:00");
    assert_eq!(hours(&with_lunch, "2025-06-24 09:00", 9), "2025-06-25 10:00");
    // osTicket/osTicket#6739: only one day of the week is worked on.
    let closed = ["2024-08-07", "2024-08-08", "2024-08-09", "2024-08-12"];
    let closed: String = closed.iter().map(|day| format!("{day},holiday,\n")).collect();
    let tuesdays = open("08:00-17:00", &closed);
    assert_eq!(hours(&tuesdays, "2024-08-06 16:00", 2), "2024-08-13 09:00");
    assert_eq!(written(tuesdays.after_days(local("2024-08-06 16:00"), 1)), "2024-08-13 17:00");
    // glpi-project/glpi#10594: a day's limit ten minutes before closing time, before a holiday.
    let holiday = open("08:00-18:00", "2026-01-13,holiday,\n");
    assert_eq!(written(holiday.after_days(local("2026-01-12 17:50"), 1)), "2026-01-14 18:00");
    // osTicket/osTicket#4807: with no hours at all, the deadline was 150 days away.
    let no_hours = calendar("date,kind\n2026-01-01,holiday\n");
    assert_eq!(hours(&no_hours, "2026-01-09 17:00", 4), "-");
    assert_eq!(written(no_hours.after_days(local("2026-01-09 17:00"), 1)), "2026-01-13 00:00");
}

#[test]
fn a_row_overrides_the_shipped_one_of_the_same_date() {
    let shipped = calendar(SHIPPED);
    let rows =
        "date,kind,hours,note\n*,,09:00-17:00,\n2026-10-10,,,不调休\n2027-01-01,holiday,,元旦\n";
    let file = CodeFile {
        name: "calendar".into(),
        path: PathBuf::from("calendar.csv"),
        bytes: rows.into(),
    };
    let own = Calendar::parse(&file, Some(&shipped), &mut Vec::new());
    assert_eq!(written(own.after_days(local("2026-10-09 10:30"), 1)), "2026-10-12 17:00");
    assert_eq!(written(own.after_days(local("2026-12-31 10:30"), 1)), "2027-01-04 17:00");
    assert_eq!(written(own.after_days(local("2026-09-30 10:30"), 1)), "2026-10-08 17:00");
}

#[test]
fn a_row_that_cannot_be_meant_is_a_problem() {
    for (rows, message) in [
        ("2026-02-30,holiday,", "2: `2026-02-30` is not a date"),
        ("2026/10/1,holiday,", "2: `2026/10/1` is not a date"),
        ("2026-10-01,休,", "2: `kind` is `休`; write workday or holiday"),
        ("2026-10-01,holiday,09:00-12:00", "2: only the row with the date `*` has `hours`"),
        ("2026-10-01,holiday,\n2026-10-01,workday,", "3: `2026-10-01` is already on line 2"),
        ("*,workday,", "2: `hours` is ``"),
        ("*,workday,9-17", "2: `hours` is `9-17`"),
        ("*,workday,14:00-17:00 09:00-12:00", "in order"),
        ("*,workday,09:00-12:00 11:00-17:00", "in order"),
        ("*,workday,17:00-09:00", "in order"),
        ("*,workday,09:00-25:00", "in order"),
    ] {
        let (_, problems) = parse(&format!("date,kind,hours\n{rows}\n"));
        assert_eq!(problems.len(), 1, "{rows}: {problems:?}");
        assert!(problems[0].contains(message), "{rows}: {problems:?}");
    }
}
