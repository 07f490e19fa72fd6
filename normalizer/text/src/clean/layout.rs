//! Layout that carries nothing: the width of a blank, blanks beside a line end, empty lines.

/// Blanks to one space, none beside a line end or at the ends of the text; line ends to LF, at
/// most one empty line in a row.
pub(super) fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut n_line_ends = 0;
    let mut blank = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => n_line_ends += 1,
            _ if is_blank(c) => blank = true,
            _ => {
                if !tidy.is_empty() {
                    match n_line_ends {
                        0 if blank => tidy.push(' '),
                        0 => {}
                        1 => tidy.push('\n'),
                        _ => tidy.push_str("\n\n"),
                    }
                }
                (n_line_ends, blank) = (0, false);
                tidy.push(c);
            }
        }
    }
    tidy
}

/// Space, tab, hard space and the wide space of Chinese text.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}' | '\u{3000}')
}
