//! What workbooks of all formats have in common: which of their sheets is read, and how.

use std::collections::VecDeque;

use contract::{FieldFlag, Reason, demand::QualityFlag};
use document::{Columns, Defects, Header, find_header, without_long_numbers};
use serde_json::Value;

use super::{RawRow, RowReader, cell::Cell};
use crate::{options::Options, selection::matches_pattern, spool::FileError};

/// A sheet of cells: its name, and whether people see it.
pub(super) struct SheetInfo {
    pub(super) name: String,
    pub(super) is_visible: bool,
}

/// A function that returns the next row that is not empty; `None` after the last one.
pub(super) type Rows = Box<dyn FnMut() -> Result<Option<SheetRow>, FileError> + Send>;

/// A row that is not empty: its number from 1, and its cells from the first column on.
pub(super) struct SheetRow {
    pub(super) number: u64,
    pub(super) cells: Vec<Cell>,
}

/// Opens the sheets that contain the records, and reads their headers. `open_sheet` opens the sheet
/// with this index.
pub(super) fn open(
    sheets: &[SheetInfo],
    mut open_sheet: impl FnMut(usize) -> Result<Rows, FileError>,
    options: &Options,
) -> Result<RowReader, FileError> {
    let chosen = choose(sheets, &mut open_sheet, options)?;
    let texts = |row: SheetRow| {
        (format!("row {}", row.number), row.cells.into_iter().map(|cell| cell.text).collect())
    };
    let mut tables = VecDeque::new();
    for index in chosen.iter().copied() {
        let mut rows = open_sheet(index)?;
        // The name of the only sheet says nothing.
        let sheet = sheets.get(index).filter(|_| chosen.len() > 1);
        let place =
            sheet.map_or_else(String::new, |sheet| format!("sheet {}, ", shown(&sheet.name)));
        let header = find_header(&options.columns, || Ok(rows()?.map(texts)));
        let (header, above) = header.map_err(|error| match error {
            FileError::Content(Reason { code, detail }) => {
                FileError::Content(Reason { code, detail: format!("{place}{detail}") })
            }
            disk @ FileError::Disk(_) => disk,
        })?;
        tables.push_back((place, rows, header, above));
    }
    Ok(Box::new(move || {
        while let Some((place, rows, header, above)) = tables.front_mut() {
            if let Some(row) = above.pop_front() {
                return Ok(Some(RawRow { at: format!("{place}{}", row.at), ..row.into() }));
            }
            if let Some(row) = rows()? {
                return Ok(Some(row.into_raw_row(place, header)));
            }
            tables.pop_front();
        }
        Ok(None)
    }))
}

/// The name of a sheet for people. It may be that of a person, with a telephone or identity number.
fn shown(name: &str) -> String {
    format!("`{}`", without_long_numbers(name))
}

/// Chooses the sheets with the records. Candidates are the sheets that match `sheet`, or all visible ones: a
/// hidden sheet is an old template or a list of codes. Of several visible ones, only one may have records,
/// because those of another one would be skipped silently. If none has any, the first one with a header is
/// chosen, or else the first one.
fn choose(
    sheets: &[SheetInfo],
    open_sheet: &mut impl FnMut(usize) -> Result<Rows, FileError>,
    options: &Options,
) -> Result<Vec<usize>, FileError> {
    let name = options.config.sheet.as_deref();
    let candidates = sheets.iter().enumerate().filter(|(_, sheet)| match name {
        Some(pattern) => matches_pattern(&sheet.name, pattern),
        None => sheet.is_visible,
    });
    let candidates: Vec<usize> = candidates.map(|(index, _)| index).collect();
    let names = |chosen: &[usize]| {
        let chosen = chosen.iter().filter_map(|index| sheets.get(*index));
        let named = chosen.map(|SheetInfo { name, is_visible }| {
            let hidden = if *is_visible { "" } else { " (hidden)" };
            format!("{}{hidden}", shown(name))
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
        return Ok(vec![*first]);
    }
    let (mut with_records, mut with_header) = (Vec::new(), None);
    for index in candidates.iter().copied() {
        match content(open_sheet(index)?, &options.columns)? {
            SheetContent::Records => with_records.push(index),
            SheetContent::Header => with_header = with_header.or(Some(index)),
            SheetContent::Notes => {}
        }
    }
    match with_records[..] {
        [] => Ok(vec![with_header.unwrap_or(*first)]),
        [_] => Ok(with_records),
        // Programs continue a long table on another sheet.
        _ if name.is_some() => Ok(with_records),
        _ => {
            let detail = format!(
                "several sheets of the workbook contain records: {}; set `sheet = \"…\"` to the one to \
                 read, or to a pattern like `Sheet*` for all of them",
                names(&with_records)
            );
            Err(FileError::content("several_sheets", detail))
        }
    }
}

/// What a sheet contains.
enum SheetContent {
    /// Nothing, or notes: rows of one cell.
    Notes,
    /// A header without records.
    Header,
    /// Rows that may be records.
    Records,
}

/// A row may be a record if it has two cells or more and is not the header, or if it is below the header.
fn content(mut rows: Rows, columns: &Columns) -> Result<SheetContent, FileError> {
    let mut found = SheetContent::Notes;
    while let Some(row) = rows()? {
        let has_header = matches!(found, SheetContent::Header);
        let texts: Vec<&str> = row.cells.iter().map(|cell| cell.text.as_str()).collect();
        if !has_header && columns.may_be_header(&texts) {
            found = SheetContent::Header;
        } else if has_header || texts.iter().filter(|text| !text.is_empty()).count() > 1 {
            return Ok(SheetContent::Records);
        }
    }
    Ok(found)
}

impl SheetRow {
    fn into_raw_row(self, place: &str, header: &Header) -> RawRow {
        let (mut doubts, mut n_unnamed) = (Vec::new(), 0);
        for (column, cell) in self.cells.iter().enumerate() {
            match (header.name(column), cell.doubt) {
                (Some(name), Some(doubt)) => doubts.push((name.to_owned(), doubt)),
                (None, _) if !cell.text.is_empty() => n_unnamed += 1,
                _ => {}
            }
        }
        let mut defects = Defects::default();
        if n_unnamed > 0 {
            let detail = format!("{n_unnamed} cells are in columns without a name");
            let (field, flag) = (String::new(), QualityFlag::Damaged);
            defects.flags.push(FieldFlag { field, flag, detail });
        }
        let texts = self.cells.into_iter().map(|cell| cell.text).collect();
        let tree = Value::Object(header.object(texts, &mut defects));
        let at = format!("{place}row {}", self.number);
        RawRow { at, tree, doubts, defects, is_table_row: true, ..RawRow::default() }
    }
}

pub(super) fn not_a_workbook() -> FileError {
    FileError::content("bad_workbook", "the file is not a workbook, or it is damaged")
}

pub(super) fn has_password() -> FileError {
    let detail = "the workbook has a password; ask the source to save it without one";
    FileError::content("encrypted_workbook", detail)
}
