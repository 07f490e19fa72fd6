//! CSV files: the lines of a file, and what the settings say about its columns.

use document::{Columns, Layout, column_name};

use super::{RawRow, RowReader};
use crate::{
    options::{Options, RevisionSource},
    spool::FileError,
    text::DecodedFile,
};

/// Opens a CSV file and reads its header. `open_text` opens its text from the beginning.
pub(super) fn open(
    open_text: impl Fn() -> DecodedFile,
    options: &Options,
) -> Result<RowReader, FileError> {
    let config = &options.config;
    let column = |path| column_name(path).map(str::to_owned);
    let revision = match &options.revision {
        RevisionSource::Field(path, format) => column(path).map(|name| (name, format.clone())),
        RevisionSource::Name(_) => None,
    };
    let layout = Layout {
        csv: config.csv.clone(),
        columns: Columns::clone(&options.columns),
        key: config.key.paths().iter().filter_map(column).collect(),
        revision,
        required: config.columns.keys().cloned().collect(),
        max_record_bytes: options.max_record_bytes,
        // A manifest proves that nothing was cut off.
        is_whole: config.manifest.is_some(),
    };
    let charset = open_text().charset.name();
    let lines = || -> document::Lines<'static> {
        let mut text = open_text().with_mixed_ends();
        Box::new(move |limit| text.next_line(limit))
    };
    let mut rows = document::csv(lines, charset, &layout)?;
    Ok(Box::new(move || Ok(rows.next_row()?.map(RawRow::from))))
}

#[cfg(test)]
mod tests;
