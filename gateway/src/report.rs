//! The one log line of an attempt that failed: where, what, what to do, and when the next one is.

use std::time::Duration;

use contract::{ChannelId, Fault, FaultKind};
use tracing::{error, field::display, info, warn};

/// Reports a fault of `channel`, or of something that all channels share, and the wait after it.
pub(crate) fn retry(channel: Option<&ChannelId>, fault: &Fault, wait: Duration) {
    let (channel, kind, wait_ms) = (channel.map(display), fault.kind().name(), wait.as_millis());
    let text = format!("{fault}; retry in {} s", wait.as_secs_f32().ceil());
    match fault.kind() {
        FaultKind::Transient => warn!(target: "tonghui", channel, kind, wait_ms, "{text}"),
        FaultKind::Throttled(_) => info!(target: "tonghui", channel, kind, wait_ms, "{text}"),
        FaultKind::Stopped => error!(target: "tonghui", channel, kind, wait_ms, "{text}"),
    }
}
