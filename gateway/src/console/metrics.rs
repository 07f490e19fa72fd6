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

/// Labels and values.
type Samples<'a> = Box<dyn Iterator<Item = (String, String)> + 'a>;

/// All of it. Names of channels need no escaping.
pub(super) fn text(books: &[BooksRow], rows: &[Row], lags: &[Lag]) -> String {
    let mut text = String::new();
    let counts = |counts: &'static [Count]| -> Samples<'_> {
        Box::new(books.iter().flat_map(move |book| {
            counts.iter().map(move |(name, count)| {
                (format!("channel=\"{}\",became=\"{name}\"", book.channel), count(book).to_string())
            })
        }))
    };
    let of = |value: fn(&BooksRow) -> u64| -> Samples<'_> {
        Box::new(books.iter().map(move |book| (label(&book.channel), value(book).to_string())))
    };
    let each = |value: fn(&Row) -> Option<String>| -> Samples<'_> {
        Box::new(rows.iter().filter_map(move |row| Some((label(&row.channel), value(row)?))))
    };
    let of_index =
        |value: fn(&Lag) -> u64| -> Samples<'_> {
            Box::new(lags.iter().map(move |lag| {
                (format!("index=\"{}\"", lag.index.name()), value(lag).to_string())
            }))
        };
    let balanced = |book: &BooksRow| u64::from(book.balanced != Some(false));
    let in_trouble = |row: &Row| Some(u8::from(row.fault.is_some()).to_string());
    let last_read = |row: &Row| Some(row.last_read_at?.timestamp().to_string());
    let mut family = |name: &str, kind: &str, help: &str, samples: Samples<'_>| {
        let mut samples = samples.peekable();
        if samples.peek().is_none() {
            return;
        }
        // Writing into a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    let help = "Records that were read, by what became of them.";
    family("tonghui_records_total", "counter", help, counts(&READ));
    let help = "Events that were published, by what became of them.";
    family("tonghui_events_total", "counter", help, counts(&KEPT));
    let help = "Events that were published and have no receipt yet.";
    family("tonghui_events_in_flight", "gauge", help, of(|book| book.in_flight));
    let help = "0 where the books of a channel contradict each other.";
    family("tonghui_books_balanced", "gauge", help, of(balanced));
    let help = "Demands in the store.";
    family("tonghui_demands", "gauge", help, each(|row| Some(row.demands.to_string())));
    let help = "Records that wait in quarantine.";
    family("tonghui_quarantine", "gauge", help, each(|row| Some(row.quarantined.to_string())));
    let help = "1 where something keeps a channel from being read.";
    family("tonghui_channel_in_trouble", "gauge", help, each(in_trouble));
    let help = "When a channel was last read, even where there was nothing.";
    family("tonghui_last_read_timestamp_seconds", "gauge", help, each(last_read));
    let help = "Rows of history that an index does not cover yet.";
    family("tonghui_index_rows_behind", "gauge", help, of_index(|lag| lag.rows_behind));
    let help = "How long ago the oldest of these rows was read from its source.";
    family("tonghui_index_seconds_behind", "gauge", help, of_index(|lag| lag.seconds_behind));
    text
}

fn label(channel: &contract::ChannelId) -> String {
    format!("channel=\"{channel}\"")
}
