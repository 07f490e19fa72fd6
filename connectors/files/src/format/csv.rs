//! CSV as programs write it: cells over several lines, quotes in the middle, too many separators.
//!
//! Mistakes are accepted where the cells are still clear: a quote in the middle of a cell is a quote,
//! and text after a closing quote belongs to the cell.

use std::ops::Range;

use contract::{Mark, Reason, demand::QualityFlag};
use document::{Verdict, malformed_detail};
use normalizer_text::Span;
use serde_json::Value;

use super::{
    RawRow, RowReader,
    header::{Header, find_header},
};
use crate::{
    config::CsvConfig,
    options::Options,
    spool::FileError,
    text::{Piece, Pieces},
};

/// Opens a CSV file and reads its header.
pub(super) fn open(pieces: Pieces, options: &Options) -> Result<RowReader, FileError> {
    let (config, limit) = (options.config.csv.clone(), options.max_record);
    let mut lines = Lines { pieces, config, limit, n_lines: 0 };
    let header = find_header(&options.columns, || {
        let record = lines.next()?;
        Ok(record.map(|record| record.cells.into_iter().map(|cell| cell.text).collect()))
    })?;
    Ok(Box::new(move || {
        let record = lines.next()?;
        Ok(record.map(|record| row(record, &header, lines.pieces.charset.name())))
    }))
}

/// The cells of one or more lines.
#[derive(Default)]
struct Record {
    /// Number of its first line.
    line: u64,
    /// Its lines, joined.
    source: Piece,
    cells: Vec<Cell>,
}

/// The lines of a CSV file, joined to records.
struct Lines {
    pieces: Pieces,
    config: CsvConfig,
    limit: usize,
    n_lines: u64,
}

impl Lines {
    /// The next record; empty lines are skipped.
    fn next(&mut self) -> Result<Option<Record>, FileError> {
        loop {
            let Some(record) = self.any_record()? else { return Ok(None) };
            if record.line == 1
                && let Some(delimiter) = declared_delimiter(&record.source.text)
            {
                self.config.delimiter = delimiter;
                continue;
            }
            if record.cells.iter().any(|cell| !cell.text.is_empty()) {
                return Ok(Some(record));
            }
        }
    }

    fn any_record(&mut self) -> Result<Option<Record>, FileError> {
        let mut record = Record { line: self.n_lines + 1, ..Record::default() };
        let mut splitter = Splitter::new(&self.config);
        loop {
            let Some(piece) = self.pieces.line(self.limit)? else {
                if record.source.bytes.is_empty() {
                    return Ok(None);
                }
                let detail = format!("a quote of line {} is never closed", record.line);
                return Err(FileError::content("unclosed_quote", detail));
            };
            self.n_lines += 1;
            let base = record.source.text.len();
            let (content, end) = without_end(&piece.text);
            splitter.line(content, base);
            // Within quotes, the next line belongs to the same record.
            let is_open = splitter.state == State::Quoted;
            if is_open {
                splitter.cell.text.push_str(end);
            }
            append(&mut record.source, piece);
            if record.source.bytes.len() >= self.limit {
                return Err(FileError::too_large(&format!("line {}", record.line), self.limit));
            }
            if !is_open {
                record.cells = splitter.finish(record.source.text.len());
                return Ok(Some(record));
            }
        }
    }
}

fn row(record: Record, header: &Header, charset: &str) -> RawRow {
    let Record { line, source, mut cells } = record;
    let n_cells = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |at| at + 1);
    let damage = (cells.len() < header.0.len() || n_cells > header.0.len()).then(|| {
        let detail = format!("{} cells, {} columns", cells.len(), header.0.len());
        Reason::new("row_shape", detail)
    });
    cells.truncate(header.0.len());

    let mut marks = Vec::new();
    let mut add_mark = |column: usize, flag: QualityFlag, detail: String| {
        marks.push(Mark {
            field: header.name(column).unwrap_or_default().to_owned(),
            flag,
            detail,
        });
    };
    for (column, cell) in cells.iter().enumerate() {
        if !source.malformed.is_empty() && cell.text.contains(char::REPLACEMENT_CHARACTER) {
            let detail = malformed_detail(&source.malformed, charset);
            add_mark(column, QualityFlag::MalformedBytes, detail);
        }
    }
    for (column, cell) in cells.iter().enumerate() {
        let is_in_cell = |span: &&Span| cell.span.contains(&span.offset);
        let n_repaired = source.repaired.iter().filter(is_in_cell).count();
        if n_repaired > 0 {
            let detail = format!("{n_repaired} private-use characters replaced by standard ones");
            add_mark(column, QualityFlag::RepairedText, detail);
        }
    }
    let tree = Value::Object(header.object(cells.into_iter().map(|cell| Value::String(cell.text))));
    let (at, bytes) = (format!("line {line}"), Some(source.bytes));
    RawRow { at, tree, bytes, verdict: Verdict { marks, damage }, ..RawRow::default() }
}

/// The separator, where the first line declares it for Excel: `sep=;`.
fn declared_delimiter(line: &str) -> Option<String> {
    let delimiter = without_end(line).0.strip_prefix("sep=")?;
    (delimiter.len() == 1).then(|| delimiter.to_owned())
}

/// A line and its end.
fn without_end(line: &str) -> (&str, &str) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    (content, &line[content.len()..])
}

fn append(source: &mut Piece, piece: Piece) {
    if source.bytes.is_empty() {
        *source = piece;
        return;
    }
    let (n_bytes, n_text) = (source.bytes.len(), source.text.len());
    let shifted = |by: usize| move |span: Span| Span { offset: span.offset + by, ..span };
    source.malformed.extend(piece.malformed.into_iter().map(shifted(n_bytes)));
    source.repaired.extend(piece.repaired.into_iter().map(shifted(n_text)));
    source.bytes.extend_from_slice(&piece.bytes);
    source.text.push_str(&piece.text);
}

/// One cell, and its position in the text of its record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cell {
    text: String,
    span: Range<usize>,
    /// Bytes of its text that were in quotes, which `trailing` does not remove.
    n_quoted: usize,
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
    CellStart,
    Plain,
    Quoted,
}

impl<'a> Splitter<'a> {
    fn new(config: &'a CsvConfig) -> Self {
        Self { config, cells: Vec::new(), cell: Cell::default(), state: State::CellStart }
    }

    /// Takes a line without its end; it begins at `base` in the record's text.
    fn line(&mut self, line: &str, base: usize) {
        let CsvConfig { delimiter, quote, .. } = self.config;
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            match self.state {
                State::CellStart if rest.starts_with(*quote) => {
                    self.state = State::Quoted;
                    at += quote.len_utf8();
                }
                State::CellStart => self.state = State::Plain,
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
                        self.cell.n_quoted = self.cell.text.len();
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
                    self.close_cell(base + at);
                }
            }
        }
    }

    /// All cells; the record ends at `end`.
    fn finish(mut self, end: usize) -> Vec<Cell> {
        let Cell { text, n_quoted, .. } = &mut self.cell;
        let kept = text.trim_end_matches(|c| self.config.trailing.contains(c)).len();
        text.truncate(kept.max(*n_quoted));
        self.close_cell(end);
        self.cells
    }

    fn close_cell(&mut self, end: usize) {
        self.cell.span.end = end;
        let next = Cell { span: end..end, ..Cell::default() };
        self.cells.push(std::mem::replace(&mut self.cell, next));
        self.state = State::CellStart;
    }
}

#[cfg(test)]
mod tests;
