//! Log lines. Ours only, of one line each, and of bounded length.
//!
//! Libraries log what they handle: lapin a returned message with its body, sqlx a slow statement,
//! hyper what it reads. So no setting lets them through. What is worth knowing of their failures is
//! in the [`Fault`](contract::Fault) that is made of each.

use std::io::{self, Write};

use tracing::{Metadata, Subscriber};
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

/// A longer line is cut: what collects logs has its limits, and nobody reads more.
pub const LONGEST_LINE: usize = 8 << 10;

/// What writes the lines that `chosen` lets through, in colour where `ansi` is set.
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
mod tests {
    use std::{
        fs::File,
        io::{Read, Seek},
        sync::Arc,
    };

    use tracing::{error, info, subscriber::with_default, trace, warn};

    use super::*;

    /// What is written of `events` where everything is asked for.
    fn written(events: impl FnOnce()) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let writer: Arc<File> = Arc::new(file.try_clone().unwrap());
        with_default(subscriber(EnvFilter::new("trace"), false, writer), events);
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn no_setting_lets_a_library_write() {
        let text = written(|| {
            warn!(target: "lapin", message = "a demand", "Server returned us a message");
            warn!(target: "sqlx", statement = "a demand", "slow statement");
            trace!(target: "hyper::proto", "a demand");
            error!(target: "sinkhole", "a demand");
            trace!(target: "sink::bus", "ours");
            info!(target: "tonghui", "ours too");
        });
        assert!(!text.contains("demand"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        for before in 0..4 {
            let long = format!("{}{}", "a".repeat(before), "诉".repeat(100_000));
            let text = written(|| warn!(target: "tonghui", long, "{long}"));
            assert!(text.len() <= LONGEST_LINE && !text.contains('\u{fffd}'), "{}", text.len());
            assert!(text.ends_with(" bytes)\n") && text.contains("… (cut, it has 6"), "{text}");
        }
    }

    #[test]
    fn what_others_say_stays_in_its_line() {
        let said = "no\n2026-01-01 INFO all is well\u{1b}[2J\u{202e}";
        let text = written(|| warn!(target: "tonghui", said, wait_ms = 5, "{said}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("wait_ms=5") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
