//! The only place that asks the machine what time it is.

use contract::Timestamp;

/// Gives the present time, in UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// Now, to the microsecond: what databases keep.
    #[allow(clippy::disallowed_methods, clippy::unused_self)]
    pub fn now(&self) -> Timestamp {
        let now = chrono::Utc::now();
        chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }
}
