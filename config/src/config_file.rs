//! One file of the configuration: its text, and the conversion of byte offsets to lines.
//!
//! The parsed tree is not kept, because it borrows from the text. If a problem is found later, the file
//! is parsed again.

use std::{fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{Problem, Suggestion, TextPlace};

/// Maximum number of bytes of a line that a problem shows.
const MAX_SHOWN: usize = 400;
/// Minimum number of bytes of a hidden text that is looked for in messages.
const MIN_HIDDEN: usize = 4;

/// A mistake in a file; [`ConfigFile::problem`] adds the file and the line.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The byte range of the mistake.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) suggestion: Option<Suggestion>,
    /// Whether a key is missing; a syntax error elsewhere may be the cause.
    pub(crate) is_missing_key: bool,
}

impl Finding {
    pub(crate) fn new(span: Range<usize>, message: String, suggestion: Option<Suggestion>) -> Self {
        Self { span, message, suggestion, is_missing_key: false }
    }
}

/// A configuration file.
#[derive(Clone)]
pub(crate) struct ConfigFile {
    /// Path relative to the configuration folder.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// Byte ranges that no problem may show.
    hidden: Vec<Range<usize>>,
}

impl ConfigFile {
    pub(crate) fn new(path: String, text: String) -> Self {
        let hidden = credentials(&text).into_iter().chain(query_values(&text)).collect();
        Self { path, text, hidden }
    }

    /// Hides these bytes in every line that a problem shows.
    pub(crate) fn hide(&mut self, spans: impl IntoIterator<Item = Range<usize>>) {
        self.hidden.extend(spans);
    }

    /// Whether any of these bytes is hidden.
    pub(crate) fn hides(&self, span: &Range<usize>) -> bool {
        self.hidden.iter().any(|hidden| hidden.start < span.end && span.start < hidden.end)
    }

    /// Turns a finding in this file into a problem. What is hidden in the line is left out of the message too,
    /// whoever wrote it.
    pub(crate) fn problem(&self, finding: Finding) -> Problem {
        Problem {
            file: self.path.clone(),
            place: Some(self.place(&finding.span)),
            suggestion: finding.suggestion.filter(|suggestion| match suggestion {
                Suggestion::Replace { text, .. } => self.without_hidden(text.clone()) == *text,
                Suggestion::Advice { .. } => true,
            }),
            message: self.without_hidden(finding.message),
        }
    }

    /// `message` with `…` for every hidden text in it. A very short one could be part of any word.
    fn without_hidden(&self, mut message: String) -> String {
        for text in self.hidden.iter().filter_map(|range| self.text.get(range.clone())) {
            let text = text.trim().trim_matches(['"', '\'']);
            if text.len() >= MIN_HIDDEN && message.contains(text) {
                message = message.replace(text, "…");
            }
        }
        message
    }

    /// Index of the line that contains a byte, from 0.
    pub(crate) fn line_index(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count()
    }

    /// The line that contains a byte.
    pub(crate) fn line(&self, at: usize) -> &str {
        self.text.lines().nth(self.line_index(at)).unwrap_or_default()
    }

    /// The byte range of the value at `path`, which consists of keys and list positions; if it does not
    /// exist, the range of the last part that does.
    pub(crate) fn locate(&self, path: &[&str]) -> Range<usize> {
        let (tree, _) = DeTable::parse_recoverable(&self.text);
        find(tree.get_ref(), path)
    }

    /// The line, column and snippet of a byte range.
    fn place(&self, span: &Range<usize>) -> TextPlace {
        let span_start = char_boundary(&self.text, span.start);
        let span_end = char_boundary(&self.text, span.end).max(span_start);
        let line_start = self.text[..span_start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].split('\n').next().unwrap_or_default();
        let line = line.trim_end_matches('\r');
        let shown = self.shown_part(line_start..line_start + line.len(), span_start);
        let overlaps =
            |hidden: &&Range<usize>| hidden.start < shown.end && shown.start < hidden.end;
        let hidden: Vec<_> = self.hidden.iter().filter(overlaps).collect();

        let mut snippet = String::new();
        if shown.start > line_start {
            snippet.push('…');
        }
        // Start and end of the part of the snippet that comes from the span.
        let mut marked = (None, None);
        let mut was_hidden = false;
        let characters = self.text[shown.clone()].char_indices();
        for (at, c) in characters.map(|(at, c)| (shown.start + at, c)) {
            if at >= span_start {
                marked.0.get_or_insert(snippet.len());
            }
            if at >= span_end {
                marked.1.get_or_insert(snippet.len());
            }
            let is_hidden = hidden.iter().any(|range| range.contains(&at));
            if is_hidden && !was_hidden {
                snippet.push('…');
            } else if !is_hidden && c != '\u{feff}' {
                snippet.push(c);
            }
            was_hidden = is_hidden;
        }
        if shown.end < line_start + line.len() {
            marked.1.get_or_insert(snippet.len());
            snippet.push('…');
        }
        let before_span = &self.text[line_start..span_start];
        let marked_start = marked.0.unwrap_or(snippet.len());
        let marked_end = marked.1.unwrap_or(snippet.len()).max(marked_start);
        TextPlace {
            line: self.line_index(span_start) + 1,
            column: before_span.trim_start_matches('\u{feff}').chars().count() + 1,
            marked: (marked_start, marked_end),
            snippet,
        }
    }

    /// The part of a line that a problem at the byte `at` shows: all of it, unless it is very long.
    fn shown_part(&self, line: Range<usize>, at: usize) -> Range<usize> {
        if line.len() <= MAX_SHOWN {
            return line;
        }
        let start = char_boundary(&self.text, at.saturating_sub(MAX_SHOWN / 4)).max(line.start);
        start..char_boundary(&self.text, start + MAX_SHOWN).min(line.end)
    }
}

impl fmt::Debug for ConfigFile {
    // Leaves out the text. Secrets are forbidden in it, but a user may have written one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigFile({}, {} bytes)", self.path, self.text.len())
    }
}

/// Like [`ConfigFile::locate`]; `0..0` if no part of the path exists.
pub(crate) fn find(table: &DeTable<'_>, path: &[&str]) -> Range<usize> {
    let Some((first, rest)) = path.split_first() else { return 0..0 };
    let Some(value) = table.get(*first) else { return 0..0 };
    descend(value, rest)
}

/// The byte range of the value at `path` below `value`, or of the last part of the path that exists.
fn descend(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Range<usize> {
    let next = path.split_first().and_then(|(first, rest)| match value.get_ref() {
        DeValue::Table(table) => table.get(*first).map(|next| (next, rest)),
        DeValue::Array(array) => {
            // A key in place of a position selects the first entry that has this key.
            match first.parse::<usize>() {
                Ok(position) => array.get(position).map(|next| (next, rest)),
                Err(_) => array
                    .iter()
                    .find(|entry| entry.get_ref().get(*first).is_some())
                    .map(|entry| (entry, path)),
            }
        }
        _ => None,
    });
    next.map_or_else(|| value.span(), |(next, rest)| descend(next, rest))
}

/// Byte ranges of users and passwords in URLs like `postgres://user:password@host`.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let end_of = |(at, separator): (usize, &str)| at + separator.len();
    let is_end = |c: char| matches!(c, '/' | '"' | '\'' | '?' | '#') || c.is_whitespace();
    text.match_indices("://")
        .map(end_of)
        .filter_map(|begin| {
            let authority = text[begin..].split(is_end).next()?;
            let (user, _) = authority.rsplit_once('@')?;
            Some(begin..begin + user.len())
        })
        .collect()
}

/// Byte ranges of the values in queries like `?user=value&token=value`. A JSONPath has no such thing: its filters
/// compare with `==`.
fn query_values(text: &str) -> Vec<Range<usize>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_end = |c: char| matches!(c, '&' | '"' | '\'' | '#') || c.is_whitespace();
    text.match_indices(['?', '&'])
        .filter_map(|(at, _)| {
            let pair = text[at + 1..].split(is_end).next()?;
            let (name, value) = pair.split_once('=')?;
            let is_pair = !name.is_empty() && name.chars().all(is_name) && !value.starts_with('=');
            let begin = at + 1 + name.len() + 1;
            (is_pair && !value.is_empty()).then(|| begin..begin + value.len())
        })
        .collect()
}

/// The nearest character boundary at or before a byte.
pub(crate) fn char_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
