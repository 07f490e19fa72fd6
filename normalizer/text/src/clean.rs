//! What every reader of a text would take away: control characters, the escapes of a container,
//! markup, layout, and a second way of writing the same character.
//!
//! Nothing here needs knowledge of the words, so nothing here can be wrong about them: traditional
//! characters, ㈱, ① and full-width punctuation stay. Nearly every text is clean already. One look
//! at its bytes decides that, and then it is handed back as it came, without an allocation.

mod markup;
mod scan;
mod strip;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// What kind of text a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Prose as people write it.
    Plain,
    /// Prose that may have HTML in it: one layer of entities and tags is taken away.
    Html,
    /// A code, a number or an id: has no blanks, and its letters and digits are half-width.
    Code,
}

/// A text that was cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The text, borrowed if there was nothing to do.
    pub text: Cow<'a, str>,
    /// What was done.
    pub found: Found,
}

/// What cleaning found and took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Control characters other than tab and line end, NUL among them.
    pub controls: bool,
    /// U+FEFF inside the text.
    pub byte_order_mark: bool,
    /// `_xHHHH_` escapes of Excel.
    pub escapes: bool,
    /// HTML tags, comments or entities.
    pub markup: bool,
    /// Tabs, hard and wide blanks, blanks at the ends of lines, blank lines, CRLF.
    pub blanks: bool,
    /// Full-width letters, digits and punctuation, in codes only.
    pub widths: bool,
    /// Characters that were not in Unicode's composed form (NFC).
    pub composition: bool,
}

/// Cleans a text. Cleaning what was cleaned changes nothing, except that of HTML each call takes
/// one layer: `&amp;lt;` becomes `&lt;` and is then text.
pub fn clean(text: &str, profile: Profile) -> Cleaned<'_> {
    let mut found = Found::default();
    if scan::is_clean(text, profile) {
        return Cleaned { text: Cow::Borrowed(text), found };
    }
    let mut cleaned = strip::strip(text, profile, &mut found);
    if profile == Profile::Html
        && let Some(plain) = markup::to_plain(&cleaned)
    {
        found.markup = true;
        // A reference such as &#1; brings in what was stripped before.
        cleaned = strip::strip(&plain, profile, &mut found);
    }
    if profile != Profile::Code {
        let laid_out = tidy(&cleaned);
        found.blanks |= laid_out != cleaned;
        cleaned = laid_out;
    }
    // `é` typed as two characters and `é` as one are the same name.
    if !is_nfc(&cleaned) {
        found.composition = true;
        cleaned = cleaned.nfc().collect();
    }
    Cleaned { text: Cow::Owned(cleaned), found }
}

/// Removes layout that carries nothing: blanks become one space, and none stays beside a line end or
/// at the ends of the text; line ends become LF, at most one empty line in a row.
fn tidy(text: &str) -> String {
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
