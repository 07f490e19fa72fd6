//! Draws columns of text side by side on a terminal. A Chinese character takes two cells, long texts are
//! wrapped, and differences from the column before are marked.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::plain::{CHANGED, DOUBT, FAINT, PLAIN};

/// One row of the table; each cell may have several lines.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) raw: String,
    pub(super) decoded: String,
    pub(super) mapped: String,
    pub(super) notes: String,
}

const HEADINGS: [&str; 5] = ["field", "raw", "decoded", "mapped", "quality"];
/// Spaces between two columns.
const GAP: usize = 3;
/// Shares of the width, in percent.
const SHARES: [usize; 5] = [17, 25, 25, 20, 13];
/// Maximum number of lines of a cell.
const MAX_LINES: usize = 6;

/// Draws a table `width` cells wide, with colours. If the output is not a terminal, the colours are
/// removed, and only the sign ≠ marks a difference.
pub(super) fn draw(rows: &[Row], width: usize) -> String {
    let headings = HEADINGS.map(|heading| Cell::new(heading, FAINT));
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { name, raw, decoded, mapped, notes }| {
            [
                Cell::new(name, ""),
                Cell::new(raw, ""),
                Cell::diff(raw, decoded),
                Cell::new(mapped, ""),
                Cell::new(notes, DOUBT),
            ]
        })
        .collect();
    let needs = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&headings]).map(|cells| cells[column].width());
        cells.max().unwrap_or(0)
    });
    let widths = widths(needs, width.saturating_sub(GAP * (HEADINGS.len() - 1)));
    let mut drawn = draw_row(&headings, &widths);
    drawn.push_str(&"─".repeat(widths.iter().sum::<usize>() + GAP * (HEADINGS.len() - 1)));
    drawn.push('\n');
    rows.iter().for_each(|cells| drawn.push_str(&draw_row(cells, &widths)));
    drawn
}

/// The width of each column: the width it needs, or else its share of what the narrower columns leave.
fn widths(needs: [usize; 5], width: usize) -> [usize; 5] {
    let mut widths = [None; 5];
    loop {
        let unset: Vec<usize> = (0..5).filter(|column| widths[*column].is_none()).collect();
        let remaining = width.saturating_sub(widths.iter().flatten().sum());
        let shares: usize = unset.iter().map(|column| SHARES[*column]).sum();
        let share = |column: usize| remaining * SHARES[column] / shares.max(1);
        let fitting: Vec<_> =
            unset.iter().copied().filter(|column| needs[*column] <= share(*column)).collect();
        if fitting.is_empty() {
            return std::array::from_fn(|column| widths[column].unwrap_or(share(column)).max(8));
        }
        for column in fitting {
            widths[column] = Some(needs[column]);
        }
    }
}

/// A text, and the byte range of its coloured part.
struct Cell {
    text: String,
    marked: Range<usize>,
    colour: &'static str,
}

impl Cell {
    fn new(text: &str, colour: &'static str) -> Self {
        let marked = if colour.is_empty() { 0..0 } else { 0..text.len() };
        Self { text: text.to_owned(), marked, colour }
    }

    /// A text with a mark on the part that differs from `before`.
    fn diff(before: &str, text: &str) -> Self {
        if before == text {
            return Self::new("=", FAINT);
        }
        let n_common = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
            a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
        };
        let head = n_common(&mut before.chars(), &mut text.chars());
        let tail = n_common(&mut before[head..].chars().rev(), &mut text[head..].chars().rev());
        const DIFFERS: &str = "≠ ";
        let marked = DIFFERS.len() + head..DIFFERS.len() + text.len() - tail;
        Self { text: format!("{DIFFERS}{text}"), marked, colour: CHANGED }
    }

    /// Width of its longest line, in cells.
    fn width(&self) -> usize {
        self.text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
    }

    /// Wraps the text to a width: Chinese anywhere, other text between words if possible. Each character
    /// comes with whether it is coloured.
    fn wrap(&self, width: usize) -> Vec<Vec<(char, bool)>> {
        let mut lines = vec![Vec::new()];
        let mut used = 0;
        for (at, c) in self.text.char_indices() {
            // Of a source, it would begin a colour.
            let c = if c == '\u{1b}' { '␛' } else { c };
            let cells = c.width().unwrap_or(0);
            let is_full = used + cells > width;
            if c == '\n' || is_full {
                let word = if c == '\n' { Vec::new() } else { take_partial_word(&mut lines, c) };
                used = word.len();
                lines.push(word);
            }
            if c == '\n' || is_full && c == ' ' {
                continue;
            }
            used += cells;
            if let Some(line) = lines.last_mut() {
                line.push((c, self.marked.contains(&at)));
            }
        }
        if lines.len() > MAX_LINES {
            let n_more = lines.len() - MAX_LINES + 1;
            lines.truncate(MAX_LINES - 1);
            lines.push(format!("… {n_more} more lines").chars().map(|c| (c, false)).collect());
        }
        lines
    }
}

/// Removes the word that `next` continues from the end of the last line, and returns it. A word that
/// fills the whole line stays.
fn take_partial_word(lines: &mut [Vec<(char, bool)>], next: char) -> Vec<(char, bool)> {
    let Some(line) = lines.last_mut() else { return Vec::new() };
    let is_in_word = |c: char| c.is_ascii() && c != ' ';
    let begin = line.iter().rposition(|(c, _)| !is_in_word(*c)).map_or(0, |before| before + 1);
    if begin == 0 || !is_in_word(next) { Vec::new() } else { line.split_off(begin) }
}

/// Draws a row with as many lines as its longest cell has.
fn draw_row(cells: &[Cell; 5], widths: &[usize; 5]) -> String {
    let wrapped: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| cell.wrap(*width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let mut drawn = String::new();
    for index in 0..height {
        for ((cell, lines), width) in cells.iter().zip(&wrapped).zip(widths) {
            let line = lines.get(index).map_or(&[][..], Vec::as_slice);
            drawn.push_str(&coloured(line, cell.colour));
            let used: String = line.iter().map(|(c, _)| *c).collect();
            drawn.push_str(&" ".repeat(width.saturating_sub(used.width()) + GAP));
        }
        drawn.truncate(drawn.trim_end().len());
        drawn.push('\n');
    }
    drawn
}

fn coloured(line: &[(char, bool)], colour: &str) -> String {
    let mut text = String::new();
    let mut is_on = false;
    for (c, is_marked) in line {
        if *is_marked != is_on {
            text.push_str(if *is_marked { colour } else { PLAIN });
            is_on = *is_marked;
        }
        text.push(*c);
    }
    if is_on {
        text.push_str(PLAIN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn changes_by_cleaning_are_marked_and_chinese_stays_aligned() {
        let line = Row {
            name: "RQSTTITLE\n→ title".into(),
            raw: "夜间␀施工".into(),
            decoded: "夜间施工".into(),
            mapped: "夜间施工".into(),
            notes: "control_characters".into(),
        };
        let drawn = draw(&[line], 112);
        assert!(drawn.contains("≠ 夜间施工"), "{drawn}");
        let hostile = Row { decoded: "\u{1b}[31m红".into(), ..Row::default() };
        assert!(plain(&draw(&[hostile], 112)).contains("≠ ␛[31m红"));
        let text = plain(&drawn);
        let lines: Vec<_> = text.lines().collect();
        let column = |line: &str, word: &str| line[..line.find(word).unwrap()].width();
        assert_eq!(column(lines[0], "decoded"), column(lines[2], "≠"));
        assert_eq!(column(lines[0], "quality"), column(lines[2], "control"));
        assert!(lines.iter().all(|line| line.width() <= 112), "{text}");
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        let line = Row { raw: "字".repeat(1_000), decoded: "字".repeat(1_000), ..Row::default() };
        let drawn = plain(&draw(&[line], 100));
        assert_eq!(drawn.lines().count(), 2 + MAX_LINES);
        assert!(drawn.contains("more lines"), "{drawn}");
    }

    #[test]
    fn text_wraps_between_words_and_text_without_spaces_anywhere() {
        let wrapped = |text: &str| {
            let lines = Cell::new(text, "").wrap(10);
            lines.iter().map(|l| l.iter().map(|(c, _)| *c).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(wrapped("at bytes 0 to 27"), ["at bytes 0", "to 27"]);
        assert_eq!(wrapped("read as gb18030"), ["read as ", "gb18030"]);
        assert_eq!(wrapped("诉求内容诉求"), ["诉求内容诉", "求"]);
        assert_eq!(wrapped("utf8_read_as_gb18030"), ["utf8_read_", "as_gb18030"]);
        assert_eq!(wrapped("电话138****4567"), ["电话", "138****456", "7"]);
    }

    #[test]
    fn the_differing_part_is_marked_alone() {
        let cell = Cell::diff("a&nbsp;b", "a b");
        assert_eq!(&cell.text[cell.marked.clone()], " ");
        assert_eq!(Cell::diff("x", "x").text, "=");
    }
}
