//! CSV as it is really written: cells over several lines, quotes in the middle, separators too many.

mod split;

use contract::{Mark, Reason, demand::QualityFlag};
use normalizer_text::Span;
use serde_json::Value;

use self::split::{Cell, Splitter};
use super::{
    Broken, Row, Rows,
    header::{Columns, Header, LOOKED_AT, NoHeader},
    malformed_detail,
};
use crate::{
    plan::{CsvPlan, FormPlan},
    text::{Piece, Pieces},
};

/// The records of a CSV file.
pub(super) struct Csv {
    lines: Lines,
    header: Header,
}

/// What stands on one or more lines.
#[derive(Default)]
struct Record {
    /// Number of its first line.
    line: u64,
    whole: Piece,
    cells: Vec<Cell>,
}

struct Lines {
    pieces: Pieces,
    plan: CsvPlan,
    limit: usize,
    n_lines: u64,
}

impl Csv {
    pub(super) fn open(pieces: Pieces, plan: &FormPlan) -> Result<Self, Broken> {
        let mut lines =
            Lines { pieces, plan: plan.csv.clone(), limit: plan.max_record, n_lines: 0 };
        let header = find_header(&mut lines, &plan.columns)?;
        Ok(Self { lines, header })
    }
}

impl Rows for Csv {
    fn next(&mut self) -> Result<Option<Row>, Broken> {
        let record = self.lines.next()?;
        Ok(record.map(|record| row(record, &self.header, self.lines.pieces.writing().charset())))
    }
}

fn find_header(lines: &mut Lines, columns: &Columns) -> Result<Header, Broken> {
    let mut first: Option<NoHeader> = None;
    for _ in 0..LOOKED_AT {
        let Some(record) = lines.next()? else { break };
        match columns.recognise(record.cells.iter().map(|cell| cell.text.as_str())) {
            Ok(header) => return Ok(header),
            Err(no) => {
                first.get_or_insert(no);
            }
        }
    }
    Err(Broken::content("unknown_header", first.unwrap_or_default().detail()))
}

impl Lines {
    /// The next record; lines without anything are none.
    fn next(&mut self) -> Result<Option<Record>, Broken> {
        loop {
            let Some(record) = self.record()? else { return Ok(None) };
            if record.cells.iter().any(|cell| !cell.text.is_empty()) {
                return Ok(Some(record));
            }
        }
    }

    fn record(&mut self) -> Result<Option<Record>, Broken> {
        let mut record = Record { line: self.n_lines + 1, ..Record::default() };
        let mut splitter = Splitter::new(&self.plan);
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

fn row(record: Record, header: &Header, charset: &str) -> Row {
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
        let detail = format!("{n_moved} private-use characters put back");
        (n_moved > 0).then(|| mark(place, QualityFlag::RepairedText, detail))
    });
    let marks = marks.collect();
    let tree = Value::Object(header.object(cells.into_iter().map(|cell| Value::String(cell.text))));
    let at = format!("line {line}");
    Row { at, tree, bytes: Some(whole.bytes), malformed, marks, problem }
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

#[cfg(test)]
mod tests;
