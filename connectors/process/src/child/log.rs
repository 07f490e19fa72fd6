//! Copies the standard error of a program to our log: a limited number of lines, without long numbers and passwords.
//!
//! Plugins must not print personal values. But a traceback quotes the value that caused it, so long numbers are
//! removed, and so are the secret settings of the program and the logins in addresses.

use std::{collections::BTreeMap, time::Duration};

use contract::{ChannelId, Secret};
use document::without_long_numbers;
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

/// Copies standard error to our log until the program closes it. Reads on after the limit, because a full
/// pipe would block the program.
pub(crate) async fn copy(
    errors: ChildStderr,
    channel: ChannelId,
    secrets: BTreeMap<String, Secret>,
) {
    let mut lines = Lines::new(errors, MAX_LINE_BYTES);
    let (mut window_start, mut n_lines) = (Instant::now(), 0_usize);
    loop {
        let text = match lines.next().await {
            Ok(Some(Line::Whole(line))) => {
                readable_text(&without_secrets(&String::from_utf8_lossy(line), &secrets))
            }
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

/// Shorter values are left: a text would become unreadable without them.
const MIN_SECRET: usize = 4;

/// A text with `…` in the place of the secret settings of a program.
pub(crate) fn without_secrets(text: &str, secrets: &BTreeMap<String, Secret>) -> String {
    let values = secrets.values().map(Secret::expose).filter(|value| value.len() >= MIN_SECRET);
    let mut values: Vec<&str> = values.collect();
    // A longer one may begin with a shorter one.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, "…"))
}

/// A text with `…` in the place of account and password before an `@`: `mysql://…@host`.
fn without_logins(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'<>()".contains(c);
    let words = text.split_inclusive(is_end).map(|word| {
        let Some((login, host)) = word.rsplit_once('@') else { return word.to_owned() };
        match login.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://…@{host}"),
            None if login.contains(':') => format!("…@{host}"),
            None => word.to_owned(),
        }
    });
    words.collect()
}

/// The text of a program as one line for people, truncated, without long numbers and logins.
pub(crate) fn readable_text(text: &str) -> String {
    let text = without_logins(text);
    let text: String = text.trim().chars().take(MAX_CHARACTERS).collect();
    let text = without_long_numbers(&text);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{readable_text, without_secrets};

    #[test]
    fn a_text_is_one_short_line_without_long_numbers() {
        assert_eq!(readable_text("row 12: phone 13800001234?\n"), "row 12: phone …?");
        assert_eq!(readable_text("error 503\tat 08:15"), "error 503 at 08:15");
        assert_eq!(readable_text(&"长".repeat(9_000)).chars().count(), 300);
    }

    #[test]
    fn a_text_has_no_passwords() {
        for (text, expected) in [
            ("cannot open 'mysql://root:p@ss/w@db:3306/x'", "cannot open 'mysql://…@db:3306/x'"),
            ("login failed: sa:s3cret@10.0.0.5 (tcp)", "login failed: …@10.0.0.5 (tcp)"),
            ("mail to a@b.cn at 10:30", "mail to a@b.cn at 10:30"),
        ] {
            assert_eq!(readable_text(text), expected);
        }
        let secrets = serde_json::from_str(r#"{"a":"hunter","b":"x","c":"hunter22"}"#).unwrap();
        assert_eq!(without_secrets("x: no hunter22", &secrets), "x: no …");
    }
}
