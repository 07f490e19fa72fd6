//! What workbooks of all formats have in common: which of their sheets is read, and how.

use contract::{Mark, Reason, demand::QualityFlag};
use document::Defects;
use serde_json::Value;

use super::{
    RawRow, RowReader,
    cell::Cell,
    header::{Header, find_header},
};
use crate::{options::Options, selection::matches_pattern, spool::FileError};

/// A sheet of cells: its name, and whether people see it.
pub(super) struct SheetInfo {
    pub(super) name: String,
    pub(super) is_visible: bool,
}

/// Reads the next row that is not empty; `None` after the last one.
pub(super) type Rows = Box<dyn FnMut() -> Result<Option<SheetRow>, FileError> + Send>;

/// A row that is not empty: its number from 1, and its cells from the first column on.
pub(super) struct SheetRow {
    pub(super) number: u64,
    pub(super) cells: Vec<Cell>,
}

/// Opens the sheet that contains the records, and reads its header. `open_sheet` opens the sheet
/// with this index.
pub(super) fn open(
    sheets: &[SheetInfo],
    mut open_sheet: impl FnMut(usize) -> Result<Rows, FileError>,
    options: &Options,
) -> Result<RowReader, FileError> {
    let index = choose(sheets, &mut open_sheet, options.config.sheet.as_deref())?;
    let mut rows = open_sheet(index)?;
    let texts = |row: SheetRow| row.cells.into_iter().map(|cell| cell.text).collect();
    let header = find_header(&options.columns, || Ok(rows()?.map(texts)))?;
    Ok(Box::new(move || Ok(rows()?.map(|row| row.into_raw_row(&header)))))
}

/// Chooses the sheet that the channel names, or else the only visible sheet with a table: a hidden
/// sheet is an old template or a list of codes, and a second table would be lost without a word.
fn choose(
    sheets: &[SheetInfo],
    open_sheet: &mut impl FnMut(usize) -> Result<Rows, FileError>,
    name: Option<&str>,
) -> Result<usize, FileError> {
    let candidates = sheets.iter().enumerate().filter(|(_, sheet)| match name {
        Some(pattern) => matches_pattern(&sheet.name, pattern),
        None => sheet.is_visible,
    });
    let candidates: Vec<usize> = candidates.map(|(index, _)| index).collect();
    let names = |chosen: &[usize]| {
        let chosen = chosen.iter().filter_map(|index| sheets.get(*index));
        let named = chosen.map(|SheetInfo { name, is_visible }| {
            let hidden = if *is_visible { "" } else { " (hidden)" };
            format!("`{name}`{hidden}")
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let Some((first, others)) = candidates.split_first() else {
        let all: Vec<usize> = (0..sheets.len()).collect();
        let wanted = name.map_or("visible sheet".to_owned(), |name| format!("sheet `{name}`"));
        let detail = format!(
            "the workbook has no {wanted}; set `sheet` to the sheet to read, one of: {}",
            names(&all)
        );
        return Err(FileError::content("no_sheet", detail));
    };
    if others.is_empty() {
        return Ok(*first);
    }
    let mut tables = Vec::new();
    for index in candidates.iter().copied() {
        if is_table(open_sheet(index)?)? {
            tables.push(index);
        }
    }
    match tables[..] {
        [] => Ok(*first),
        [only] => Ok(only),
        _ => {
            let detail = format!(
                "several sheets of the workbook have rows: {}; set `sheet` to the one to read",
                names(&tables)
            );
            Err(FileError::content("several_sheets", detail))
        }
    }
}

/// Whether a sheet has two rows of two cells or more, as a header and a record have. Notes have one
/// cell in a row.
fn is_table(mut rows: Rows) -> Result<bool, FileError> {
    let mut n_found = 0;
    while let Some(row) = rows()? {
        let n_cells = row.cells.iter().filter(|cell| !cell.text.is_empty()).count();
        n_found += usize::from(n_cells >= 2);
        if n_found == 2 {
            return Ok(true);
        }
    }
    Ok(false)
}

impl SheetRow {
    fn into_raw_row(self, header: &Header) -> RawRow {
        let (mut doubts, mut n_unnamed) = (Vec::new(), 0);
        for (column, cell) in self.cells.iter().enumerate() {
            match (header.name(column), cell.doubt) {
                (Some(name), Some(doubt)) => doubts.push((name.to_owned(), doubt)),
                (None, _) if !cell.text.is_empty() => n_unnamed += 1,
                _ => {}
            }
        }
        let cells = self.cells.into_iter().map(|cell| cell.text);
        let mut texts: Vec<String> = cells.take(header.0.len()).collect();
        texts.resize(header.0.len(), String::new());
        let mut defects = Defects::default();
        let mut mark = |field: &str, detail: String| {
            let field = field.to_owned();
            defects.marks.push(Mark { field, flag: QualityFlag::Damaged, detail });
        };
        let mut is_contradictory = false;
        for (column, is_only) in header.merge_repeated(&mut texts) {
            is_contradictory |= !is_only;
            let detail = "the header has this column twice; the value that is not empty is used";
            mark(header.name(column).unwrap_or_default(), detail.to_owned());
        }
        if n_unnamed > 0 {
            mark("", format!("{n_unnamed} cells are in columns without a name"));
        }
        defects.damage = is_contradictory.then(|| {
            let detail = "the header has a column twice, and the row has two values in it";
            Reason::new("repeated_column", detail)
        });
        let tree = Value::Object(header.object(texts.into_iter().map(Value::String)));
        RawRow { at: format!("row {}", self.number), tree, doubts, defects, ..RawRow::default() }
    }
}

pub(super) fn not_a_workbook() -> FileError {
    FileError::content("bad_workbook", "the file is not a workbook, or it is damaged")
}

pub(super) fn has_password() -> FileError {
    let detail = "the workbook has a password; ask the source to save it without one";
    FileError::content("encrypted_workbook", detail)
}
