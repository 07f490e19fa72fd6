//! One file of the configuration: its text, and the conversion of byte offsets to lines.
//!
//! The parsed tree is not kept: it borrows from the text, and is needed again only if a problem is found
//! later. Then the file is parsed again.

use std::{fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{Problem, Suggestion, TextPlace};

/// A mistake at some bytes of a file.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The bytes.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) suggestion: Option<Suggestion>,
    /// A key is missing; a syntax error elsewhere may be the reason.
    pub(crate) is_missing_key: bool,
}

impl Finding {
    pub(crate) fn new(span: Range<usize>, message: String, suggestion: Option<Suggestion>) -> Self {
        Self { span, message, suggestion, is_missing_key: false }
    }
}

/// A file as it was read.
#[derive(Clone)]
pub(crate) struct Source {
    /// Relative to the configuration folder.
    pub(crate) file: String,
    /// All of it.
    pub(crate) text: String,
    /// Byte ranges that no snippet may show.
    hidden: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(file: String, text: String) -> Self {
        let hidden = credentials(&text);
        Self { file, text, hidden }
    }

    /// Hides these bytes in all snippets.
    pub(crate) fn hide(&mut self, spans: impl IntoIterator<Item = Range<usize>>) {
        self.hidden.extend(spans);
    }

    /// Whether any of these bytes is hidden.
    pub(crate) fn hides(&self, span: &Range<usize>) -> bool {
        self.hidden.iter().any(|hidden| hidden.start < span.end && span.start < hidden.end)
    }

    /// Turns a finding in this file into a problem.
    pub(crate) fn problem(&self, finding: Finding) -> Problem {
        Problem {
            file: self.file.clone(),
            place: Some(self.place(&finding.span)),
            message: finding.message,
            suggestion: finding.suggestion,
        }
    }

    /// Line of a byte, from 0.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count()
    }

    /// The bytes of the value that a path of keys and list positions leads to, or of the last part of the
    /// path that exists.
    pub(crate) fn locate(&self, path: &[&str]) -> Range<usize> {
        let (tree, _) = DeTable::parse_recoverable(&self.text);
        find(tree.get_ref(), path)
    }

    fn place(&self, span: &Range<usize>) -> TextPlace {
        let start = char_boundary(&self.text, span.start);
        let end = char_boundary(&self.text, span.end).max(start);
        let begin = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let length = self.text[begin..].find('\n').unwrap_or(self.text.len() - begin);
        let line = self.text[begin..begin + length].trim_end_matches('\r');

        let mut snippet = String::new();
        let mut marked = (None, None);
        let mut was_hidden = false;
        for (at, c) in line.char_indices().map(|(at, c)| (begin + at, c)) {
            if at >= start {
                marked.0.get_or_insert(snippet.len());
            }
            if at >= end {
                marked.1.get_or_insert(snippet.len());
            }
            let is_hidden = self.hides(&(at..at + c.len_utf8()));
            if is_hidden && !was_hidden {
                snippet.push('…');
            } else if !is_hidden && c != '\u{feff}' {
                snippet.push(c);
            }
            was_hidden = is_hidden;
        }
        let from = marked.0.unwrap_or(snippet.len());
        let upto = marked.1.unwrap_or(snippet.len()).max(from);
        TextPlace {
            line: self.line(start) + 1,
            column: self.text[begin..start].trim_start_matches('\u{feff}').chars().count() + 1,
            marked: (from, upto),
            snippet,
        }
    }
}

impl fmt::Debug for Source {
    // The text may contain a secret in the wrong place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.file, self.text.len())
    }
}

/// The bytes of the value that a path leads to, or of the last key on the way that exists.
pub(crate) fn find(table: &DeTable<'_>, path: &[&str]) -> Range<usize> {
    let Some((first, rest)) = path.split_first() else { return 0..0 };
    let Some(value) = table.get(*first) else { return 0..0 };
    descend(value, rest)
}

fn descend(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Range<usize> {
    let next = path.split_first().and_then(|(first, rest)| match value.get_ref() {
        DeValue::Table(table) => table.get(*first).map(|next| (next, rest)),
        DeValue::Array(array) => {
            // A key instead of a position means the first entry that has this key.
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

/// User and password in URLs like `postgres://user:password@host`, anywhere in the text.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let end_of = |(at, separator): (usize, &str)| at + separator.len();
    let ends = |c: char| matches!(c, '/' | '"' | '\'' | '?' | '#') || c.is_whitespace();
    text.match_indices("://")
        .map(end_of)
        .filter_map(|begin| {
            let authority = text[begin..].split(ends).next()?;
            let (user, _) = authority.rsplit_once('@')?;
            Some(begin..begin + user.len())
        })
        .collect()
}

/// The nearest character boundary at or before a byte.
fn char_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
