//! The books and the standing of the channels in the text format of Prometheus (version 0.0.4).

use std::fmt::Write as _;

use sink::store::BooksRow;

use crate::{indexer::Lag, status::Row};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A count of the books, and its name in them.
type Count = (&'static str, fn(&BooksRow) -> u64);

const READ: [Count; 4] = [
    ("read", |book| book.read),
    ("accepted", |book| book.accepted),
    ("skipped", |book| book.skipped),
    ("rejected", |book| book.rejected),
];

const KEPT: [Count; 6] = [
    ("published", |book| book.published),
    ("stored", |book| book.stored),
    ("unchanged", |book| book.unchanged),
    ("stale", |book| book.stale),
    ("quarantined", |book| book.quarantined),
    ("redelivered", |book| book.redelivered),
];

/// All of it. Names of channels need no escaping.
pub(super) fn text(books: &[BooksRow], rows: &[Row], lags: &[Lag]) -> String {
    let mut text = String::new();
    let counts = |counts: &'static [Count]| {
        books.iter().flat_map(move |book| {
            counts.iter().map(move |(name, count)| {
                (format!("channel=\"{}\",became=\"{name}\"", book.channel), count(book).to_string())
            })
        })
    };
    let of = |value: fn(&BooksRow) -> u64| {
        books.iter().map(move |book| (label(&book.channel), value(book).to_string()))
    };
    let each = |value: fn(&Row) -> Option<String>| {
        rows.iter().filter_map(move |row| Some((label(&row.channel), value(row)?)))
    };
    family(
        &mut text,
        "tonghui_records_total",
        "counter",
        "Records that were read, by what became of them.",
        counts(&READ),
    );
    family(
        &mut text,
        "tonghui_events_total",
        "counter",
        "Events that were published, by what became of them.",
        counts(&KEPT),
    );
    family(
        &mut text,
        "tonghui_events_in_flight",
        "gauge",
        "Events that were published and have no receipt yet.",
        of(|book| book.in_flight),
    );
    family(
        &mut text,
        "tonghui_books_balanced",
        "gauge",
        "0 where the books of a channel contradict each other.",
        of(|book| u64::from(book.balanced != Some(false))),
    );
    family(
        &mut text,
        "tonghui_demands",
        "gauge",
        "Demands in the store.",
        each(|row| Some(row.demands.to_string())),
    );
    family(
        &mut text,
        "tonghui_quarantine",
        "gauge",
        "Records that wait in quarantine.",
        each(|row| Some(row.quarantined.to_string())),
    );
    family(
        &mut text,
        "tonghui_channel_in_trouble",
        "gauge",
        "1 where something keeps a channel from being read.",
        each(|row| Some(u8::from(row.fault.is_some()).to_string())),
    );
    family(
        &mut text,
        "tonghui_last_read_timestamp_seconds",
        "gauge",
        "When a channel was last read, be it in vain.",
        each(|row| Some(row.last_read_at?.timestamp().to_string())),
    );
    let of_index = |value: fn(&Lag) -> u64| {
        let sample =
            move |lag: &Lag| (format!("index=\"{}\"", lag.index.name()), value(lag).to_string());
        lags.iter().map(sample)
    };
    family(
        &mut text,
        "tonghui_index_rows_behind",
        "gauge",
        "Rows of history that an index does not cover yet.",
        of_index(|lag| lag.rows_behind),
    );
    family(
        &mut text,
        "tonghui_index_seconds_behind",
        "gauge",
        "How long ago the oldest of these rows was read from its source.",
        of_index(|lag| lag.seconds_behind),
    );
    text
}

fn label(channel: &contract::ChannelId) -> String {
    format!("channel=\"{channel}\"")
}

fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl Iterator<Item = (String, String)>,
) {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing into a text cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}
