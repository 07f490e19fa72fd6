//! The fault switches of the mobile platform. A number counts reports filed where the fault is in a
//! report, requests where it is on the wire, and pushes where it is in a push.

use crate::faults::faults;

faults! {
    /// Report: longitude and latitude are `0`.
    ZeroPosition = "zero_position" @ 7,
    /// Report: longitude and latitude are swapped.
    Swapped = "swapped" @ 11,
    /// Report: no position at all.
    NoPosition = "no_position" @ 13,
    /// Report: it is pushed four times although the first one was taken.
    Duplicate = "duplicate" @ 5,
    /// Push: the first attempt bears a time two minutes behind, so its signature is too old; the
    /// next attempt is right.
    Skewed = "skewed" @ 17,
    /// Push: the first attempt bears a wrong signature; the next attempt is right.
    BadSignature = "bad_signature" @ 19,
    /// Request: 503, with a wait of two seconds.
    Unavailable = "unavailable" @ 23,
}

/// Those that strike reports.
pub(super) const OF_REPORTS: [Fault; 4] =
    [Fault::ZeroPosition, Fault::Swapped, Fault::NoPosition, Fault::Duplicate];
