//! Prints results and ends a command. Results go to standard output, everything else to standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use contract::causes_text;
use serde::Serialize;

use super::Format;
use crate::plain;

/// How a command ended; the number is the exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed, or books not balanced.
    Failed = 1,
    /// The configuration has problems.
    Configuration = 2,
    /// Something is in quarantine, and `--strict` was given.
    Quarantined = 3,
    /// Some channels failed, or have had messages in flight for too long.
    SomeChannels = 4,
    /// Try again later; nothing is lost (`EX_TEMPFAIL` of sysexits.h).
    TryAgain = 75,
}

/// Prints text, followed by a line break.
pub(super) fn print(text: impl AsRef<str>) -> io::Result<()> {
    // Removes colours if the output is not a terminal.
    writeln!(anstream::stdout().lock(), "{}", plain::escape_text(text.as_ref()))
}

/// Width of the terminal in cells, from `COLUMNS`, at least 80 and at most 400; 120 if it is not set.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(120).clamp(80, 400)
}

/// Prints a line to standard error.
pub(super) fn note(text: impl AsRef<str>) {
    // A closed standard error must not end the command.
    let _ = writeln!(io::stderr().lock(), "{}", plain::escape_text(text.as_ref()));
}

/// Prints `value` as JSON, or as the text that `draw` returns.
pub(super) fn show<T: Serialize>(
    format: Format,
    value: &T,
    draw: impl FnOnce(&T) -> String,
) -> anyhow::Result<Exit> {
    match format {
        Format::Json => print(serde_json::to_string_pretty(value)?)?,
        Format::Text => print(draw(value))?,
    }
    Ok(Exit::Done)
}

/// Tables have a line below the headings only: lines between rows would double their height.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Draws rows under their headings, each on a line of its own, whatever the cells say. Columns from `numbers_from` on are
/// right-aligned.
pub(super) fn table(
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    numbers_from: usize,
) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain::escape_line(cell)));
    }
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Turns the result of a command into an exit code and prints its error. A closed pipe is not a failure.
pub(super) fn finish(result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let exit = error
                .downcast_ref::<config::Problems>()
                .map_or(Exit::Failed, |_| Exit::Configuration);
            note(causes_text(error.as_ref()));
            ExitCode::from(exit as u8)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns_and_numbers_align_right() {
        let rows = [vec!["热线".to_owned(), "20000".to_owned()], vec!["board".into(), "7".into()]];
        let drawn = table(&["channel", "read"], rows, 1);
        let lines: Vec<_> = drawn.lines().collect();
        let expected =
            ["channel    read", "─────────────────", "热线      20000", "board         7"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn no_cell_writes_a_line_or_a_colour() {
        let drawn = table(&["place"], [vec!["a\nb\u{1b}[2m".to_owned()]], 1);
        assert_eq!(drawn.lines().last(), Some("a\\u000ab\\u001b[2m"));
        assert_eq!(drawn.lines().count(), 3, "{drawn}");
    }
}
