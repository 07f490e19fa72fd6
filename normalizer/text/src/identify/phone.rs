//! Telephone numbers of mainland China, as people type them.

use super::{CheckedNumber, Problem, is_masked, normalise};

/// Checks a mobile number: eleven digits that begin with 13 to 19. The country code (+86, 0086 or 86),
/// whitespace, hyphens and brackets are removed.
pub fn mobile(text: &str) -> CheckedNumber {
    let typed = normalise(text);
    let number: String = typed.chars().filter(|c| !is_separator(*c)).collect();
    let number = without_country(&number).unwrap_or(&number);
    match number.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..]
            if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit) =>
        {
            CheckedNumber { normalised: number.to_owned(), problem: None }
        }
        _ => invalid(typed),
    }
}

/// Checks a landline number and writes it as `0553-3800000` (without an area code, as `3800000`), followed by
/// `-801` for an extension.
pub fn landline(text: &str) -> CheckedNumber {
    let typed = normalise(text);
    let valid = |normalised| CheckedNumber { normalised, problem: None };
    parse(&typed).map_or_else(|| invalid(typed), valid)
}

/// A number that is masked or has the wrong format.
fn invalid(normalised: String) -> CheckedNumber {
    let problem = if is_masked(&normalised) { Problem::Masked } else { Problem::Format };
    CheckedNumber { normalised, problem: Some(problem) }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '‐' | '–' | '—' | '(' | ')')
}

fn without_country(number: &str) -> Option<&str> {
    let bare = number.strip_prefix("+86").or_else(|| number.strip_prefix("0086"));
    bare.or_else(|| number.strip_prefix("86").filter(|rest| rest.len() == 11))
}

/// Normalises a landline number; `None` if it is not valid.
fn parse(typed: &str) -> Option<String> {
    let typed = typed.trim_start_matches(is_separator);
    let national = typed.strip_prefix("+86").or_else(|| typed.strip_prefix("0086"));
    let is_delimiter = |c| is_separator(c) || matches!(c, '转' | '#');
    let mut groups = national.unwrap_or(typed).split(is_delimiter).filter(|g| !g.is_empty());
    let first = groups.next()?;
    let (area, rest) =
        if first.starts_with('0') { first.split_at_checked(area_len(first))? } else { ("", first) };
    let local = if rest.is_empty() { groups.next()? } else { rest };
    let extension = groups.next();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = matches!(local.len(), 7 | 8)
        && matches!(local.as_bytes(), [b'2'..=b'9', ..])
        && is_number(local)
        && is_number(area)
        && extension.is_none_or(|extension| extension.len() <= 6 && is_number(extension))
        && groups.next().is_none();
    let parts = [area, local, extension.unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    is_valid.then(|| parts.join("-"))
}

/// The length of the area code: three digits for the largest cities (010, 02x), otherwise four.
fn area_len(number: &str) -> usize {
    if number.starts_with("01") || number.starts_with("02") { 3 } else { 4 }
}

#[cfg(test)]
mod tests;
