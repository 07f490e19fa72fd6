//! Text of others for a terminal or a log. What would steer it is shown instead of sent: a source
//! may say what it likes, and a page of ours still says what we say.

use std::{borrow::Cow, fmt::Write};

// Colours of ours; nothing can be hidden with them.
pub(crate) const CHANGED: &str = "\u{1b}[33m";
pub(crate) const DOUBT: &str = "\u{1b}[31m";
pub(crate) const FAINT: &str = "\u{1b}[2m";
pub(crate) const PLAIN: &str = "\u{1b}[0m";
const COLOURS: [&str; 4] = [CHANGED, DOUBT, FAINT, PLAIN];

/// For one line of a log.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| 0)
}

/// For a terminal: line breaks, tabs and our colours pass.
pub(crate) fn page(text: &str) -> Cow<'_, str> {
    escape(text, |rest| match rest.as_bytes().first() {
        Some(b'\n' | b'\t') => 1,
        _ => COLOURS.iter().find(|colour| rest.starts_with(**colour)).map_or(0, |c| c.len()),
    })
}

/// Writes what steers as JSON does: a JSON document stays the same one. Of the text that begins with
/// such a character, so many bytes pass as `passes` says.
fn escape(text: &str, passes: impl Fn(&str) -> usize) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(steers) {
        escaped.push_str(&rest[..at]);
        rest = &rest[at..];
        let passing = passes(rest);
        escaped.push_str(&rest[..passing]);
        rest = &rest[passing..];
        let mut chars = rest.chars();
        if let Some(c) = chars.next().filter(|_| passing == 0) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            rest = chars.as_str();
        }
    }
    escaped.push_str(rest);
    Cow::Owned(escaped)
}

/// Control characters, and those that begin a line or turn its direction.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown() {
        let said = "a\u{1b}[2Jb\u{9b}1mc\u{202e}d\u{2028}e\r\nf";
        assert_eq!(page(said), "a\\u001b[2Jb\\u009b1mc\\u202ed\\u2028e\\u000d\nf");
        assert_eq!(line("one\ntwo\tthree"), "one\\u000atwo\\u0009three");
        assert_eq!(page("plain 群众诉求 👨‍👩‍👧"), "plain 群众诉求 👨‍👩‍👧");
    }

    #[test]
    fn our_colours_pass_on_a_terminal_and_not_in_a_log() {
        for colour in COLOURS {
            assert_eq!(page(colour), colour);
            assert!(!line(colour).contains('\u{1b}'));
        }
    }

    #[test]
    fn a_json_document_stays_the_same() {
        let value = serde_json::json!({ "key": "a\u{9b}b\u{202e}c\u{7f}" });
        let shown = page(&value.to_string()).into_owned();
        assert!(!shown.contains(steers), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
