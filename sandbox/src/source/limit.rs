//! The rate limits of the sources.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

/// Which limits apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limits {
    /// The limits of the real source, including its maintenance hours.
    #[default]
    Real,
    /// A thousand times as many requests, and no maintenance: for demonstrations and bulk runs.
    Loose,
}

impl Limits {
    /// These limits allow this many times the requests that the real source allows.
    fn factor(self) -> u32 {
        match self {
            Self::Real => 1,
            Self::Loose => 1_000,
        }
    }

    /// The time between requests that these limits require, from that of the real source.
    pub(crate) fn interval(self, real: Duration) -> TimeDelta {
        TimeDelta::from_std(real / self.factor()).unwrap_or_default()
    }
}

/// A limit on the number of requests within a sliding window of time.
#[derive(Debug)]
pub(crate) struct Window {
    max_requests: usize,
    length: TimeDelta,
    /// The times of the allowed requests in the window, oldest first.
    times: VecDeque<NaiveDateTime>,
}

impl Window {
    /// `real_max` is the number of requests that the real source allows.
    pub(crate) fn new(limits: Limits, real_max: usize, length: Duration) -> Self {
        let length = TimeDelta::from_std(length).unwrap_or_default();
        Self { max_requests: real_max * limits.factor() as usize, length, times: VecDeque::new() }
    }

    /// Returns whether a call now is allowed, and counts it if it is.
    pub(crate) fn try_request(&mut self, now: NaiveDateTime) -> bool {
        while self.times.front().is_some_and(|first| *first + self.length <= now) {
            self.times.pop_front();
        }
        let is_allowed = self.times.len() < self.max_requests;
        if is_allowed {
            self.times.push_back(now);
        }
        is_allowed
    }
}

/// A limit of one request per period, with up to `burst` requests at once after a pause. Loose limits allow a thousand
/// times as many, also at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    period: TimeDelta,
    /// How long it takes until a whole burst is available again. It is the same with loose limits: no reader can keep
    /// to their short periods, so it needs a larger burst.
    whole: TimeDelta,
    /// When the whole burst is available again; `None` before the first request.
    full_at: Option<NaiveDateTime>,
}

impl Bucket {
    pub(crate) fn new(limits: Limits, period: Duration, burst: u32) -> Self {
        let whole = Limits::Real.interval(period * burst);
        Self { period: limits.interval(period), whole, full_at: None }
    }

    /// Returns whether a call now is allowed, and counts it if it is.
    pub(crate) fn try_request(&mut self, now: NaiveDateTime) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.period;
        let is_allowed = full_at - now <= self.whole;
        if is_allowed {
            self.full_at = Some(full_at);
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> NaiveDateTime {
        NaiveDateTime::default() + TimeDelta::milliseconds(ms)
    }

    #[test]
    fn a_window_slides() {
        let mut window = Window::new(Limits::Real, 2, Duration::from_secs(60));
        let answers = [0, 10_000, 20_000, 59_999, 60_000, 60_001, 70_000]
            .map(|ms| window.try_request(at(ms)));
        assert_eq!(answers, [true, true, false, false, true, false, true]);
        let mut loose = Window::new(Limits::Loose, 2, Duration::from_secs(60));
        assert!((0..2_000).all(|_| loose.try_request(at(0))) && !loose.try_request(at(0)));
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_a_period() {
        let mut bucket = Bucket::new(Limits::Real, Duration::from_millis(1_500), 3);
        let answers = [0, 0, 0, 0, 1_499, 1_500, 1_600, 9_000, 9_000, 9_000, 9_000]
            .map(|ms| bucket.try_request(at(ms)));
        let expected = [true, true, true, false, false, true, false, true, true, true, false];
        assert_eq!(answers, expected);
        let mut loose = Bucket::new(Limits::Loose, Duration::from_millis(1_500), 3);
        assert!((0..3_000).all(|_| loose.try_request(at(0))) && !loose.try_request(at(1)));
        assert!(loose.try_request(at(2)));
    }
}
