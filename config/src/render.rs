//! Formats problems for a terminal.
//!
//! Column numbers count characters, as in editors. The carets are placed by terminal cells, because a
//! Chinese character takes two of them.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::problem::{Problem, Problems, Suggestion, TextPlace};

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.as_slice() {
            writeln!(f, "{problem}")?;
        }
        let (count, files) = (self.as_slice().len(), self.n_files());
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

/// The line below a snippet: spaces up to the marked part, then carets.
fn underline(place: &TextPlace) -> String {
    let (start, end) = place.marked;
    // A tab stays a tab: only the terminal knows how wide it is.
    let mut line: String = place.snippet[..start]
        .chars()
        .flat_map(|c| if c == '\t' { vec!['\t'] } else { vec![' '; c.width().unwrap_or(1)] })
        .collect();
    line.push_str(&"^".repeat(place.snippet[start..end].width().max(1)));
    line
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
