//! The books and the state of the channels as Prometheus metrics (text format 0.0.4).

use std::{collections::BTreeMap, fmt::Write as _};

use contract::Complete;
use sink::store::BooksRow;

use crate::{
    feed,
    indexer::Lag,
    processes::ProcessRow,
    status::{COUNTS, Count, Row},
};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics. Channel names need no escaping.
pub(super) fn text(
    books: &[BooksRow],
    rows: &[Row],
    lags: &[Lag],
    feed: Option<feed::Lag>,
    processes: &[ProcessRow],
    refused: &[(&str, u64)],
    is_ready: bool,
) -> String {
    // A sample consists of its labels and its value.
    let count_samples = |counts: &'static [Count]| {
        let sample = |book: &BooksRow, (name, count): &Count| {
            (format!("channel=\"{}\",became=\"{name}\"", book.channel), count(book).to_string())
        };
        let counts = counts.iter().filter(|(name, _)| *name != "in flight");
        let samples = books.iter().flat_map(|book| counts.clone().map(move |c| sample(book, c)));
        samples.collect::<Vec<_>>()
    };
    let book_samples = |value: fn(&BooksRow) -> u64| {
        books.iter().map(|book| (label(&book.channel), value(book).to_string())).collect()
    };
    let channel_samples = |value: fn(&Row) -> Option<String>| {
        rows.iter().filter_map(|row| Some((label(&row.channel), value(row)?))).collect()
    };
    let index_samples = |value: fn(&Lag) -> u64| {
        let label = |lag: &Lag| format!("index=\"{}\"", lag.index.name());
        lags.iter().map(|lag| (label(lag), value(lag).to_string())).collect()
    };
    let feed_samples = |value: fn(feed::Lag) -> u64| {
        feed.map(|lag| (String::new(), value(lag).to_string())).into_iter().collect()
    };
    let process_samples = |value: fn(&ProcessRow) -> i64| {
        // A container that was started again has the same host and process id: its last row counts.
        let samples = processes.iter().map(|row| (process_label(row), value(row).to_string()));
        samples.collect::<BTreeMap<_, _>>().into_iter().collect()
    };
    let is_balanced = |book: &BooksRow| u64::from(book.balanced != Some(false));
    let has_fault = |row: &Row| Some(u8::from(row.fault.is_some()).to_string());
    let is_complete = |row: &Row| match row.complete? {
        Complete::Yes => Some("1".to_owned()),
        Complete::No => Some("0".to_owned()),
        Complete::Unknown => None,
    };
    let last_read = |row: &Row| Some(row.last_read_at?.timestamp().to_string());

    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, String)>| {
        if samples.is_empty() {
            return;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    // The first four counts are of records, the others of published events.
    let help = "Records read, by what became of them.";
    family("tonghui_records_total", "counter", help, count_samples(&COUNTS[..4]));
    let help = "Events published, by what became of them.";
    family("tonghui_events_total", "counter", help, count_samples(&COUNTS[4..]));
    let help = "Events published that have no receipt yet.";
    family("tonghui_events_in_flight", "gauge", help, book_samples(|book| book.in_flight));
    let help = "Unix time at which the oldest message in flight of a channel was read; none if nothing is in flight.";
    let oldest = channel_samples(|row| Some(row.oldest_in_flight_at?.timestamp().to_string()));
    family("tonghui_oldest_in_flight_timestamp_seconds", "gauge", help, oldest);
    let help = "0 if the books of a channel do not balance, else 1.";
    family("tonghui_books_balanced", "gauge", help, book_samples(is_balanced));
    let help = "Demands in the store.";
    family("tonghui_demands", "gauge", help, channel_samples(|row| Some(row.demands.to_string())));
    let help = "Records in quarantine.";
    let quarantined = channel_samples(|row| Some(row.quarantined.to_string()));
    family("tonghui_quarantine", "gauge", help, quarantined);
    let help = "1 if a channel has a fault, its file has problems, messages have been in flight for too long, its last \
                pass is incomplete, or a sender tried out numbers, else 0.";
    family("tonghui_channel_in_trouble", "gauge", help, channel_samples(has_fault));
    let help =
        "1 if the last pass read everything that the source has, 0 if not; none if it is unknown.";
    family("tonghui_channel_complete", "gauge", help, channel_samples(is_complete));
    let help = "Unix time of the last read of a channel, even if it found nothing.";
    family("tonghui_last_read_timestamp_seconds", "gauge", help, channel_samples(last_read));
    let help =
        "Unix time of the last alarm of the last day that a sender of a channel tries out numbers.";
    let guessed = channel_samples(|row| Some(row.guessed_at?.timestamp().to_string()));
    family("tonghui_guessing_timestamp_seconds", "gauge", help, guessed);
    let help = "Rows of history that an index does not cover yet.";
    family("tonghui_index_rows_behind", "gauge", help, index_samples(|lag| lag.rows_behind));
    let help = "Age of the oldest row of history that an index does not cover yet, in seconds.";
    family("tonghui_index_seconds_behind", "gauge", help, index_samples(|lag| lag.seconds_behind));
    let help = "Stored versions that the change feed has not told yet; none if there is no feed.";
    let behind = feed_samples(|lag| lag.versions_behind);
    family("tonghui_feed_versions_behind", "gauge", help, behind);
    let help =
        "Age of the oldest stored version that the change feed has not told yet, in seconds.";
    family("tonghui_feed_seconds_behind", "gauge", help, feed_samples(|lag| lag.seconds_behind));
    let help = "Unix time at which a process was seen last, by the clock of the store.";
    let seen = process_samples(|row| row.last_seen_at.timestamp());
    family("tonghui_process_last_seen_timestamp_seconds", "gauge", help, seen);
    let help = "1 if a fault keeps the sink of a process from storing, else 0.";
    let in_trouble = process_samples(|row| i64::from(row.alive && row.fault.is_some()));
    family("tonghui_process_in_trouble", "gauge", help, in_trouble);
    let help = "Processes with a sink that were seen in the last 15 s.";
    let n_sinks = processes.iter().filter(|row| row.is_live_sink()).count();
    family("tonghui_sinks_alive", "gauge", help, vec![(String::new(), n_sinks.to_string())]);
    let help = "1 if /health/ready says ready, 0 if what is sent to the gateway is not stored, or soon will not be.";
    family("tonghui_ready", "gauge", help, vec![(String::new(), u8::from(is_ready).to_string())]);
    let help = "Requests to this process that were refused because the sender did not sign in.";
    let refused = refused.iter().map(|(door, n)| (format!("door=\"{door}\""), n.to_string()));
    family("tonghui_sign_ins_refused_total", "counter", help, refused.collect());
    text
}

fn label(channel: &contract::ChannelId) -> String {
    format!("channel=\"{channel}\"")
}

fn process_label(row: &ProcessRow) -> String {
    let ProcessRow { role, host, process, .. } = row;
    // Whoever names a machine decides what is in its name.
    let host = host.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("role=\"{role}\",host=\"{host}\",process=\"{process}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_machine_adds_no_label_and_no_line() {
        let row = |last_seen_at: &str| ProcessRow {
            process: "77".to_owned(),
            role: "sink".to_owned(),
            host: "a\"b\\c\nd".to_owned(),
            version: "1".to_owned(),
            since: contract::Timestamp::UNIX_EPOCH,
            last_seen_at: last_seen_at.parse().unwrap(),
            alive: true,
            fault: None,
            next_try_at: None,
        };
        let (older, row) = (row("1970-01-01T00:00:07Z"), row("1970-01-01T00:00:09Z"));
        let label = process_label(&row);
        assert_eq!(label, "role=\"sink\",host=\"a\\\"b\\\\c\\nd\",process=\"77\"");
        // A container that was started again has the same host and process id.
        let page = text(&[], &[], &[], None, &[older, row], &[], false);
        let sample = format!("tonghui_process_last_seen_timestamp_seconds{{{label}}} 9");
        let of_it = |line: &&str| line.starts_with("tonghui_process_last_seen_timestamp_seconds{");
        assert_eq!(page.lines().filter(of_it).collect::<Vec<_>>(), [sample.as_str()]);
        assert!(page.lines().any(|line| line == "tonghui_sinks_alive 2"), "{page}");
        assert!(page.lines().any(|line| line == "tonghui_ready 0"), "{page}");
    }
}
