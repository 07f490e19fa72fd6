//! Log lines: only our own, one line each, of limited length.
//!
//! Libraries log the data they handle: lapin a returned message with its body, sqlx a slow statement,
//! hyper what it reads. So no setting enables their lines. What matters about their failures is in
//! the [`Fault`] that is made of each.

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
pub const OURS: &[&str] = &[
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

/// Maximum length of a line, in bytes; a longer one is cut, because log collectors have limits.
pub const LONGEST_LINE: usize = 8 << 10;

/// A subscriber that writes the lines that `chosen` enables, in colour if `ansi` is set.
pub fn subscriber<W: Write + 'static>(
    chosen: EnvFilter,
    ansi: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let fields = debug_fn(|to, field, value| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(to, "{}", plain::line(&value)),
            name => write!(to, "{name}={}", plain::line(&value)),
        }
    });
    let writer = move || ShortLines(writer());
    let lines = fmt::layer().fmt_fields(fields.delimited(" ")).with_ansi(ansi).with_writer(writer);
    registry().with(lines.with_filter(chosen.and(filter_fn(is_ours))))
}

fn is_ours(event: &Metadata<'_>) -> bool {
    let target = event.target();
    OURS.contains(&target.split_once("::").map_or(target, |(name, _)| name))
}

/// Logs a failed attempt that is repeated after `wait`. `channel` is `None` for something that all
/// channels share. The level and the field `kind` follow the fault; `wait_ms` is the wait.
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
struct ShortLines<W>(W);

impl<W: Write> Write for ShortLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LONGEST_LINE {
            self.0.write_all(line)?;
        } else {
            let end_mark = format!(" … (cut, it has {} bytes)\n", line.len());
            let text = String::from_utf8_lossy(line);
            let end = text.floor_char_boundary(LONGEST_LINE - end_mark.len());
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
