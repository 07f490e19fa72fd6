//! Lines into cells.
//!
//! Lenient where a cell can still be told from its neighbours: a quote in the middle of a cell is a
//! quote, text behind a closing quote belongs to the cell.

use std::ops::Range;

use crate::plan::CsvPlan;

/// One cell, and where it stands in the text of its record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    /// So much of it stood in quotes.
    quoted: usize,
}

/// The cells of one record, line by line.
pub(super) struct Splitter<'a> {
    plan: &'a CsvPlan,
    cells: Vec<Cell>,
    cell: Cell,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Fresh,
    Plain,
    Quoted,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(plan: &'a CsvPlan) -> Self {
        Self { plan, cells: Vec::new(), cell: Cell::default(), state: State::Fresh }
    }

    /// Takes a line without its end; it stands at `base` in the record's text.
    pub(super) fn line(&mut self, line: &str, base: usize) {
        let CsvPlan { delimiter, quote, .. } = self.plan;
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            match self.state {
                State::Fresh if rest.starts_with(*quote) => {
                    self.state = State::Quoted;
                    at += quote.len_utf8();
                }
                State::Fresh => self.state = State::Plain,
                State::Quoted => {
                    let Some(end) = rest.find(*quote) else {
                        self.cell.text.push_str(rest);
                        return;
                    };
                    self.cell.text.push_str(&rest[..end]);
                    at += end + quote.len_utf8();
                    if line[at..].starts_with(*quote) {
                        self.cell.text.push(*quote);
                        at += quote.len_utf8();
                    } else {
                        self.cell.quoted = self.cell.text.len();
                        self.state = State::Plain;
                    }
                }
                State::Plain => {
                    let Some(end) = rest.find(delimiter.as_str()) else {
                        self.cell.text.push_str(rest);
                        return;
                    };
                    self.cell.text.push_str(&rest[..end]);
                    at += end + delimiter.len();
                    self.close(base + at);
                }
            }
        }
    }

    /// Whether the next line belongs to the same record.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// The end of a line that stands in quotes.
    pub(super) fn line_end(&mut self, end: &str) {
        self.cell.text.push_str(end);
    }

    /// All cells; `end` is where the record ends.
    pub(super) fn finish(mut self, end: usize) -> Vec<Cell> {
        let Cell { text, quoted, .. } = &mut self.cell;
        let kept = text.trim_end_matches(|c| self.plan.trailing.contains(c)).len();
        text.truncate(kept.max(*quoted));
        self.close(end);
        self.cells
    }

    fn close(&mut self, end: usize) {
        self.cell.span.end = end;
        let next = Cell { span: end..end, ..Cell::default() };
        self.cells.push(std::mem::replace(&mut self.cell, next));
        self.state = State::Fresh;
    }
}
