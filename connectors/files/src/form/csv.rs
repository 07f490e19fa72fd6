//! CSV as programs write it: cells over several lines, quotes in the middle, too many separators.
//!
//! Lenient where the cells are still clear: a quote in the middle of a cell is a quote, text after a
//! closing quote belongs to the cell.

use std::ops::Range;

use contract::{Mark, Reason, demand::QualityFlag};
use document::malformed_detail;
use normalizer_text::Span;
use serde_json::Value;

use super::{
    RawRow, RowReader,
    header::{Header, find_header},
};
use crate::{
    config::CsvConfig,
    options::Options,
    spool::Broken,
    text::{Piece, Pieces},
};

/// The records of a CSV file.
pub(super) struct Csv {
    lines: Lines,
    header: Header,
}

/// The cells of one or more lines.
#[derive(Default)]
struct Record {
    /// Number of its first line.
    line: u64,
    whole: Piece,
    cells: Vec<Cell>,
}

struct Lines {
    pieces: Pieces,
    config: CsvConfig,
    limit: usize,
    n_lines: u64,
}

impl Csv {
    pub(super) fn open(pieces: Pieces, options: &Options) -> Result<Self, Broken> {
        let mut lines = Lines {
            pieces,
            config: options.config.csv.clone(),
            limit: options.max_record,
            n_lines: 0,
        };
        let header = find_header(&options.columns, || {
            let record = lines.next()?;
            Ok(record.map(|record| record.cells.into_iter().map(|cell| cell.text).collect()))
        })?;
        Ok(Self { lines, header })
    }
}

impl RowReader for Csv {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        let record = self.lines.next()?;
        Ok(record.map(|record| row(record, &self.header, self.lines.pieces.charset().name())))
    }
}

impl Lines {
    /// The next record; empty lines are skipped.
    fn next(&mut self) -> Result<Option<Record>, Broken> {
        loop {
            let Some(record) = self.record()? else { return Ok(None) };
            if record.line == 1
                && let Some(delimiter) = named_delimiter(&record.whole.text)
            {
                self.config.delimiter = delimiter;
                continue;
            }
            if record.cells.iter().any(|cell| !cell.text.is_empty()) {
                return Ok(Some(record));
            }
        }
    }

    fn record(&mut self) -> Result<Option<Record>, Broken> {
        let mut record = Record { line: self.n_lines + 1, ..Record::default() };
        let mut splitter = Splitter::new(&self.config);
        loop {
            let Some(piece) = self.pieces.line(self.limit)? else {
                if record.whole.bytes.is_empty() {
                    return Ok(None);
                }
                let detail = format!("a quote of line {} is never closed", record.line);
                return Err(Broken::content("unclosed_quote", detail));
            };
            self.n_lines += 1;
            let base = record.whole.text.len();
            let (content, end) = without_end(&piece.text);
            splitter.line(content, base);
            let is_open = splitter.is_open();
            if is_open {
                splitter.line_end(end);
            }
            append(&mut record.whole, piece);
            if record.whole.bytes.len() >= self.limit {
                return Err(Broken::too_large(&format!("line {}", record.line), self.limit));
            }
            if !is_open {
                record.cells = splitter.finish(record.whole.text.len());
                return Ok(Some(record));
            }
        }
    }
}

fn row(record: Record, header: &Header, charset: &str) -> RawRow {
    let Record { line, whole, mut cells } = record;
    let n_cells = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |at| at + 1);
    let problem = (cells.len() < header.len() || n_cells > header.len()).then(|| {
        let detail = format!("{} cells, {} columns", cells.len(), header.len());
        Reason::new("row_shape", detail)
    });
    cells.truncate(header.len());

    let mark = |place: usize, flag: QualityFlag, detail: String| Mark {
        field: header.name(place).unwrap_or_default().to_owned(),
        flag,
        detail,
    };
    let malformed = if whole.malformed.is_empty() {
        Vec::new()
    } else {
        let detail = malformed_detail(&whole.malformed, charset);
        let damaged = cells.iter().enumerate();
        let damaged = damaged.filter(|(_, cell)| cell.text.contains(char::REPLACEMENT_CHARACTER));
        damaged.map(|(place, _)| mark(place, QualityFlag::MalformedBytes, detail.clone())).collect()
    };
    let marks = cells.iter().enumerate().filter_map(|(place, cell)| {
        let here = |span: &&Span| cell.span.contains(&span.offset);
        let n_moved = whole.moved.iter().filter(here).count();
        let detail = format!("{n_moved} private-use characters replaced by standard ones");
        (n_moved > 0).then(|| mark(place, QualityFlag::RepairedText, detail))
    });
    let marks = marks.collect();
    let tree = Value::Object(header.object(cells.into_iter().map(|cell| Value::String(cell.text))));
    let (at, bytes) = (format!("line {line}"), Some(whole.bytes));
    RawRow { at, tree, bytes, malformed, marks, problem, ..RawRow::default() }
}

/// The separator, where the first line tells it to Excel: `sep=;`.
fn named_delimiter(line: &str) -> Option<String> {
    let delimiter = without_end(line).0.strip_prefix("sep=")?;
    (delimiter.len() == 1).then(|| delimiter.to_owned())
}

/// A line and its end.
fn without_end(line: &str) -> (&str, &str) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    (content, &line[content.len()..])
}

fn append(whole: &mut Piece, piece: Piece) {
    if whole.bytes.is_empty() {
        *whole = piece;
        return;
    }
    let (n_bytes, n_text) = (whole.bytes.len(), whole.text.len());
    let shifted = |by: usize| move |span: Span| Span { offset: span.offset + by, ..span };
    whole.malformed.extend(piece.malformed.into_iter().map(shifted(n_bytes)));
    whole.moved.extend(piece.moved.into_iter().map(shifted(n_text)));
    whole.bytes.extend_from_slice(&piece.bytes);
    whole.text.push_str(&piece.text);
}

/// One cell, and its place in the text of its record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cell {
    text: String,
    span: Range<usize>,
    /// How much of it was in quotes.
    quoted: usize,
}

/// The cells of one record, line by line.
struct Splitter<'a> {
    config: &'a CsvConfig,
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
    fn new(config: &'a CsvConfig) -> Self {
        Self { config, cells: Vec::new(), cell: Cell::default(), state: State::Fresh }
    }

    /// Takes a line without its end; it begins at `base` in the record's text.
    fn line(&mut self, line: &str, base: usize) {
        let CsvConfig { delimiter, quote, .. } = self.config;
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
    fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// The end of a line within quotes.
    fn line_end(&mut self, end: &str) {
        self.cell.text.push_str(end);
    }

    /// All cells; the record ends at `end`.
    fn finish(mut self, end: usize) -> Vec<Cell> {
        let Cell { text, quoted, .. } = &mut self.cell;
        let kept = text.trim_end_matches(|c| self.config.trailing.contains(c)).len();
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

#[cfg(test)]
mod tests;
