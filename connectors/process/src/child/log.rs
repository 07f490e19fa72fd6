//! The standard error of a program in our log: few lines, without long numbers.
//!
//! Its author promises that it contains no personal values. Telephone and identity numbers are
//! removed nevertheless: a traceback quotes the value that caused it.

use std::time::Duration;

use contract::ChannelId;
use tokio::{process::ChildStderr, time::Instant};
use tracing::info;

use crate::lines::{Line, Lines};

/// Maximum number of lines in one [`WINDOW`].
const MOST: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of bytes read of a line.
const LONGEST: usize = 16 * 1024;
/// Maximum number of characters shown of a line.
const SHOWN: usize = 300;
/// A number with this many digits or more may be a telephone number.
const TELLING: usize = 7;

/// Copies standard error to our log until the program closes it. It is always read: a full pipe
/// would block the program.
pub(crate) async fn copy(errors: ChildStderr, channel: ChannelId) {
    let mut lines = Lines::new(errors, LONGEST);
    let (mut since, mut n_lines) = (Instant::now(), 0_usize);
    loop {
        let text = match lines.next().await {
            Ok(Some(Line::Whole(line))) => presentable(&String::from_utf8_lossy(line)),
            Ok(Some(Line::TooLong)) => "(a very long line)".to_owned(),
            Ok(None) | Err(_) => break,
        };
        if since.elapsed() >= WINDOW {
            left_out(&channel, n_lines);
            (since, n_lines) = (Instant::now(), 0);
        }
        n_lines += 1;
        if n_lines <= MOST {
            info!(target: "tonghui", %channel, "its program says: {text}");
        }
    }
    left_out(&channel, n_lines);
}

fn left_out(channel: &ChannelId, n_lines: usize) {
    if let Some(n_left_out @ 1..) = n_lines.checked_sub(MOST) {
        info!(target: "tonghui", %channel, "its program says {n_left_out} lines more");
    }
}

/// A program's text made readable: truncated, on one line, without long numbers.
pub(crate) fn presentable(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    let letters = text.trim().chars().take(SHOWN);
    for letter in letters.map(Some).chain([None]) {
        match letter {
            Some(digit) if digit.is_ascii_digit() => digits.push(digit),
            other => {
                shown.push_str(if digits.len() < TELLING { &digits } else { "…" });
                digits.clear();
                shown.extend(other.map(|letter| if letter.is_control() { ' ' } else { letter }));
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn long_numbers_are_not_shown() {
        assert_eq!(presentable("row 12: phone 13800001234?\n"), "row 12: phone …?");
        assert_eq!(presentable("11010519491231002X"), "…X");
        assert_eq!(presentable("error 503\tat 08:15"), "error 503 at 08:15");
        assert_eq!(presentable(&"长".repeat(9_000)).chars().count(), 300);
    }
}
