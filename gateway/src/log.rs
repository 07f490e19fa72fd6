//! Log lines: only those of our own crates, each on one line and of limited length.
//!
//! Libraries log the data that they handle, such as messages and statements, which hold personal values. So
//! no setting enables their lines. The [`Fault`] of each failure says what operators need to know.

use std::{
    io::{self, Write},
    time::Duration,
};

use contract::{ChannelId, Fault, FaultKind};
use tracing::{Metadata, Subscriber, error, field::display, info, warn};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::MakeExt,
    filter::{FilterExt, filter_fn},
    fmt::{self, format::debug_fn},
    layer::SubscriberExt,
    registry,
};

use crate::plain;

/// The crates whose lines are written.
pub const OUR_CRATES: &[&str] = &[
    "tonghui",
    "config",
    "connector_files",
    "connector_http",
    "connector_process",
    "connector_table",
    "connector_webhook",
    "connector_wire",
    "contract",
    "gateway",
    "normalizer",
    "sandbox",
    "sink",
];

/// Maximum length of a line, in bytes; longer lines are cut, because log collectors have limits.
pub const MAX_LINE_BYTES: usize = 8 << 10;

/// A subscriber that writes the lines that `filter` enables, in colour if `ansi` is set.
pub fn subscriber<W: Write + 'static>(
    filter: EnvFilter,
    ansi: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let fields = debug_fn(|to, field, value| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(to, "{}", plain::escape_line(&value)),
            name => write!(to, "{name}={}", plain::escape_line(&value)),
        }
    });
    let writer = move || LineLimiter(writer());
    let lines = fmt::layer().fmt_fields(fields.delimited(" ")).with_ansi(ansi).with_writer(writer);
    registry().with(lines.with_filter(filter.and(filter_fn(is_ours))))
}

fn is_ours(event: &Metadata<'_>) -> bool {
    let target = event.target();
    OUR_CRATES.contains(&target.split_once("::").map_or(target, |(name, _)| name))
}

/// Logs a failed attempt that will be repeated after `wait`. `channel` is `None` for something that all
/// channels share. The kind of the fault decides the level.
pub(crate) fn retry(channel: Option<&ChannelId>, fault: &Fault, wait: Duration) {
    let (channel, kind, wait_ms) = (channel.map(display), fault.kind().name(), wait.as_millis());
    let text = format!("{fault}; retry in {} s", wait.as_secs_f32().ceil());
    match fault.kind() {
        FaultKind::Transient => warn!(target: "tonghui", channel, kind, wait_ms, "{text}"),
        FaultKind::Throttled(_) => info!(target: "tonghui", channel, kind, wait_ms, "{text}"),
        FaultKind::Stopped => error!(target: "tonghui", channel, kind, wait_ms, "{text}"),
    }
}

/// Cuts long lines. The formatter writes each line with one call.
struct LineLimiter<W>(W);

impl<W: Write> Write for LineLimiter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= MAX_LINE_BYTES {
            self.0.write_all(line)?;
        } else {
            let end_mark = format!(" … (cut: the line has {} bytes)\n", line.len());
            let text = String::from_utf8_lossy(line);
            let end = text.floor_char_boundary(MAX_LINE_BYTES - end_mark.len());
            self.0.write_all(&[&text.as_bytes()[..end], end_mark.as_bytes()].concat())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests;
