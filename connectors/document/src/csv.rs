//! CSV as programs write it: cells that span several lines, quotes within cells, too many
//! separators.
//!
//! A quote that is not doubled may swallow the rows after it, and then one record holds parts of
//! two. So a cell spans lines only if its quotes follow the rules of RFC 4180; where a quote breaks
//! them, its first line is a row of its own, and the lines after it are read again. The row with the
//! quote is rejected unless its cells are clear.

mod layout;
mod lines;
mod shape;
mod splitter;
mod tree;

use std::{collections::VecDeque, sync::Arc};

use contract::{FieldFlag, Reason, demand::QualityFlag};
use normalizer_text::Span;
use serde_json::Value;

pub(crate) use self::tree::parse;
pub use self::tree::table_bytes;
pub use self::{
    layout::{CsvConfig, Layout},
    lines::{DecodedPart, FileError, Lines, REPLACED_CHARACTERS},
    splitter::unprotected,
};
use self::{
    shape::{RowShape, are_alike},
    splitter::{Cell, Cells, Splitter},
};
use crate::{
    Defects,
    findings::malformed_detail,
    header::{Columns, Header, TableRow, find_header, is_blank},
};

/// The separators that are tried if the header is not found with the configured one.
const DELIMITERS: [&str; 4] = [",", ";", "\t", "|"];

/// Opens a CSV text and reads its header. `open_lines` opens its lines from the beginning; they are in
/// `charset`.
///
/// # Errors
/// The text has no header, or its lines cannot be read.
pub fn open<'a>(
    open_lines: impl Fn() -> Lines<'a>,
    charset: &'static str,
    layout: &Layout,
) -> Result<Rows<'a>, FileError> {
    let rows = |records: Records<'a>, header: Header, above| {
        let shape = RowShape::new(&header, layout);
        let records = Records { shape: Some(shape.clone()), ..records };
        let (columns, is_whole, next) = (layout.columns.clone(), layout.is_whole, None);
        Rows { records, columns, header, shape, charset, is_whole, above, next }
    };
    let configured = layout.csv.delimiter.as_str();
    if let Some(names) = &layout.csv.header {
        let header = layout.columns.header(names).map_err(FileError::Content)?;
        let records = Records::new(open_lines(), layout.csv.clone(), layout.max_record_bytes);
        return Ok(rows(records, header, VecDeque::new()));
    }
    let others = DELIMITERS.into_iter().filter(|delimiter| *delimiter != configured);
    let mut first_error = None;
    for delimiter in [configured].into_iter().chain(others) {
        let config = CsvConfig { delimiter: delimiter.to_owned(), ..layout.csv.clone() };
        let mut records = Records::new(open_lines(), config, layout.max_record_bytes);
        let found = find_header(&layout.columns, || {
            let record = records.next()?;
            Ok(record.map(|record| {
                let at = format!("line {}", record.line);
                (at, record.cells.into_iter().map(|cell| cell.text).collect())
            }))
        });
        match found {
            Ok((header, above)) => {
                check_separator(&header)?;
                return Ok(rows(records, header, above));
            }
            Err(FileError::Content(reason)) => first_error = first_error.or(Some(reason)),
            Err(disk) => return Err(disk),
        }
    }
    let reason = first_error.unwrap_or_else(|| Reason::new("unknown_header", "it has no header"));
    Err(FileError::Content(reason))
}

/// Refuses a header of one column whose name contains a separator.
fn check_separator(header: &Header) -> Result<(), FileError> {
    let name = header.name(0).filter(|_| header.n_columns() == 1).unwrap_or_default();
    match DELIMITERS.into_iter().find(|delimiter| name.contains(delimiter)) {
        None => Ok(()),
        Some(delimiter) => {
            let detail = format!(
                "the header has one column, but contains {delimiter:?}: set `csv.delimiter`"
            );
            Err(FileError::content("unknown_header", detail))
        }
    }
}

/// Turns records into rows.
pub struct Rows<'a> {
    records: Records<'a>,
    columns: Columns,
    header: Header,
    shape: RowShape,
    charset: &'static str,
    is_whole: bool,
    /// The rows above the header that were not returned yet.
    above: VecDeque<TableRow>,
    /// What was read ahead.
    next: Option<Result<Option<Row>, FileError>>,
}

/// A row, the number of its cells, and the text in the column of the key.
struct Row {
    raw: TableRow,
    n_cells: usize,
    key: String,
}

impl Rows<'_> {
    /// The number of columns of the header.
    pub(crate) fn n_columns(&self) -> usize {
        self.header.n_columns()
    }

    /// The next row. If a line end within a cell has broken a row in two, both parts are rejected.
    ///
    /// # Errors
    /// The text was cut, has another header, or cannot be read.
    pub fn next_row(&mut self) -> Result<Option<TableRow>, FileError> {
        if let Some(row) = self.above.pop_front() {
            return Ok(Some(row));
        }
        let row = self.next.take().unwrap_or_else(|| self.read())?;
        let Some(mut row) = row else { return Ok(None) };
        if row.n_cells < self.shape.n_columns && row.raw.defects.damage.is_none() {
            let mut next = self.read();
            // The broken cell is counted in both parts. If the next row has a key like this one's, it is a row
            // and not a part.
            if let Ok(Some(rest)) = &mut next
                && row.n_cells + rest.n_cells == self.shape.n_columns + 1
                && !are_alike(&row.key, &rest.key)
            {
                let detail = "a line end within a cell broke a row in two";
                let reason = || Reason::new("row_shape", detail);
                row.raw.defects.damage = Some(reason());
                rest.raw.defects.damage.get_or_insert_with(reason);
            }
            self.next = Some(next);
        }
        Ok(Some(row.raw))
    }

    fn read(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            let Some(record) = self.records.next()? else { return Ok(None) };
            let texts = record.cells.iter().map(|cell| cell.text.as_str());
            // Exports that were joined repeat the header.
            match self.columns.repeats_header(&self.header, texts) {
                Some(true) => continue,
                Some(false) => {
                    let detail = format!("line {} is another header", record.line);
                    return Err(FileError::content("second_header", detail));
                }
                None => {}
            }
            let (n_cells, key) = (record.cells.len(), self.shape.key_text(&record.cells));
            let may_be_cut = self.may_be_cut(&record.source.text);
            let mut raw = table_row(record, &self.header, &self.shape, self.charset);
            if may_be_cut {
                let field = self.header.names.iter().flatten().next_back();
                let (field, flag) = (field.cloned().unwrap_or_default(), QualityFlag::Damaged);
                let detail = "the file ends here without a line end: it may have been cut off";
                raw.defects.flags.push(FieldFlag { field, flag, detail: detail.to_owned() });
            }
            return Ok(Some(Row { raw, n_cells, key }));
        }
    }

    /// Whether the file may have been cut off in this record, as in an upload that was interrupted.
    fn may_be_cut(&self, text: &str) -> bool {
        !self.is_whole && !text.ends_with(['\r', '\n', '\u{1A}', self.records.config.quote])
    }
}

/// One CSV record. It spans several lines if a quoted cell does.
#[derive(Default)]
struct Record {
    /// Number of its first line.
    line: u64,
    /// All its lines.
    source: DecodedPart,
    cells: Vec<Cell>,
    /// Whether a quote in it breaks the rules, but its cells are clear.
    is_doubtful: bool,
    damage: Option<Reason>,
}

/// A line that is still to be read as a record.
struct Line {
    number: u64,
    part: DecodedPart,
    /// The line of a record that may be several rows; it is rejected.
    is_suspect: bool,
    /// Whether `part` is only its beginning, because it is larger than a record may be.
    is_too_large: bool,
}

/// Reads the records of a CSV file.
struct Records<'a> {
    lines: Lines<'a>,
    config: Arc<CsvConfig>,
    limit: usize,
    n_lines: u64,
    /// Lines that were read as part of a record and are to be read again.
    pending: VecDeque<Line>,
    /// What a row looks like; `None` until the header was found.
    shape: Option<RowShape>,
}

impl<'a> Records<'a> {
    fn new(lines: Lines<'a>, config: CsvConfig, limit: usize) -> Self {
        let (config, pending) = (Arc::new(config), VecDeque::new());
        Self { lines, config, limit, n_lines: 0, pending, shape: None }
    }

    /// The next record that is not empty.
    fn next(&mut self) -> Result<Option<Record>, FileError> {
        loop {
            let Some(record) = self.next_or_empty()? else { return Ok(None) };
            if record.line == 1
                && let Some(delimiter) = declared_delimiter(&record.source.text)
            {
                self.config = Arc::new(CsvConfig { delimiter, ..CsvConfig::clone(&self.config) });
                continue;
            }
            if record.damage.is_some() || record.cells.iter().any(|cell| !is_blank(&cell.text)) {
                return Ok(Some(record));
            }
            // An old program ends its file with a single one.
            let line = record.source.text.trim_end_matches(['\r', '\n']);
            if line.len() > 1 && line.bytes().all(|byte| byte == 0) {
                let detail = format!(
                    "line {} has zero bytes in place of a row: the file was reserved, and copied only in part",
                    record.line
                );
                return Err(FileError::content("truncated", detail));
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, FileError> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(Some(line));
        }
        let Some(mut part) = (self.lines)(self.limit)? else { return Ok(None) };
        self.n_lines += 1;
        let is_too_large = part.is_cut;
        while part.is_cut {
            let Some(rest) = (self.lines)(self.limit)? else { break };
            part.is_cut = rest.is_cut;
        }
        Ok(Some(Line { number: self.n_lines, part, is_suspect: false, is_too_large }))
    }

    /// The next record, which may be an empty line.
    fn next_or_empty(&mut self) -> Result<Option<Record>, FileError> {
        let Some(mut first) = self.next_line()? else { return Ok(None) };
        // Files that were joined have byte order marks in the middle.
        if let Some(text) = first.part.text.strip_prefix('\u{FEFF}') {
            let (text, len) = (text.to_owned(), first.part.text.len() - text.len());
            first.part.text = text;
            first.part.repaired.iter_mut().for_each(|span| span.offset -= len);
        }
        if first.is_suspect || first.is_too_large {
            return Ok(Some(self.single_line(first)));
        }
        let config = Arc::clone(&self.config);
        let mut splitter = Splitter::new(&config, false);
        let (number, mut lines, mut n_text, mut n_bytes) = (first.number, Vec::new(), 0, 0);
        let mut next = Some(first);
        // Whether these lines cannot be one record. The first is then read again, alone. A single line with a
        // literal cell is read only once: the splitter has said what is wrong with its quotes.
        let is_not_one_record = loop {
            let Some(line) = next else { break true };
            if line.is_too_large {
                lines.push(line);
                break true;
            }
            n_bytes += line.part.bytes.len();
            splitter.push_line(&line.part.text, n_text);
            n_text += line.part.text.len();
            lines.push(line);
            // Lines whose quote is not closed within the size of a record cannot be one either.
            if (splitter.has_literal_cell() || n_bytes >= self.limit) && lines.len() > 1 {
                break true;
            }
            if !splitter.is_open() {
                break false;
            }
            // Within quotes, the next line belongs to the record.
            next = self.next_line()?;
        };
        let cells = splitter.finish(n_text);
        let line_cells = |line: &Line| Splitter::line(&config, &line.part.text).cells;
        let is_ambiguous = match (&self.shape, &lines[..]) {
            (Some(shape), [first, others @ ..]) if !is_not_one_record && !others.is_empty() => {
                let others = others.iter().map(line_cells);
                !shape.is_one_row(&cells.cells, &line_cells(first), others)
            }
            _ => false,
        };
        if is_not_one_record || is_ambiguous {
            // Lines of a cell that is larger than a record may look like records.
            let is_endless =
                n_bytes >= self.limit || lines.last().is_some_and(|line| line.is_too_large);
            lines.iter_mut().for_each(|line| line.is_suspect |= is_ambiguous || is_endless);
            lines.into_iter().rev().for_each(|line| self.pending.push_front(line));
            return Ok(self.pending.pop_front().map(|first| self.single_line(first)));
        }
        let mut record = Record::new(number, cells);
        lines.into_iter().for_each(|line| append(&mut record.source, line.part));
        Ok(Some(record))
    }

    /// Reads a line as a whole record.
    fn single_line(&self, line: Line) -> Record {
        if line.is_too_large {
            let detail = format!("the row exceeds `limits.record` ({} bytes)", self.limit);
            let damage = Some(Reason::new("too_large", detail));
            return Record { line: line.number, source: line.part, damage, ..Record::default() };
        }
        let mut cells = Splitter::line(&self.config, &line.part.text);
        cells.is_damaged |= line.is_suspect;
        Record { source: line.part, ..Record::new(line.number, cells) }
    }
}

impl Record {
    fn new(line: u64, cells: Cells) -> Self {
        let Cells { cells, is_doubtful, is_damaged } = cells;
        let damage = is_damaged.then(|| {
            let detail =
                "a quote is not closed, not doubled within quotes, or closed in another row";
            Reason::new("stray_quote", detail)
        });
        Self { line, cells, is_doubtful, damage, ..Self::default() }
    }
}

/// The row of a record, with flags for what is wrong with its characters or its number of cells.
fn table_row(record: Record, header: &Header, shape: &RowShape, charset: &str) -> TableRow {
    let Record { line, source, mut cells, is_doubtful, damage } = record;
    // Empty cells at the end are not counted.
    let n_used_cells = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |at| at + 1);
    let (n_cells, n_columns) = (cells.len(), header.n_columns());
    // Some programs leave out empty cells at the end of a row.
    let is_short = n_cells < n_columns && (is_doubtful || !shape.stands_alone(&cells));
    let is_wrong = is_short || n_used_cells > n_columns;
    let wrong_shape = || format!("the row has {n_cells} cells, but the header has {n_columns}");
    let damage = damage.or_else(|| is_wrong.then(|| Reason::new("row_shape", wrong_shape())));
    cells.resize(n_columns, Cell::default());

    let mut flags = Vec::new();
    if n_cells < n_columns {
        let (field, flag) = (String::new(), QualityFlag::Damaged);
        flags.push(FieldFlag { field, flag, detail: wrong_shape() });
    }
    let mut add_flag = |column: usize, flag: QualityFlag, detail: String| {
        let field = header.name(column).unwrap_or_default().to_owned();
        flags.push(FieldFlag { field, flag, detail });
    };
    for (column, cell) in cells.iter_mut().enumerate() {
        if cell.text.contains('\0') {
            let detail = "it contains zero bytes";
            add_flag(column, QualityFlag::ControlCharacters, detail.to_owned());
        }
        if cell.is_literal {
            let detail = "a quote in it is not doubled: it may have too many quotes or too few";
            add_flag(column, QualityFlag::Damaged, detail.to_owned());
        } else if cell.text.contains("\\\"") {
            let detail = "a quote in it follows a backslash: the file may write quotes so, which is not read; ask the \
                          source to double them";
            add_flag(column, QualityFlag::Damaged, detail.to_owned());
        }
        cell.remove_protection();
        if !source.malformed.is_empty() && cell.text.contains(char::REPLACEMENT_CHARACTER) {
            let detail = malformed_detail(&source.malformed, charset);
            add_flag(column, QualityFlag::MalformedBytes, detail);
        }
    }
    for (column, cell) in cells.iter().enumerate() {
        let n_chars = source.repaired.iter().filter(|s| cell.span.contains(&s.offset)).count();
        if n_chars > 0 {
            let detail = format!("{n_chars} {REPLACED_CHARACTERS}");
            add_flag(column, QualityFlag::RepairedText, detail);
        }
    }
    let texts = cells.into_iter().map(|cell| cell.text).collect();
    let mut defects = Defects { flags, damage };
    let tree = Value::Object(header.object(texts, &mut defects));
    let (at, bytes) = (format!("line {line}"), Some(source.bytes));
    TableRow { at, tree, bytes, defects, is_title: false }
}

/// The separator that the first line declares for Excel: `sep=;`.
fn declared_delimiter(line: &str) -> Option<String> {
    let line = line.trim_end_matches(['\r', '\n']).trim_matches('"');
    let prefix = line.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("sep="))?;
    let mut rest = line[prefix.len()..].chars();
    let delimiter = rest.next().filter(char::is_ascii)?;
    // A program that saved the file again has added its own separators.
    rest.all(|c| c == delimiter || DELIMITERS.contains(&c.to_string().as_str()))
        .then(|| delimiter.into())
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
