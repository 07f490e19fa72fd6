//! Finds what is certainly markup: a closed tag of an HTML element, an HTML character reference, a
//! closed comment. Every other `<` and `&` is text.

use std::{cell::Cell, ops::Range};

use html5ever::data::NAMED_ENTITIES;

/// Whether markup changes the visible text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A tag or a character reference, which may become a line end, a space or a character.
    Visible,
    /// A comment, a script or a style sheet: it is dropped.
    Invisible,
}

/// How many bytes may be searched for ends of tags that do not exist, as a multiple of the text's length.
const MAX_FAILED_SCANS: usize = 4;
/// After that, the end of a tag is searched in this number of bytes only, after its name.
const MIN_SEARCH_BYTES: usize = 256;

/// Finds markup, in time linear in the length of the text: the positions of the last `-->`,
/// `</script>` and `</style>` are computed first, and unsuccessful searches have a budget.
pub(super) struct Finder<'a> {
    text: &'a str,
    /// Bytes that may still be searched for ends of tags that do not exist. An open quote hides every
    /// `>`: without this limit, the search from each `<a` would read the whole text.
    budget: Cell<usize>,
    last_comment_end: usize,
    last_script_end: usize,
    last_style_end: usize,
}

impl<'a> Finder<'a> {
    /// `None` if the text contains neither `<` nor `&`.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        text.bytes().any(|byte| matches!(byte, b'<' | b'&')).then(|| Self {
            text,
            budget: Cell::new(MAX_FAILED_SCANS * text.len()),
            last_comment_end: last_position(text, "-->"),
            last_script_end: last_position(text, "</script>"),
            last_style_end: last_position(text, "</style>"),
        })
    }

    /// The first markup at or after `from`: its kind and range.
    pub(super) fn next_from(&self, mut from: usize) -> Option<(Kind, Range<usize>)> {
        loop {
            let start = from + self.text[from..].find(['<', '&'])?;
            if let Some((kind, len)) = self.markup_at(start) {
                return Some((kind, start..start + len));
            }
            from = start + 1;
        }
    }

    /// The kind and length of the markup that begins at `start`, if any does.
    fn markup_at(&self, start: usize) -> Option<(Kind, usize)> {
        let rest = &self.text[start..];
        if rest.starts_with('&') {
            return Some((Kind::Visible, reference(rest)?));
        }
        if rest.starts_with("<!--") {
            return Some((
                Kind::Invisible,
                length_through(rest, 4, "-->", start, self.last_comment_end)?,
            ));
        }
        if let Some(len) = declaration(rest) {
            return Some((Kind::Invisible, len));
        }
        let (name, len) = self.tag(rest)?;
        let (end, last_end) = match name {
            _ if name.eq_ignore_ascii_case("script") => ("</script>", self.last_script_end),
            _ if name.eq_ignore_ascii_case("style") => ("</style>", self.last_style_end),
            _ => return Some((Kind::Visible, len)),
        };
        if rest.starts_with("</") {
            return Some((Kind::Invisible, len));
        }
        // If there is no end tag, only the start tag is markup: the text after it must stay.
        Some((Kind::Invisible, length_through(rest, len, end, start, last_end).unwrap_or(len)))
    }

    /// Name and length of a tag at the beginning of `rest`.
    fn tag<'t>(&self, rest: &'t str) -> Option<(&'t str, usize)> {
        let name_start = if rest.starts_with("</") { 2 } else { 1 };
        let name = &rest[name_start..];
        let name_len =
            name.bytes().take(32).take_while(|b| b.is_ascii_alphanumeric() || *b == b':');
        let name = &name[..name_len.count()];
        // Word's elements have a prefix: o:p, st1:place.
        let is_prefixed = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.contains(':');
        if !is_prefixed && !ELEMENTS.split(' ').any(|element| element.eq_ignore_ascii_case(name)) {
            return None;
        }
        let attributes = &rest.as_bytes()[name_start + name.len()..];
        let n_searched = attributes.len().min(self.budget.get().max(MIN_SEARCH_BYTES));
        match attributes_len(&attributes[..n_searched], name.len() == 1) {
            Ok(len) => Some((name, name_start + name.len() + len)),
            Err(n_read) => {
                self.budget.set(self.budget.get().saturating_sub(n_read));
                None
            }
        }
    }
}

/// Length of `rest` up to and including the first `end` after the byte `from`, if there is one. In the
/// whole text, `rest` begins at `start`, and the last `end` at `last_end`.
fn length_through(
    rest: &str,
    from: usize,
    end: &str,
    start: usize,
    last_end: usize,
) -> Option<usize> {
    if last_end < start + from {
        return None;
    }
    let is_end = |bytes: &[u8]| bytes.eq_ignore_ascii_case(end.as_bytes());
    let at = rest.as_bytes()[from..].windows(end.len()).position(is_end)?;
    Some(from + at + end.len())
}

/// The last position of `end`; 0 if there is none.
fn last_position(text: &str, end: &str) -> usize {
    let is_end = |bytes: &[u8]| bytes.eq_ignore_ascii_case(end.as_bytes());
    text.as_bytes().windows(end.len()).rposition(is_end).unwrap_or(0)
}

/// Length of a character reference at the beginning of `rest`.
fn reference(rest: &str) -> Option<usize> {
    let body = &rest[1..];
    let name_len = body.bytes().take(33).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#');
    let name = &body[..name_len.count()];
    if body[name.len()..].starts_with(';') {
        let is_known = match name.strip_prefix('#') {
            Some(number) => match number.strip_prefix(['x', 'X']) {
                Some(hex) => is_all(hex, |b| b.is_ascii_hexdigit()),
                None => is_all(number, |b| b.is_ascii_digit()),
            },
            // The table also contains prefixes of names, without a character.
            None => NAMED_ENTITIES.get(&body[..=name.len()]).is_some_and(|(first, _)| *first != 0),
        };
        return is_known.then_some(name.len() + 2);
    }
    // `&nbsp` often lacks its semicolon. Other names without one are parameters of a URL.
    (name == "nbsp").then_some(name.len() + 1)
}

fn is_all(text: &str, test: impl Fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.as_bytes().iter().all(test)
}

/// Length of a document type, an XML declaration, or Word's `<![if …]>`, at the beginning of `rest`.
fn declaration(rest: &str) -> Option<usize> {
    const BEGINNINGS: [&str; 5] = ["<!doctype ", "<?xml", "<![if ", "<![endif]", "<!element "];
    let begins = |with: &&str| {
        rest.as_bytes().get(..with.len()).is_some_and(|b| b.eq_ignore_ascii_case(with.as_bytes()))
    };
    BEGINNINGS.iter().find(|with| begins(with))?;
    let end = 1 + rest[1..].find(['<', '>'])?;
    rest[end..].starts_with('>').then_some(end + 1)
}

/// Length of the attributes of a tag including its `>`, with the quoting of HTML. The error is the
/// number of bytes read without finding the end. With `needs_value`, a tag with attributes needs one
/// with a value: in `a<b and c>d` words look like attributes.
fn attributes_len(bytes: &[u8], needs_value: bool) -> Result<usize, usize> {
    if !matches!(bytes.first(), Some(b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r')) {
        return Err(1);
    }
    let (mut has_no_attribute, mut has_value, mut awaits_value) = (true, false, false);
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'>' if has_no_attribute || has_value || !needs_value => return Ok(index + 1),
            b'>' | b'<' => return Err(index + 1),
            quote @ (b'"' | b'\'') if awaits_value => {
                let value = &bytes[index + 1..];
                let end = value.iter().position(|byte| *byte == quote).ok_or(bytes.len())?;
                index += 1 + end;
                awaits_value = false;
            }
            b'=' if !has_no_attribute => (has_value, awaits_value) = (true, true),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'/' if !awaits_value => {}
            _ => (has_no_attribute, awaits_value) = (false, false),
        }
        index += 1;
    }
    Err(bytes.len())
}

/// The elements of HTML, including obsolete ones.
const ELEMENTS: &str = "\
    a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink \
    blockquote body br button canvas caption center cite code col colgroup data datalist dd del \
    details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form frame \
    frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label \
    legend li link main map mark marquee menu meta meter nav nobr noframes noscript object ol \
    optgroup option output p param picture pre progress q rp rt ruby s samp script section \
    select small source span strike strong style sub summary sup svg table tbody td template \
    textarea tfoot th thead time title tr track tt u ul var video wbr xmp";
