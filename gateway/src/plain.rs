//! Makes text from outside safe for a terminal or a log: escapes control characters, so that no source
//! can clear a screen, forge a line or hide text.

use std::{borrow::Cow, fmt::Write};

use connector_wire::reason::visible;

// The colours that the commands use. They cannot hide text.
pub(crate) const CHANGED: &str = "\u{1b}[33m";
pub(crate) const DOUBT: &str = "\u{1b}[31m";
pub(crate) const FAINT: &str = "\u{1b}[2m";
pub(crate) const PLAIN: &str = "\u{1b}[0m";
const COLOURS: [&str; 4] = [CHANGED, DOUBT, FAINT, PLAIN];

/// Escapes text for one line of a log.
pub(crate) fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, |_| 0)
}

/// Escapes text for a terminal; line breaks, tabs and our colours stay.
pub(crate) fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, |remaining| match remaining.as_bytes().first() {
        Some(b'\n' | b'\t') => 1,
        _ => COLOURS.iter().find(|colour| remaining.starts_with(**colour)).map_or(0, |c| c.len()),
    })
}

/// Escapes control characters as JSON does, so a JSON document keeps its meaning. `kept_bytes` gets the
/// text from such a character on, and returns how many of its first bytes stay as they are.
fn escape(text: &str, kept_bytes: impl Fn(&str) -> usize) -> Cow<'_, str> {
    if visible(text) == text {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    let mut remaining = text;
    while let Some(at) = remaining.find(is_unsafe) {
        escaped.push_str(&remaining[..at]);
        remaining = &remaining[at..];
        let n_kept = kept_bytes(remaining);
        escaped.push_str(&remaining[..n_kept]);
        remaining = &remaining[n_kept..];
        let mut chars = remaining.chars();
        if let Some(c) = chars.next().filter(|_| n_kept == 0) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            remaining = chars.as_str();
        }
    }
    escaped.push_str(remaining);
    Cow::Owned(escaped)
}

/// Control characters, line separators, and characters that change the direction of text: [`visible`] knows them.
fn is_unsafe(c: char) -> bool {
    let mut bytes = [0; 4];
    let text: &str = c.encode_utf8(&mut bytes);
    visible(text) != text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let said = "a\u{1b}[2Jb\u{9b}1mc\u{202e}d\u{2028}e\r\nf";
        assert_eq!(escape_text(said), "a\\u001b[2Jb\\u009b1mc\\u202ed\\u2028e\\u000d\nf");
        assert_eq!(escape_line("one\ntwo\tthree"), "one\\u000atwo\\u0009three");
        assert_eq!(escape_text("plain 群众诉求 👨‍👩‍👧"), "plain 群众诉求 👨‍👩‍👧");
    }

    #[test]
    fn our_colours_stay_on_a_terminal_but_not_in_a_log() {
        for colour in COLOURS {
            assert_eq!(escape_text(colour), colour);
            assert!(!escape_line(colour).contains('\u{1b}'));
        }
    }

    #[test]
    fn a_json_document_stays_the_same() {
        let value = serde_json::json!({ "key": "a\u{9b}b\u{202e}c\u{7f}" });
        let shown = escape_text(&value.to_string()).into_owned();
        assert!(!shown.contains(is_unsafe), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
