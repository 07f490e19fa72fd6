//! The segments of a JSONPath (RFC 9535 §2.5), because the parser of the queries does not show them.

/// A part of a path, like `.name`, `[0]` or `..['a', 'b']`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where it begins in the text.
    pub(super) start: usize,
    /// It begins with `..`.
    pub(super) is_descendant: bool,
    pub(super) selectors: Vec<Selector>,
}

/// What a segment selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// The member with this name.
    Name(String),
    /// All members or elements.
    Wildcard,
    /// Those for which this expression is true.
    Filter(String),
    /// Some elements, by their numbers, like `1:3`.
    Slice,
    /// One element, by its number.
    Index,
}

/// Splits a valid path.
pub(super) fn segments(path: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = path.trim_start_matches('$').trim_start();
    while !rest.is_empty() {
        let start = path.len() - rest.len();
        let is_descendant = rest.starts_with("..");
        let body = rest.trim_start_matches('.');
        let (selectors, after) = match body.strip_prefix('[') {
            Some(inside) => bracket(inside),
            None => {
                let end = body.find(|c: char| matches!(c, '.' | '[') || c.is_whitespace());
                let (name, after) = body.split_at(end.unwrap_or(body.len()));
                let selector = match name {
                    "*" => Selector::Wildcard,
                    name => Selector::Name(name.to_owned()),
                };
                (vec![selector], after)
            }
        };
        segments.push(Segment { start, is_descendant, selectors });
        rest = after.trim_start();
        // Not in a valid path; it must not be an endless loop.
        if path.len() - rest.len() <= start {
            break;
        }
    }
    segments
}

/// The selectors of a bracket, and what follows it. Commas and brackets in quotes and in the parentheses of
/// a filter belong to it.
fn bracket(inside: &str) -> (Vec<Selector>, &str) {
    let (mut selectors, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut quote, mut is_escaped) = (None, false);
    for (at, c) in inside.char_indices() {
        if quote.is_some() {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if quote == Some(c) => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '[' | '(' => depth += 1,
            ']' if depth == 0 => {
                selectors.push(selector(&inside[start..at]));
                return (selectors, &inside[at + 1..]);
            }
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                selectors.push(selector(&inside[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    (selectors, "")
}

fn selector(text: &str) -> Selector {
    let text = text.trim();
    match text.chars().next() {
        Some('*') => Selector::Wildcard,
        Some('?') => Selector::Filter(text.to_owned()),
        Some(quote @ ('\'' | '"')) => Selector::Name(unquoted(text, quote)),
        _ if text.contains(':') => Selector::Slice,
        _ => Selector::Index,
    }
}

/// The name in a pair of quotes.
fn unquoted(text: &str, quote: char) -> String {
    let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let inside = inside.unwrap_or_default();
    // Its escapes are those of JSON, except that of a single quote.
    let json = match quote {
        '"' => inside.to_owned(),
        _ => inside.replace("\\'", "'").replace('"', "\\\""),
    };
    serde_json::from_str(&format!("\"{json}\"")).unwrap_or_else(|_| inside.to_owned())
}
