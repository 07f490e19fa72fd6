//! Tables on a terminal: the same columns as the JSON form, numbers to the right.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// One line below the headings: a line between any two rows would double what scrolls by.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Draws rows under their headings. Columns from `numbers_from` on are right-aligned.
pub(crate) fn draw(headings: &[&str], rows: &[Vec<String>], numbers_from: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns_and_numbers_align_right() {
        let rows = [vec!["热线".to_owned(), "20000".to_owned()], vec!["board".into(), "7".into()]];
        let drawn = draw(&["channel", "read"], &rows, 1);
        let lines: Vec<_> = drawn.lines().collect();
        let expected =
            ["channel    read", "─────────────────", "热线      20000", "board         7"];
        assert_eq!(lines, expected);
    }
}
