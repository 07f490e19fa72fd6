//! The texts in the cells of code tables. A spreadsheet takes a text that begins like a formula for one, and labels
//! come from outside, so a `'` stands before such a text.

/// The first characters of what a spreadsheet takes for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cell that holds a text: with one `'` more if it is like a formula, with or without such signs before it.
pub fn to_cell(text: &str) -> String {
    let mark = if is_like_formula(text) { "'" } else { "" };
    format!("{mark}{text}")
}

/// The text that a cell holds.
pub fn from_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_like_formula(text)).unwrap_or(cell)
}

fn is_like_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back_from_its_cell_and_no_cell_is_a_formula(text in "['=+@\t\r-]{0,4}.{0,4}") {
            let cell = to_cell(&text);
            prop_assert_eq!(from_cell(&cell), &text);
            prop_assert!(!cell.starts_with(FORMULA), "{:?}", cell);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "'", "''", "'a", "''a", "a=b", "求决", " =", "＝"] {
            assert_eq!((to_cell(text).as_str(), from_cell(text)), (text, text));
        }
    }
}
