//! Copies the standard error of a program to our log: a limited number of lines, without long numbers.
//!
//! Plugins must not print personal values. But a traceback quotes the value that caused it, so this module
//! removes long numbers, which may be telephone or identity numbers.

use std::time::Duration;

use contract::ChannelId;
use tokio::{process::ChildStderr, time::Instant};
use tracing::info;

use crate::lines::{Line, Lines};

/// Maximum number of lines that are logged in this time.
const MAX_LINES: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum size of a line that is logged, in bytes.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// Maximum number of characters of a line that are logged.
const MAX_CHARACTERS: usize = 300;
/// Maximum number of digits of a number that is logged: a longer one may be a telephone number.
const MAX_DIGITS: usize = 6;
/// The same for numbers in groups, like 138-0000-1234. A date with an hour has 10.
const MAX_GROUPED_DIGITS: usize = 10;

/// Copies standard error to our log until the program closes it. Reads on after the limit, because a full
/// pipe would block the program.
pub(crate) async fn copy(errors: ChildStderr, channel: ChannelId) {
    let mut lines = Lines::new(errors, MAX_LINE_BYTES);
    let (mut window_start, mut n_lines) = (Instant::now(), 0_usize);
    loop {
        let text = match lines.next().await {
            Ok(Some(Line::Whole(line))) => readable_text(&String::from_utf8_lossy(line)),
            Ok(Some(Line::TooLong(_))) => "(a very long line)".to_owned(),
            Ok(None) | Err(_) => break,
        };
        if window_start.elapsed() >= WINDOW {
            log_omitted(&channel, n_lines);
            (window_start, n_lines) = (Instant::now(), 0);
        }
        n_lines += 1;
        if n_lines <= MAX_LINES {
            info!(target: "tonghui", %channel, "the program wrote: {text}");
        }
    }
    log_omitted(&channel, n_lines);
}

fn log_omitted(channel: &ChannelId, n_lines: usize) {
    if let Some(n_omitted @ 1..) = n_lines.checked_sub(MAX_LINES) {
        info!(target: "tonghui", %channel, "the program wrote {n_omitted} more lines");
    }
}

/// The text of a program as one line for people, truncated and without long numbers.
pub(crate) fn readable_text(text: &str) -> String {
    let text: String = text.trim().chars().take(MAX_CHARACTERS).collect();
    let (mut readable, mut rest) = (String::new(), text.as_str());
    while let Some(start) = rest.find(char::is_numeric) {
        let (before, from_number) = rest.split_at(start);
        let (number, after) = from_number.split_at(number_len(from_number));
        readable.push_str(before);
        readable.push_str(if is_long(number) { "…" } else { number });
        rest = after;
    }
    readable.push_str(rest);
    readable.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The length of the number at the beginning of a text: groups of digits with a blank or a hyphen between them.
fn number_len(text: &str) -> usize {
    let is_other = |(at, c): &(usize, char)| {
        let joins = matches!(c, ' ' | '-') && text[at + 1..].starts_with(char::is_numeric);
        !c.is_numeric() && !joins
    };
    text.char_indices().find(is_other).map_or(text.len(), |(at, _)| at)
}

fn is_long(number: &str) -> bool {
    let n_digits = number.chars().filter(|c| c.is_numeric()).count();
    let mut groups = number.split([' ', '-']);
    n_digits > MAX_GROUPED_DIGITS || groups.any(|group| group.chars().count() > MAX_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::readable_text;

    #[test]
    fn long_numbers_are_not_shown() {
        assert_eq!(readable_text("row 12: phone 13800001234?\n"), "row 12: phone …?");
        assert_eq!(readable_text("11010519491231002X"), "…X");
        assert_eq!(readable_text("error 503\tat 08:15"), "error 503 at 08:15");
        assert_eq!(readable_text("138-0000-1234, 138 0000 1234。"), "…, …。");
        assert_eq!(readable_text("１３８００００１２３４"), "…");
        let time = "2026-11-29 08:15:00 - 5 of 12";
        assert_eq!(readable_text(time), time);
        assert_eq!(readable_text(&"长".repeat(9_000)).chars().count(), 300);
    }
}
