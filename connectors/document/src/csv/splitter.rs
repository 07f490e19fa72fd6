//! Splits the lines of a record into cells.

use std::ops::Range;

use super::layout::CsvConfig;

/// The cells of a record, and whether their quotes follow the rules.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    /// Whether a quote breaks the rules, but it is clear where each cell begins and ends.
    pub(super) is_doubtful: bool,
    /// Whether a quote breaks the rules, and it is not clear where a cell ends.
    pub(super) is_damaged: bool,
}

/// One cell, and its position in the text of its record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    /// Length of the text up to the closing quote. The setting `trailing` removes nothing before
    /// it.
    quoted_len: usize,
    /// Whether quotes in it break the rules, so that it may have too many or too few of them.
    pub(super) is_literal: bool,
}

impl Cell {
    /// Removes what programs put around a number so that Excel keeps its digits: `="…"`, `'` or tabs;
    /// and the zero bytes that fill up a column.
    pub(super) fn remove_protection(&mut self) {
        let text = self.text.trim_matches(['\t', '\0']);
        if text.len() < self.text.len() {
            self.text = text.to_owned();
        }
        if let Some(inner) = unprotected(&self.text) {
            self.text = inner.to_owned();
        }
    }
}

/// Splits a record whose lines are passed one by one.
pub(super) struct Splitter<'a> {
    config: &'a CsvConfig,
    /// Whether a record ends at the line end, even within quotes.
    is_one_line: bool,
    found: Cells,
    cell: Cell,
    state: State,
    /// The offset at which the cell begins in its line; `None` if it began in an earlier line.
    start: Option<usize>,
    /// Whether a quoted cell was read literally, because a quote in it breaks the rules.
    has_literal_cell: bool,
}

/// Where the splitter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    /// Within a cell, outside quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// After the closing quote.
    Closed,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(config: &'a CsvConfig, is_one_line: bool) -> Self {
        let (found, cell, state) = (Cells::default(), Cell::default(), State::CellStart);
        Self { config, is_one_line, found, cell, state, start: Some(0), has_literal_cell: false }
    }

    /// The cells of a line that is a whole record.
    pub(super) fn line(config: &'a CsvConfig, line: &str) -> Cells {
        let mut splitter = Self::new(config, true);
        splitter.push_line(line, 0);
        splitter.finish(line.len())
    }

    /// Whether the record goes on in the next line.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Whether a quoted cell was read literally, because a quote in it breaks the rules.
    pub(super) fn has_literal_cell(&self) -> bool {
        self.has_literal_cell
    }

    /// Adds a line; it begins at `base` in the text of the record.
    pub(super) fn push_line(&mut self, line: &str, base: usize) {
        let CsvConfig { delimiter, quote, .. } = self.config;
        let (line, line_end) = split_line_end(line);
        let mut at = 0;
        if self.state == State::Quoted {
            self.start = None;
        }
        loop {
            let rest = &line[at..];
            match self.state {
                State::CellStart => {
                    self.start = Some(at);
                    let n_blanks = rest.len() - self.without_blanks(rest).len();
                    let is_quoted = rest[n_blanks..].starts_with(*quote);
                    self.state = if is_quoted { State::Quoted } else { State::Plain };
                    at += if is_quoted { n_blanks + quote.len_utf8() } else { 0 };
                }
                State::Quoted => match rest.find(*quote) {
                    None if self.is_one_line => {
                        self.found.is_damaged = true;
                        at = self.read_literally(line);
                    }
                    None => {
                        self.cell.text.push_str(rest);
                        self.cell.text.push_str(line_end);
                        return;
                    }
                    Some(end) => {
                        self.cell.text.push_str(&rest[..end]);
                        at += end + quote.len_utf8();
                        if line[at..].starts_with(*quote) {
                            self.cell.text.push(*quote);
                            at += quote.len_utf8();
                        } else if self.is_closing(&line[at..]) {
                            self.cell.quoted_len = self.cell.text.len();
                            self.state = State::Closed;
                        } else {
                            at = self.read_literally(line);
                        }
                    }
                },
                State::Plain | State::Closed => {
                    let end = rest.find(delimiter.as_str());
                    let text = &rest[..end.unwrap_or(rest.len())];
                    if self.state == State::Plain {
                        self.cell.text.push_str(text);
                        self.found.is_doubtful |= text.matches(*quote).count() % 2 == 1;
                    }
                    let Some(end) = end else { return };
                    at += end + delimiter.len();
                    self.close_cell(base + at);
                }
            }
        }
    }

    /// Returns all cells of the record, whose text ends at `end`.
    pub(super) fn finish(mut self, end: usize) -> Cells {
        let Cell { text, quoted_len, .. } = &mut self.cell;
        let kept = text.trim_end_matches(|c| self.config.trailing.contains(c)).len();
        text.truncate(kept.max(*quoted_len));
        self.close_cell(end);
        // Quotes break the rules in two cells: the separator between them may belong to one cell.
        self.found.is_damaged |= self.has_literal_cell && self.found.is_doubtful;
        self.found.is_doubtful |= self.has_literal_cell;
        self.found
    }

    /// Whether a quote before `rest` closes its cell: the cell ends there, except for blanks.
    fn is_closing(&self, rest: &str) -> bool {
        let rest = self.without_blanks(rest);
        rest.starts_with(self.config.delimiter.as_str())
            || rest.trim_end_matches(|c| self.config.trailing.contains(c)).is_empty()
    }

    /// A text without the blanks before it. A separator is no blank.
    fn without_blanks<'t>(&self, text: &'t str) -> &'t str {
        let delimiter = self.config.delimiter.as_str();
        text.trim_start_matches(|c| matches!(c, ' ' | '\t') && !delimiter.starts_with(c))
    }

    /// Reads a cell up to the next separator, because a quote in it breaks the rules: the program
    /// that wrote it does not know them. Returns the offset of its end in `line`.
    fn read_literally(&mut self, line: &str) -> usize {
        self.has_literal_cell = true;
        self.cell.is_literal = true;
        self.state = State::Closed;
        // It began in an earlier line: the caller takes the first line alone, and reads the others again.
        let Some(start) = self.start else { return line.len() };
        let rest = &line[start..];
        let text = &rest[..rest.find(self.config.delimiter.as_str()).unwrap_or(rest.len())];
        let quote = self.config.quote;
        let trimmed = text.trim_matches([' ', '\t']);
        let inner = trimmed.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
        let is_balanced = trimmed.matches(quote).count().is_multiple_of(2);
        // `"jo"e"` is jo"e, and `"jo"e` is itself.
        let written = inner.filter(|_| !is_balanced).unwrap_or(trimmed);
        self.cell.text = written.replace(&format!("{quote}{quote}"), &quote.to_string());
        self.found.is_damaged |= inner.is_none() && !is_balanced;
        start + text.len()
    }

    fn close_cell(&mut self, end: usize) {
        self.cell.span.end = end;
        let next = Cell { span: end..end, ..Cell::default() };
        self.found.cells.push(std::mem::replace(&mut self.cell, next));
        self.state = State::CellStart;
    }
}

/// A text without what some programs put around it so that Excel keeps it: `="00123"`, or `'` before an
/// id. `None` if there is nothing to remove.
pub fn unprotected(text: &str) -> Option<&str> {
    let text = text.trim();
    let formula = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    let is_id = |text: &&str| {
        text.contains(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))
    };
    let quoted = formula.filter(|text| !text.contains('"'));
    quoted.or_else(|| text.strip_prefix('\'').filter(is_id))
}

/// The content of a line, and its line end.
fn split_line_end(line: &str) -> (&str, &str) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    (content, &line[content.len()..])
}
