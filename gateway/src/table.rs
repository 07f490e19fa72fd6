//! Tables on a terminal: the same columns as the JSON form, numbers to the right.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Draws rows under their headings. Columns from `numbers_from` on are right-aligned.
pub(crate) fn draw(headings: &[&str], rows: &[Vec<String>], numbers_from: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns_and_numbers_align_right() {
        let rows = [vec!["热线".to_owned(), "20000".to_owned()], vec!["board".into(), "7".into()]];
        let drawn = draw(&["channel", "read"], &rows, 1);
        assert!(
            drawn.contains(" 热线    ┆ 20000") || drawn.contains(" 热线      20000"),
            "{drawn}"
        );
        assert!(drawn.contains("    7"), "{drawn}");
    }
}
