//! The regular expressions in JSONPaths. The functions `match` and `search` compile them again for every value, and
//! neither a time limit nor a stop can interrupt that. So a large expression is refused, and so is one that is read
//! from the record.

use super::TextProblem;

/// Maximum size of a regular expression whose repetitions are written out; it takes some milliseconds to compile.
const MAX_SIZE: usize = 10_000;

/// The problem with the regular expressions in a valid path.
pub(super) fn pattern_problem(path: &str) -> Option<TextProblem> {
    let problem = |message: String| TextProblem {
        message,
        advice: Some("select the field, and compare with `==` or by a code table".to_owned()),
        ..TextProblem::default()
    };
    for argument in patterns(path) {
        let Some(pattern) = unquoted(argument) else {
            return Some(problem(
                "`match` and `search` need a text in quotes as their second argument".to_owned(),
            ));
        };
        if size(&pattern) > MAX_SIZE {
            return Some(problem(
                "a regular expression in this path repeats so much that it would keep the gateway busy".to_owned(),
            ));
        }
    }
    None
}

/// The second arguments of all functions `match` and `search`.
fn patterns(path: &str) -> Vec<&str> {
    let names = ["match(", "search("];
    let calls = outside_quotes(path).filter_map(|(at, _)| {
        let name = names.iter().find(|name| path[at..].starts_with(**name))?;
        Some(at + name.len())
    });
    calls.map(|begin| second_argument(&path[begin..])).collect()
}

/// The second argument of a call, whose arguments are at the beginning of `text`; empty if there is none.
fn second_argument(text: &str) -> &str {
    let (mut depth, mut begin) = (0, text.len());
    for (at, c) in outside_quotes(text) {
        match c {
            ')' if depth == 0 => return text.get(begin..at).unwrap_or_default().trim(),
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => begin = at + 1,
            _ => {}
        }
    }
    ""
}

/// The characters of a path that are in no text in quotes, with their positions.
fn outside_quotes(path: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_escaped) = (None, false);
    path.char_indices().filter(move |(_, c)| match quote {
        None => {
            quote = matches!(c, '\'' | '"').then_some(*c);
            quote.is_none()
        }
        Some(open) => {
            match *c {
                _ if std::mem::take(&mut is_escaped) => {}
                '\\' => is_escaped = true,
                c if c == open => quote = None,
                _ => {}
            }
            false
        }
    })
}

/// The text that a literal in quotes stands for; `None` for anything else.
fn unquoted(literal: &str) -> Option<String> {
    let Some(inner) = literal.strip_prefix('\'') else { return serde_json::from_str(literal).ok() };
    let inner = inner.strip_suffix('\'')?.replace("\\'", "'").replace('"', "\\\"");
    serde_json::from_str(&format!("\"{inner}\"")).ok()
}

/// About how many characters a regular expression has if its counted repetitions are written out. A class of many
/// characters counts as more.
fn size(pattern: &str) -> usize {
    // For each open group, the size of what is before it; the size of the current group, and that of its last part.
    let (mut open, mut total, mut last) = (Vec::new(), 0_usize, 0_usize);
    let (mut class_depth, mut rest) = (0_usize, pattern);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '{'
            && let Some((times, after)) = repetition(rest)
        {
            // The first repetition is counted already.
            total = total.saturating_add(last.saturating_mul(times.saturating_sub(1)));
            (last, rest) = (last.saturating_mul(times), after);
            continue;
        }
        last = match c {
            '\\' => {
                let escaped = rest.chars().next();
                rest = rest.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
                if matches!(escaped, Some('p' | 'P')) && rest.starts_with('{') {
                    // `\p{Han}`
                    rest = rest.split_once('}').map_or("", |(_, after)| after);
                }
                match escaped {
                    Some('p' | 'P' | 'w' | 'W' | 'D' | 'S') => 500,
                    Some('d' | 's') => 60,
                    _ => 4,
                }
            }
            '(' if class_depth == 0 => {
                if is_verbose(rest) {
                    return usize::MAX;
                }
                open.push(std::mem::take(&mut total));
                0
            }
            ')' if class_depth == 0 => {
                let group = std::mem::replace(&mut total, open.pop().unwrap_or_default());
                group.max(1)
            }
            '[' => {
                class_depth += 1;
                1
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                1
            }
            c => c.len_utf8(),
        };
        total = total.saturating_add(last);
    }
    open.into_iter().fold(total, usize::saturating_add)
}

/// How often the counted repetition after a `{` repeats, and what follows it; `None` if this is none.
fn repetition(text: &str) -> Option<(usize, &str)> {
    let (bounds, after) = text.split_once('}')?;
    let bounds: Result<Vec<usize>, _> =
        bounds.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::parse).collect();
    Some((bounds.ok()?.into_iter().max()?, after))
}

/// Whether a group begins with the flag `x`, which allows blanks and comments between all characters.
fn is_verbose(group: &str) -> bool {
    let flags = group.strip_prefix('?').unwrap_or_default();
    flags.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| c == 'x')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_of_the_record_or_one_that_keeps_the_gateway_busy_is_refused() {
        for (path, is_refused) in [
            ("$.a", false),
            ("$.match", false),
            ("$['search(@.a, @.b)']", false),
            ("$.list[?match(@.type, 'a.*')].b", false),
            (r#"$.list[?search(@['a,)'], "^(市|区)长信箱$")]"#, false),
            (r"$.list[?match(@.phone, '1\\d{10}') || search(@.id, '[0-9]{17}[0-9Xx]')]", false),
            (r"$.list[?match(@.name, '\\p{Han}{2,4}')]", false),
            (r"$.list[?search(@.text, '[(]a{1,9}[{]')]", false),
            (r#"$..[?search(@,"((a{1,1000}){1,1000}){1,1000}")]"#, true),
            (r#"$..[?search(@,"((a\u007b1,1000}){1,1000}){1,1000}")]"#, true),
            (r"$..[?search(@,'(a{1,1000}[(]){1,1000}')]", true),
            (r"$..[?search(@,'(a{1,1000}[)]){1,1000}')]", true),
            (r"$..[?search(@,'[{](a{1,1000}){1,1000}')]", true),
            (r"$..[?match(@,'\\w{1,1000}')]", true),
            (r"$..[?match(@,'\\p{L}{1,1000}')]", true),
            (r"$..[?match(@,'(?x) a{ 1 }')]", true),
            (r"$..[?search(@, 'a') && match(@, '(a{999}){999}')]", true),
            ("$.list[?match(@.type, @.pattern)]", true),
            ("$.list[?search(@.type, $.pattern)]", true),
            ("$.list[?@.a == 1 && search(@.list[?match(@.a, 'b')].c, $['it, )'])]", true),
        ] {
            assert_eq!(pattern_problem(path).is_some(), is_refused, "{path}");
        }
    }
}
