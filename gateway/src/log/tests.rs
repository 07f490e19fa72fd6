use std::io::{Read, Seek};

use tracing::{subscriber::with_default, trace};

use super::*;

/// The lines that are written for `events` with every level enabled.
fn written(events: impl FnOnce()) -> String {
    let mut file = tempfile::tempfile().unwrap();
    let writer = file.try_clone().unwrap();
    let writer = move || writer.try_clone().unwrap();
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
        assert!(text.len() <= MAX_LINE_BYTES && !text.contains('\u{fffd}'), "{}", text.len());
        assert!(text.ends_with(" bytes)\n") && text.contains("… (cut: the line has 6"), "{text}");
    }
}

#[test]
fn text_from_outside_stays_on_one_line() {
    let said = "no\n2026-01-01 INFO all is well\u{1b}[2J\u{202e}";
    let text = written(|| warn!(target: "tonghui", said, wait_ms = 5, "{said}"));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("wait_ms=5") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
}
