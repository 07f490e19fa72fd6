//! The clock of the simulated city. Its times are Beijing time without a zone, as in the sources.
//!
//! Tests must control the time, so a clock follows the machine's clock only if the caller chooses that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;

/// A clock in Beijing time. Clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Manual { start: NaiveDateTime, passed_ms: Arc<AtomicU64> },
    Machine,
}

impl Clock {
    /// A clock that stays at `at` (Beijing time) until it is advanced.
    #[must_use]
    pub fn starting(at: NaiveDateTime) -> Self {
        Self(Kind::Manual { start: at, passed_ms: Arc::default() })
    }

    /// A clock that follows the machine's clock: for demonstrations, not for tests.
    #[must_use]
    pub fn machine() -> Self {
        Self(Kind::Machine)
    }

    /// The present time of the city, in Beijing time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "only this method reads the machine's clock")]
    pub fn now(&self) -> NaiveDateTime {
        match &self.0 {
            Kind::Machine => Utc::now().with_timezone(&Shanghai).naive_local(),
            Kind::Manual { start, passed_ms } => {
                let passed = i64::try_from(passed_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
                start.checked_add_signed(TimeDelta::milliseconds(passed)).unwrap_or(*start)
            }
        }
    }

    /// Advances the clock, with millisecond precision. No effect on a clock that follows the machine.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual { passed_ms, .. } = &self.0 {
            let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            passed_ms.fetch_add(by, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced() {
        let at = NaiveDateTime::parse_from_str("2026-10-09 10:30:00", "%F %T").unwrap();
        let clock = Clock::starting(at);
        let twin = clock.clone();
        assert_eq!(clock.now(), at);
        clock.advance(Duration::from_secs(90));
        assert_eq!(twin.now().to_string(), "2026-10-09 10:31:30");
    }
}
