//! Removes what is not part of a text: control characters, the escapes of a container, markup,
//! layout, and other encodings of the same character.
//!
//! No rule depends on the meaning of words: traditional characters, ㈱, ① and full-width
//! punctuation are kept. Nearly every text is clean already. One pass over its bytes finds that
//! out, and then the text is returned as it is, without an allocation.

mod markup;
mod scan;
mod strip;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// The kind of text in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Free text.
    Plain,
    /// Free text that may have HTML in it: one layer of entities and tags is removed.
    Html,
    /// A code, a number or an id: without blanks, with half-width letters and digits.
    Code,
}

/// A cleaned text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The text, borrowed if nothing had to be changed.
    pub text: Cow<'a, str>,
    /// What was found and removed.
    pub found: Found,
}

/// What cleaning found and removed.
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

/// Cleans a text. Cleaning again changes nothing, except that every call removes one layer of HTML:
/// `&amp;lt;` becomes `&lt;`, which is text then.
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
        // A reference such as &#1; can give characters that must be stripped.
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

/// Normalises layout: blanks become one space, and are removed beside line ends and at the ends of
/// the text; line ends become LF, with at most one empty line in a row.
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

/// Space, tab, no-break space and the ideographic space.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}' | '\u{3000}')
}
