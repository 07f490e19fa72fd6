//! The source's clock: bounds and days are the source's, and its clock is not ours.
//!
//! Every answer says in `Date` what time it is there. Between two answers our own clock goes on
//! from that.

use std::time::Duration;

use chrono::DateTime;
use contract::Timestamp;
use tokio::time::Instant;

/// The source's clock.
#[derive(Debug, Default)]
pub(crate) struct SourceClock {
    told: Option<(Timestamp, Instant)>,
}

impl SourceClock {
    /// The source said what time it is.
    pub(crate) fn tell(&mut self, date: Timestamp, now: Instant) {
        self.told = Some((date, now));
    }

    /// What time it is there; `None` while it has not said it.
    pub(crate) fn now(&self, now: Instant) -> Option<Timestamp> {
        let (date, when) = self.told?;
        // Dates are whole seconds and time moves on while an answer travels: never ahead of it.
        let passed = now.saturating_duration_since(when).min(Duration::from_secs(86_400));
        date.checked_add_signed(chrono::TimeDelta::from_std(passed).ok()?)
    }
}

/// A moment in an HTTP header (RFC 9110 §5.6.7).
pub(crate) fn date(header: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(header.trim()).ok().map(|date| date.to_utc())
}
