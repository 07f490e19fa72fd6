//! How many requests a day has seen. The day never goes back, or a clock that is set back over
//! midnight would open a budget that is spent.

use chrono::{NaiveDate, TimeDelta};

/// A day and its count.
#[derive(Debug)]
pub(super) struct Day {
    date: NaiveDate,
    spent: u32,
}

impl Day {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self { date: today, spent: 0 }
    }

    /// The day that counts when the clock says `today`, and its count.
    pub(super) fn at(&mut self, today: NaiveDate) -> (NaiveDate, u32) {
        self.turn(today);
        (self.date, self.spent)
    }

    /// One more request, of the day that [`Day::at`] told last.
    pub(super) fn count(&mut self) {
        self.spent = self.spent.saturating_add(1);
    }

    pub(super) fn restore(&mut self, date: NaiveDate, spent: u32, today: NaiveDate) {
        self.turn(today);
        if date > self.date {
            *self = Self { date, spent };
            self.turn(today);
        } else if date == self.date {
            self.spent = self.spent.max(spent);
        }
    }

    fn turn(&mut self, today: NaiveDate) {
        let ahead = self.date - today;
        if ahead < TimeDelta::zero() {
            *self = Self::new(today);
        } else if ahead > TimeDelta::days(1) {
            // A clock that was wrong by years must not close the budget for years: its count is
            // taken for today's.
            self.date = today;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> NaiveDate {
        NaiveDate::default() + TimeDelta::days(n)
    }

    #[test]
    fn a_new_day_begins_with_nothing_spent() {
        let mut count = Day::new(day(1));
        count.count();
        assert_eq!(count.at(day(1)), (day(1), 1));
        assert_eq!(count.at(day(2)), (day(2), 0));
    }

    #[test]
    fn a_clock_set_back_over_midnight_frees_nothing() {
        let mut count = Day::new(day(2));
        count.count();
        assert_eq!(count.at(day(1)), (day(2), 1));
        count.count();
        assert_eq!(count.at(day(2)), (day(2), 2));
    }

    #[test]
    fn a_clock_that_was_wrong_by_years_closes_nothing_for_years() {
        let mut count = Day::new(day(9_000));
        count.count();
        assert_eq!(count.at(day(2)), (day(2), 1));
        assert_eq!(count.at(day(3)), (day(3), 0));
        count.restore(day(9_000), 7, day(3));
        assert_eq!(count.at(day(3)), (day(3), 7));
    }

    #[test]
    fn what_is_restored_is_the_larger_count_of_the_later_day() {
        let mut count = Day::new(day(2));
        count.restore(day(1), 9, day(2));
        assert_eq!(count.at(day(2)), (day(2), 0));
        count.restore(day(2), 9, day(2));
        count.restore(day(2), 3, day(2));
        assert_eq!(count.at(day(2)), (day(2), 9));
    }
}
