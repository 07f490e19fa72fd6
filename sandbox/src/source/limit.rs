//! The rate limits of the sources.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

/// Which limits apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limits {
    /// Those of the real source, including its maintenance hours.
    #[default]
    Real,
    /// A thousand times wider, and no maintenance: for demonstrations and bulk runs.
    Loose,
}

impl Limits {
    /// How many times wider than the real ones these limits are.
    fn width(self) -> u32 {
        match self {
            Self::Real => 1,
            Self::Loose => 1_000,
        }
    }

    /// A time between calls under these limits.
    pub(crate) fn between(self, period: Duration) -> TimeDelta {
        TimeDelta::from_std(period / self.width()).unwrap_or_default()
    }
}

/// At most so many calls within a sliding window.
#[derive(Debug)]
pub(crate) struct Window {
    calls: usize,
    length: TimeDelta,
    /// The times of the allowed calls in the window.
    seen: VecDeque<NaiveDateTime>,
}

impl Window {
    pub(crate) fn new(limits: Limits, calls: usize, length: Duration) -> Self {
        let length = TimeDelta::from_std(length).unwrap_or_default();
        Self { calls: calls * limits.width() as usize, length, seen: VecDeque::new() }
    }

    /// Whether a call now is allowed. A refused call does not count.
    pub(crate) fn allows(&mut self, now: NaiveDateTime) -> bool {
        while self.seen.front().is_some_and(|first| *first + self.length <= now) {
            self.seen.pop_front();
        }
        let allowed = self.seen.len() < self.calls;
        if allowed {
            self.seen.push_back(now);
        }
        allowed
    }
}

/// One call per period, with a burst after a pause.
#[derive(Debug)]
pub(crate) struct Bucket {
    period: TimeDelta,
    burst: i32,
    /// When the bucket will be full again.
    full_at: Option<NaiveDateTime>,
}

impl Bucket {
    pub(crate) fn new(limits: Limits, period: Duration, burst: i32) -> Self {
        Self { period: limits.between(period), burst, full_at: None }
    }

    /// Whether a call now is allowed. A refused call does not count.
    pub(crate) fn allows(&mut self, now: NaiveDateTime) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.period;
        let allowed = full_at - now <= self.period * self.burst;
        if allowed {
            self.full_at = Some(full_at);
        }
        allowed
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
        let answers =
            [0, 10_000, 20_000, 59_999, 60_000, 60_001, 70_000].map(|ms| window.allows(at(ms)));
        assert_eq!(answers, [true, true, false, false, true, false, true]);
        let mut loose = Window::new(Limits::Loose, 2, Duration::from_secs(60));
        assert!((0..2_000).all(|_| loose.allows(at(0))) && !loose.allows(at(0)));
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_a_period() {
        let mut bucket = Bucket::new(Limits::Real, Duration::from_millis(1_500), 3);
        let answers = [0, 0, 0, 0, 1_499, 1_500, 1_600, 9_000, 9_000, 9_000, 9_000]
            .map(|ms| bucket.allows(at(ms)));
        let expected = [true, true, true, false, false, true, false, true, true, true, false];
        assert_eq!(answers, expected);
    }
}
