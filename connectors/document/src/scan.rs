//! Finds the elements of a JSON list by brackets and commas, without parsing them.

use std::ops::Range;

use crate::tree::at_line;

/// Finds the end of a JSON element, whose text may be passed in several parts.
#[derive(Debug, Default)]
pub struct ElementScanner {
    /// The closing brackets that are still expected; the last of them comes first in the text.
    open: Vec<u8>,
    is_in_string: bool,
    is_escaped: bool,
}

impl ElementScanner {
    /// The offset at which the element ends in `text`: that of the `,` or the closing bracket after
    /// it. `None` if the element continues after `text`.
    ///
    /// # Errors
    /// The offset of a bracket that does not match the open one.
    pub fn find_end(&mut self, text: &[u8]) -> Result<Option<usize>, usize> {
        self.scan(text, false)
    }

    /// The offset after the bracket that closes the first list or object in `text`; `None` if it is
    /// not closed in `text`.
    ///
    /// # Errors
    /// The offset of a bracket that does not match the open one.
    pub fn find_close(&mut self, text: &[u8]) -> Result<Option<usize>, usize> {
        self.scan(text, true)
    }

    /// Whether the text so far ends within a list or an object, and not within a string.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty() && !self.is_in_string
    }

    fn scan(&mut self, text: &[u8], until_closed: bool) -> Result<Option<usize>, usize> {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                _ if self.is_in_string => {}
                b'[' => self.open.push(b']'),
                b'{' => self.open.push(b'}'),
                b',' if self.open.is_empty() && !until_closed => return Ok(Some(at)),
                b']' | b'}' => match self.open.pop() {
                    None if until_closed => return Err(at),
                    None => return Ok(Some(at)),
                    Some(bracket) if bracket == *byte => {
                        if until_closed && self.open.is_empty() {
                            return Ok(Some(at + 1));
                        }
                    }
                    Some(_) => return Err(at),
                },
                _ => {}
            }
        }
        Ok(None)
    }
}

/// What a JSON text counts where memory is limited: its length, but at least 24 bytes for each value. In a
/// tree each value takes some seventy bytes, however short its text is; so this is known before it is parsed.
pub fn weight(text: &[u8]) -> usize {
    text.len().max(24 * n_values(text))
}

/// The number of values in a JSON text, also if it is damaged.
pub fn n_values(text: &[u8]) -> usize {
    let (mut n_values, mut is_in_string, mut is_escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b',' | b'[' | b'{' if !is_in_string => n_values += 1,
            _ => {}
        }
    }
    n_values
}

/// What a value takes in a tree: 72 bytes, and those of the allocator if it has a text.
const VALUE_BYTES: usize = 100;
/// What an object takes besides: its table begins with room for three members, of 104 bytes each.
const OBJECT_BYTES: usize = 400;
/// What a member of an object takes besides: its name, and the room of a table that doubles while it grows.
const MEMBER_BYTES: usize = 200;
/// What a tag or an attribute of XML takes: an element has two tags, and may become an object.
const TAG_BYTES: usize = 250;

/// About how much memory a document takes when it is parsed; this is known before. Its text is there three times:
/// as it came, decoded, and in the tree. `has_inner` says that a text in it may be a document, which is parsed too.
pub fn tree_bytes(text: &str, has_inner: bool) -> usize {
    let skips_strings = !has_inner && text.trim_start().starts_with(['{', '[']);
    let (mut n_bytes, mut is_in_string, mut is_escaped) = (3 * text.len(), false, false);
    for byte in text.bytes() {
        let is_skipped = skips_strings && is_in_string;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_skipped,
            b'"' => is_in_string = !is_in_string,
            _ if is_skipped => {}
            b',' | b'[' => n_bytes += VALUE_BYTES,
            b'{' => n_bytes += VALUE_BYTES + OBJECT_BYTES,
            b':' if skips_strings || has_inner => n_bytes += MEMBER_BYTES,
            b'<' | b'=' => n_bytes += TAG_BYTES,
            _ => {}
        }
    }
    n_bytes
}

/// The same for a table: each byte for which `ends_cell` is true ends a cell, and perhaps a row.
pub(crate) fn cell_bytes(text: &str, ends_cell: impl Fn(u8) -> bool) -> usize {
    let n_cells = text.bytes().filter(|byte| ends_cell(*byte)).count();
    let n_rows = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    3 * text.len() + n_cells * (VALUE_BYTES + MEMBER_BYTES) + n_rows * OBJECT_BYTES
}

/// The byte ranges of the elements of a list; empty elements are left out. If the text is not a
/// list, the range of the whole text. Damage within an element is ignored, and two values without a
/// comma between them count as one.
///
/// # Errors
/// The brackets do not match, the text ends too early, it does not begin like a JSON value, or a
/// comma or a bracket follows the value.
pub fn elements(text: &str) -> Result<Vec<Range<usize>>, String> {
    let bytes = text.as_bytes();
    let is_whitespace = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n'));
    let mut at = (0..bytes.len()).find(|at| !is_whitespace(*at)).unwrap_or(bytes.len());
    let is_list = bytes.get(at) == Some(&b'[');
    let begins_value =
        |byte: &u8| matches!(byte, b'[' | b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    if bytes.get(at).is_some_and(|first| !begins_value(first)) {
        return Err(at_line("this is not a JSON value", text, at));
    }
    let (start, mut found) = (at, Vec::new());
    at += usize::from(is_list);
    loop {
        let mut scan = ElementScanner::default();
        let mismatch =
            |offset| at_line("a closing bracket does not match the open one", text, at + offset);
        let end = match scan.find_end(&bytes[at..]).map_err(mismatch)? {
            Some(end) => at + end,
            None if !is_list && scan.open.is_empty() && !scan.is_in_string && at < bytes.len() => {
                let trimmed = text[start..].trim_end().len();
                return Ok(std::iter::once(start..start + trimmed).collect());
            }
            None => return Err(at_line("the JSON text ends too early", text, bytes.len())),
        };
        if !is_list {
            return Err(at_line("something follows the JSON value", text, end));
        }
        let from = (at..end).find(|at| !is_whitespace(*at)).unwrap_or(end);
        let to = (from..end).rev().find(|at| !is_whitespace(*at)).map_or(from, |last| last + 1);
        if from < to {
            found.push(from..to);
        }
        at = end + 1;
        match bytes[end] {
            b',' => {}
            b']' if text[at..].trim().is_empty() => return Ok(found),
            b']' => return Err(at_line("something follows the JSON value", text, at)),
            _ => return Err(at_line("a closing bracket does not match the open one", text, end)),
        }
    }
}

#[cfg(test)]
mod tests;
