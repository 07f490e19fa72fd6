//! The limit of `gateway.toml` on how long a message may be in flight. A channel with an older one is in trouble.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use contract::Timestamp;
use sink::store::Flight;

use crate::clock::format_time;

/// The time before which a message was read that has been in flight for longer than `limit` at `now`.
pub(crate) fn overdue_before(limit: Duration, now: Timestamp) -> Timestamp {
    let limit = TimeDelta::from_std(limit).ok();
    // No message is older than a limit that is longer than the calendar.
    limit.and_then(|limit| now.checked_sub_signed(limit)).unwrap_or(DateTime::UNIX_EPOCH)
}

/// What to say about a channel with a message in flight that was read before `overdue`; `None` if it has none.
pub(crate) fn trouble(flight: &Flight, overdue: Timestamp, zone: Tz) -> Option<String> {
    let Flight { channel, messages, events, oldest_at } = flight;
    (*oldest_at < overdue).then(|| {
        format!(
            "{events} events of {messages} messages have been in flight since {}: see `tonghui flight list {channel}`",
            format_time(*oldest_at, zone)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_overdue_when_it_is_older_than_the_limit() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-30T14:00:00Z");
        let oldest_at = at("2026-11-30T13:45:00Z");
        let channel = "hotline".parse().unwrap();
        let flight = Flight { channel, messages: 3, events: 308, oldest_at };
        let said = |limit: Duration| {
            trouble(&flight, overdue_before(limit, now), chrono_tz::Asia::Shanghai)
        };
        assert_eq!(said(Duration::from_mins(15)), None);
        assert_eq!(said(Duration::MAX), None);
        let expected = "308 events of 3 messages have been in flight since 2026-11-30T21:45:00: see \
                        `tonghui flight list hotline`";
        assert_eq!(said(Duration::from_secs(899)).as_deref(), Some(expected));
    }
}
