//! How problems look on a terminal.
//!
//! Columns are counted in characters, as editors do, but a Chinese character fills two cells: the
//! caret is placed by cells, else it would point left of what it means.

use std::fmt;

use crate::problem::{Problem, Problems, Suggestion, TextPlace};

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.as_slice() {
            writeln!(f, "{problem}")?;
        }
        let (count, files) = (self.as_slice().len(), self.files());
        write!(f, "{count} {} in {files} {}", plural("problem", count), plural("file", files))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => writeln!(f, "{}: {}", self.file, self.message)?,
            Some(place) => {
                writeln!(f, "{}:{}:{}: {}", self.file, place.line, place.column, self.message)?;
                writeln!(f, "{:>5} | {}", place.line, place.snippet)?;
                writeln!(f, "      | {}", underline(place))?;
            }
        }
        match &self.suggestion {
            None => Ok(()),
            Some(Suggestion::Replace { text, .. }) => {
                writeln!(f, "      = did you mean `{text}`?")
            }
            Some(Suggestion::Advice { text }) => writeln!(f, "      = {text}"),
        }
    }
}

/// Blanks up to the marked part, carets under it.
fn underline(place: &TextPlace) -> String {
    let (start, end) = place.marked;
    // A tab stays a tab: only the terminal knows how wide it is.
    let mut line: String = place.snippet[..start]
        .chars()
        .flat_map(|c| if c == '\t' { vec!['\t'] } else { vec![' '; cells(c)] })
        .collect();
    let width: usize = place.snippet[start..end].chars().map(cells).sum();
    line.push_str(&"^".repeat(width.max(1)));
    line
}

/// Cells of a terminal that a character fills: two in the blocks of Chinese, Japanese and Korean
/// text, of full-width forms and of emoji (Unicode Standard Annex 11, by block).
fn cells(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
