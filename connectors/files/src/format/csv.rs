//! CSV as programs write it: cells that span several lines, quotes within cells, too many
//! separators.
//!
//! Mistakes are accepted if it is still clear where each cell begins and ends: a quote in the
//! middle of a cell is kept as a character, and text after a closing quote belongs to the cell.

use std::ops::Range;

use contract::{Mark, Reason, demand::QualityFlag};
use document::{Defects, malformed_detail};
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
    text::{DecodedFile, DecodedPart},
};

/// Opens a CSV file and reads its header.
pub(super) fn open(file: DecodedFile, options: &Options) -> Result<RowReader, FileError> {
    let (config, limit) = (options.config.csv.clone(), options.max_record_bytes);
    let mut records = Records { file, config, limit, n_lines: 0 };
    let header = find_header(&options.columns, || {
        let record = records.next()?;
        Ok(record.map(|record| record.cells.into_iter().map(|cell| cell.text).collect()))
    })?;
    Ok(Box::new(move || {
        let record = records.next()?;
        Ok(record.map(|record| raw_row(record, &header, records.file.charset.name())))
    }))
}

/// One CSV record. It spans several lines if a quoted cell does.
#[derive(Default)]
struct Record {
    /// Number of its first line.
    line: u64,
    /// All its lines.
    source: DecodedPart,
    cells: Vec<Cell>,
}

/// Reads the records of a CSV file.
struct Records {
    file: DecodedFile,
    config: CsvConfig,
    limit: usize,
    n_lines: u64,
}

impl Records {
    /// The next record that is not empty.
    fn next(&mut self) -> Result<Option<Record>, FileError> {
        loop {
            let Some(record) = self.next_or_empty()? else { return Ok(None) };
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

    /// The next record, which may be an empty line.
    fn next_or_empty(&mut self) -> Result<Option<Record>, FileError> {
        let mut record = Record { line: self.n_lines + 1, ..Record::default() };
        let mut splitter = Splitter::new(&self.config);
        loop {
            let Some(line) = self.file.next_line(self.limit)? else {
                if record.source.bytes.is_empty() {
                    return Ok(None);
                }
                let detail = format!("a quote in the record at line {} is not closed", record.line);
                return Err(FileError::content("unclosed_quote", detail));
            };
            self.n_lines += 1;
            let base = record.source.text.len();
            let (content, end) = split_line_end(&line.text);
            splitter.push_line(content, base);
            // Within quotes, the next line belongs to the same record.
            let is_open = splitter.state == State::Quoted;
            if is_open {
                splitter.cell.text.push_str(end);
            }
            append(&mut record.source, line);
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

/// The row of a record, with marks for malformed and replaced characters in its cells.
fn raw_row(record: Record, header: &Header, charset: &str) -> RawRow {
    let Record { line, source, mut cells } = record;
    // Empty cells at the end are not counted.
    let n_used_cells = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |at| at + 1);
    let (n_cells, n_columns) = (cells.len(), header.0.len());
    let damage = (n_cells < n_columns || n_used_cells > n_columns).then(|| {
        let detail = format!("the row has {n_cells} cells, but the header has {n_columns}");
        Reason::new("row_shape", detail)
    });
    cells.truncate(n_columns);

    let mut marks = Vec::new();
    let mut add_mark = |column: usize, flag: QualityFlag, detail: String| {
        let field = header.name(column).unwrap_or_default().to_owned();
        marks.push(Mark { field, flag, detail });
    };
    for (column, cell) in cells.iter().enumerate() {
        if !source.malformed.is_empty() && cell.text.contains(char::REPLACEMENT_CHARACTER) {
            let detail = malformed_detail(&source.malformed, charset);
            add_mark(column, QualityFlag::MalformedBytes, detail);
        }
    }
    for (column, cell) in cells.iter().enumerate() {
        let n_chars = source.repaired.iter().filter(|s| cell.span.contains(&s.offset)).count();
        if n_chars > 0 {
            let detail =
                format!("{n_chars} private-use characters were replaced with standard ones");
            add_mark(column, QualityFlag::RepairedText, detail);
        }
    }
    let tree = Value::Object(header.object(cells.into_iter().map(|cell| Value::String(cell.text))));
    let (at, bytes) = (format!("line {line}"), Some(source.bytes));
    RawRow { at, tree, bytes, defects: Defects { marks, damage }, ..RawRow::default() }
}

/// The separator that the first line declares for Excel: `sep=;`.
fn declared_delimiter(line: &str) -> Option<String> {
    let delimiter = split_line_end(line).0.strip_prefix("sep=")?;
    (delimiter.len() == 1).then(|| delimiter.to_owned())
}

/// The content of a line, and its line end.
fn split_line_end(line: &str) -> (&str, &str) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    (content, &line[content.len()..])
}

/// Appends a line to the lines of a record.
fn append(source: &mut DecodedPart, line: DecodedPart) {
    if source.bytes.is_empty() {
        *source = line;
        return;
    }
    let (n_bytes, n_text) = (source.bytes.len(), source.text.len());
    let shifted = |by: usize| move |span: Span| Span { offset: span.offset + by, ..span };
    source.malformed.extend(line.malformed.into_iter().map(shifted(n_bytes)));
    source.repaired.extend(line.repaired.into_iter().map(shifted(n_text)));
    source.bytes.extend_from_slice(&line.bytes);
    source.text.push_str(&line.text);
}

/// One cell, and its position in the text of its record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cell {
    text: String,
    span: Range<usize>,
    /// Length of the text up to the closing quote. The setting `trailing` removes nothing before
    /// it.
    quoted_len: usize,
}

/// Splits the lines of one record into cells.
struct Splitter<'a> {
    config: &'a CsvConfig,
    cells: Vec<Cell>,
    cell: Cell,
    state: State,
}

/// Where the splitter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    /// Within a cell, outside quotes.
    Plain,
    /// Within quotes.
    Quoted,
}

impl<'a> Splitter<'a> {
    fn new(config: &'a CsvConfig) -> Self {
        Self { config, cells: Vec::new(), cell: Cell::default(), state: State::CellStart }
    }

    /// Adds a line without its line end; it begins at `base` in the text of the record.
    fn push_line(&mut self, line: &str, base: usize) {
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
                        self.cell.quoted_len = self.cell.text.len();
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

    /// Returns all cells of the record, whose text ends at `end`.
    fn finish(mut self, end: usize) -> Vec<Cell> {
        let Cell { text, quoted_len, .. } = &mut self.cell;
        let kept = text.trim_end_matches(|c| self.config.trailing.contains(c)).len();
        text.truncate(kept.max(*quoted_len));
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
