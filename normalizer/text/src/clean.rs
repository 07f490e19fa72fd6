//! Cleans a text: removes control characters, escapes that Excel adds, HTML markup and superfluous
//! whitespace, and composes characters (NFC).
//!
//! No rule depends on the meaning of words: traditional characters, ㈱, ① and full-width
//! punctuation are kept. Characters that nobody can see are removed, and those that nobody can tell
//! from others are replaced by them. Nearly every text is clean already: one pass over its bytes finds
//! that out, and the text is returned as it is, without an allocation.

mod markup;
mod radical;
mod scan;
mod strip;

use std::borrow::Cow;

pub use radical::without_radicals;
pub use strip::is_invisible;

use unicode_normalization::UnicodeNormalization as _;

/// The kind of text in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Free text.
    Plain,
    /// Free text that may have HTML in it: one layer of entities and tags is removed.
    Html,
    /// A code, a number or an id: whitespace is removed, and full-width characters become half-width.
    Code,
}

/// A cleaned text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The text, borrowed if it was clean already.
    pub text: Cow<'a, str>,
    /// What was changed.
    pub found: Found,
}

/// What cleaning changed: each flag says that the text contained such characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Control characters other than tab and line end; they were removed.
    pub controls: bool,
    /// U+FEFF; it was removed.
    pub byte_order_mark: bool,
    /// Characters that nobody can see, such as spaces of no width, soft hyphens and controls of the direction
    /// of writing; they were removed. Joiners within emoji, and in scripts that need them, are kept.
    pub invisible: bool,
    /// Radicals and duplicates of Han characters (⼯, 豈); the ordinary characters replaced them.
    pub compatibility: bool,
    /// Escapes `_xHHHH_` of Excel; the escaped character replaced them, or they were removed if it is a
    /// control character.
    pub escapes: bool,
    /// HTML tags, comments or entities, which the text that they show replaced.
    pub markup: bool,
    /// Superfluous or unusual whitespace: tabs, no-break and wide spaces, spaces at the ends of lines,
    /// empty lines, CRLF.
    pub blanks: bool,
    /// Full-width characters in a code; half-width ones replaced them.
    pub widths: bool,
    /// Characters that were not in Unicode's composed form (NFC); they are now.
    pub composition: bool,
}

/// Cleans a text. Cleaning the result again changes nothing, except that every call with
/// [`Profile::Html`] removes one layer of HTML: `&amp;lt;` becomes `&lt;`, and then `<`.
pub fn clean(text: &str, profile: Profile) -> Cleaned<'_> {
    cleaned(text, profile, true)
}

/// Cleans a text whose escapes `_xHHHH_` were decoded already, as those of a workbook: what still looks
/// like one is what somebody wrote.
pub fn clean_unescaped(text: &str, profile: Profile) -> Cleaned<'_> {
    cleaned(text, profile, false)
}

fn cleaned(text: &str, profile: Profile, has_escapes: bool) -> Cleaned<'_> {
    let mut found = Found::default();
    if scan::is_clean(text, profile) {
        return Cleaned { text: Cow::Borrowed(text), found };
    }
    let mut cleaned = strip::strip(text, profile, has_escapes, &mut found);
    if profile == Profile::Html
        && let Some(plain) = markup::to_plain(&cleaned)
    {
        found.markup = true;
        // A reference such as &#1; can give characters that must be stripped.
        cleaned = strip::strip(&plain, profile, has_escapes, &mut found);
    }
    if profile != Profile::Code {
        let tidied = tidy(&cleaned);
        found.blanks |= tidied != cleaned;
        cleaned = tidied;
    }
    // `é` may be one character or two; both must be the same name.
    if !scan::is_composed(&cleaned) {
        found.composition = true;
        found.compatibility |= cleaned.chars().any(is_duplicate);
        cleaned = cleaned.nfc().collect();
    }
    // A joiner that is kept needed a closer look.
    let text = if cleaned == text { Cow::Borrowed(text) } else { Cow::Owned(cleaned) };
    Cleaned { text, found }
}

/// Whether this is in a block of duplicates of Han characters.
fn is_duplicate(c: char) -> bool {
    matches!(c, '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

/// Normalises whitespace: several spaces become one, spaces beside line ends and at the ends of the
/// text are removed, line ends become LF, and several empty lines become one.
fn tidy(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut n_line_ends = 0;
    let mut has_blank = false;
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        let Some(c) = chars.next() else { return result };
        match c {
            '\r' if chars.as_str().starts_with('\n') => {}
            '\n' | '\r' => n_line_ends += 1,
            _ if is_blank(c) => has_blank = true,
            _ => {
                if !result.is_empty() {
                    match n_line_ends {
                        0 if has_blank => result.push(' '),
                        0 => {}
                        1 => result.push('\n'),
                        _ => result.push_str("\n\n"),
                    }
                }
                (n_line_ends, has_blank) = (0, false);
                // What is neither blank nor a line end is copied many characters at a time.
                let len = c.len_utf8() + scan::usual_len(chars.as_str());
                result.push_str(&rest[..len]);
                rest = &rest[len..];
                continue;
            }
        }
        rest = chars.as_str();
    }
}

/// Space, tab, no-break space and the ideographic space.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}' | '\u{3000}')
}

#[cfg(test)]
mod tests;
