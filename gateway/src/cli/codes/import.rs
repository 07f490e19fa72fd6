//! Imports the rows of a filled worksheet into the code tables.
//!
//! It imports all rows or none: it writes the tables, checks the whole configuration with them, and
//! restores every table if there is a problem.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use calamine::{Data, Reader, open_workbook_auto};
use normalizer::{Keys, Suite, from_cell, to_cell};

use super::{
    super::{Context, Exit, out},
    HEADINGS,
};
use crate::assemble;

/// Maximum number of rows of a worksheet: more labels than any city has.
const MAX_ROWS: usize = 100_000;

pub(super) fn run(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    let rows = read(file).with_context(|| file.display().to_string())?;
    let settings = assemble::settings_without_secrets(&context.config)?;
    let mut written = Vec::new();
    let mut n_rows = 0;
    for (table, rows) in &rows {
        n_rows += rows.len();
        let path = settings.codes_dir.join(format!("{table}.csv"));
        // A pipe would wait for ever, also when it is written to.
        let old_bytes = path.exists().then(|| config::file_bytes(&path, assemble::MAX_CODES_KIB));
        let old_bytes = old_bytes.transpose().map_err(anyhow::Error::msg);
        let old_bytes = old_bytes.with_context(|| path.display().to_string())?;
        let text = append_rows(old_bytes.as_deref(), table, rows)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        written.push((path.clone(), old_bytes));
        if let Err(error) = fs::write(&path, text) {
            restore(&written)?;
            return Err(error).with_context(|| path.display().to_string());
        }
    }
    let keys = Keys::generate(Suite::default())?;
    let built = assemble::codes(&settings).and_then(|_| assemble::channels(&settings, &keys));
    if let Err(problems) = built {
        restore(&written)?;
        out::note("nothing was imported: the configuration has problems with these rows");
        return Err(problems.into());
    }
    out::note(format!("imported {n_rows} rows into {} tables", rows.len()));
    Ok(Exit::Done)
}

/// Label and code of every filled row, by table.
fn read(file: &Path) -> anyhow::Result<BTreeMap<String, Vec<(String, String)>>> {
    let mut book = open_workbook_auto(file)?;
    let sheet = book.worksheet_range_at(0).context("the file has no worksheet")??;
    let mut rows = sheet.rows();
    let heading: Vec<String> = rows.next().unwrap_or_default().iter().map(cell).collect();
    let column = |name: &str| {
        let found = heading.iter().position(|each| each == name);
        found.with_context(|| format!("the first row has no column `{name}`"))
    };
    let [table, raw, code] = [column(HEADINGS[0])?, column(HEADINGS[1])?, column(HEADINGS[2])?];
    let mut filled: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    anyhow::ensure!(rows.len() <= MAX_ROWS, "it has more than {MAX_ROWS} rows: split it");
    for row in rows {
        let cell_at = |index: usize| row.get(index).map(cell).unwrap_or_default();
        let (table, raw, code) = (cell_at(table), cell_at(raw), cell_at(code));
        if raw.is_empty() || code.is_empty() {
            continue;
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-');
        anyhow::ensure!(
            !table.is_empty() && table.chars().all(is_name) && !table.starts_with('/'),
            "`{table}` is not the name of a table"
        );
        filled.entry(table).or_default().push((raw, code));
    }
    Ok(filled)
}

/// A cell as a spreadsheet shows it: a whole number has no decimal point.
fn cell(data: &Data) -> String {
    match data {
        Data::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        other => other.to_string().trim().to_owned(),
    }
}

/// The content of a table with `rows` (label and code) appended; `old_bytes` is its content so far, if it
/// exists.
fn append_rows(
    old_bytes: Option<&[u8]>,
    table: &str,
    rows: &[(String, String)],
) -> anyhow::Result<Vec<u8>> {
    let is_region = table == "region";
    let new_header = if is_region { "code,name,old_of\n" } else { "raw,code,label\n" };
    let text = match old_bytes {
        None => new_header.into(),
        Some(bytes) => normalizer_text::decode_file(bytes)
            .with_context(|| format!("{table}.csv has no known charset: save it as UTF-8"))?,
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(&header)?;
    for record in reader.records() {
        writer.write_record(record?.iter().map(|cell| to_cell(from_cell(cell))))?;
    }
    for (raw, code) in rows {
        // For a region, the label is a name or an old code, and the code is the current division.
        let cell = |column: &str| match column {
            "raw" => raw.as_str(),
            "code" if is_region => raw.as_str(),
            "code" | "old_of" => code.as_str(),
            _ => "",
        };
        writer.write_record(header.iter().map(|column| to_cell(cell(column))))?;
    }
    Ok(writer.into_inner()?)
}

/// Gives each file its earlier content, or removes it if it did not exist.
fn restore(written: &[(PathBuf, Option<Vec<u8>>)]) -> std::io::Result<()> {
    for (path, old_bytes) in written {
        match old_bytes {
            Some(bytes) => fs::write(path, bytes)?,
            None => fs::remove_file(path)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_appended_under_the_columns_of_the_table() {
        let rows = [("求决".to_owned(), "help".to_owned())];
        let text = |before: Option<&str>| {
            let text = append_rows(before.map(str::as_bytes), "kind", &rows).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text(None), "raw,code,label\n求决,help,\n");
        assert_eq!(
            text(Some("code,raw,note\na,b,\"c,d\"\n")),
            "code,raw,note\na,b,\"c,d\"\nhelp,求决,\n"
        );
    }

    #[test]
    fn a_label_like_a_formula_is_none_in_the_file_and_is_known_as_it_is() {
        let labels =
            ["=1+1", "+86", "-1", "@a", "'=1", "''=1", "'quoted'", "=cmd|' /C calc'!A0", "求决"];
        let rows = labels.map(|label| (label.to_owned(), "help".to_owned()));
        let old = append_rows(
            Some("raw,code,label\n=old,help,-\n'=older,help,\n".as_bytes()),
            "kind",
            &rows,
        )
        .unwrap();
        // Once more, as if other labels were imported later.
        let text = append_rows(Some(old.as_slice()), "kind", &[]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let tables = normalizer::CodeTables::shipped([("kind.csv", text.as_str())]).unwrap();
        let table = tables.table("kind").unwrap();
        for label in labels.into_iter().chain(["=old", "=older"]) {
            assert_eq!(table.get(label), Some("help"), "{label}: {text}");
        }
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for cell in reader
            .records()
            .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
}
