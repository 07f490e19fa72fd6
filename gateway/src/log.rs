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
    fmt::{self, MakeWriter, format::debug_fn},
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

/// Longest line, in bytes; a longer one is cut, because log collectors have limits.
pub const LONGEST_LINE: usize = 8 << 10;

/// A subscriber that writes the lines that `chosen` enables, in colour if `ansi` is set.
pub fn subscriber<W>(chosen: EnvFilter, ansi: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let fields = debug_fn(|to, field, value| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(to, "{}", plain::line(&value)),
            name => write!(to, "{name}={}", plain::line(&value)),
        }
    });
    let lines =
        fmt::layer().fmt_fields(fields.delimited(" ")).with_ansi(ansi).with_writer(Short(writer));
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

/// Makes writers of short lines.
struct Short<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Short<W> {
    type Writer = ShortLines<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        ShortLines(self.0.make_writer())
    }
}

/// Takes one line at a time, as the formatter gives them.
struct ShortLines<W>(W);

impl<W: Write> Write for ShortLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LONGEST_LINE {
            self.0.write_all(line)?;
        } else {
            let mark = format!(" … (cut, it has {} bytes)\n", line.len());
            let text = String::from_utf8_lossy(line);
            let end = text.floor_char_boundary(LONGEST_LINE - mark.len());
            self.0.write_all(&[&text.as_bytes()[..end], mark.as_bytes()].concat())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests;
