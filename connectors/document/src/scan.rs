//! Finds where an element of JSON ends, without parsing it.

use std::ops::Range;

use crate::tree::located;

/// Finds the end of a JSON element whose text may come in pieces.
#[derive(Debug, Default)]
pub struct Scan {
    /// The closing brackets that are still expected, the next one last.
    open: Vec<u8>,
    in_string: bool,
    is_escaped: bool,
}

impl Scan {
    /// Where the element ends in `text`, if it does: before a `,` or a bracket that belongs to
    /// another element.
    ///
    /// # Errors
    /// The place of a bracket that does not match the open one.
    pub fn end(&mut self, text: &[u8]) -> Result<Option<usize>, usize> {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'[' => self.open.push(b']'),
                b'{' => self.open.push(b'}'),
                b',' if self.open.is_empty() => return Ok(Some(at)),
                b']' | b'}' => match self.open.pop() {
                    None => return Ok(Some(at)),
                    Some(bracket) if bracket == *byte => {}
                    Some(_) => return Err(at),
                },
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The positions of the elements of a list in a text; that of the whole value if the text is not a
/// list. Damage within an element is ignored.
///
/// # Errors
/// The brackets do not match, the text ends too early, or it is not one JSON value.
pub fn elements(text: &str) -> Result<Vec<Range<usize>>, String> {
    let bytes = text.as_bytes();
    let is_blank = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n'));
    let mut at = (0..bytes.len()).find(|at| !is_blank(*at)).unwrap_or(bytes.len());
    let is_list = bytes.get(at) == Some(&b'[');
    let begins_value =
        |byte: &u8| matches!(byte, b'[' | b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    if bytes.get(at).is_some_and(|first| !begins_value(first)) {
        return Err(located("this is not a JSON value", text, at));
    }
    let (start, mut found) = (at, Vec::new());
    at += usize::from(is_list);
    loop {
        let mut scan = Scan::default();
        let mismatch =
            |offset| located("a closing bracket does not match the open one", text, at + offset);
        let end = match scan.end(&bytes[at..]).map_err(mismatch)? {
            Some(end) => at + end,
            None if !is_list && scan.open.is_empty() && !scan.in_string && at < bytes.len() => {
                let trimmed = text[start..].trim_end().len();
                return Ok(std::iter::once(start..start + trimmed).collect());
            }
            None => return Err(located("the JSON text ends too early", text, bytes.len())),
        };
        if !is_list {
            return Err(located("something follows the JSON value", text, end));
        }
        let from = (at..end).find(|at| !is_blank(*at)).unwrap_or(end);
        let to = (from..end).rev().find(|at| !is_blank(*at)).map_or(from, |last| last + 1);
        if from < to {
            found.push(from..to);
        }
        at = end + 1;
        match bytes[end] {
            b',' => {}
            b']' if text[at..].trim().is_empty() => return Ok(found),
            b']' => return Err(located("something follows the JSON value", text, at)),
            _ => return Err(located("a closing bracket does not match the open one", text, end)),
        }
    }
}

#[cfg(test)]
mod tests;
