//! Telephone numbers of mainland China, as people and spreadsheets leave them.

use super::{Identified, Problem, identify, is_masked};

/// Checks a mobile number: eleven digits from 13 to 19. The country's +86, 0086 or 86, blanks,
/// hyphens and brackets are taken away.
pub fn mobile(text: &str) -> Identified {
    let typed = identify(text, |_| None).normalised;
    let number: String = typed.chars().filter(|c| !is_separator(*c)).collect();
    let number = without_country(&number).unwrap_or(&number);
    match number.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..]
            if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit) =>
        {
            Identified { normalised: number.to_owned(), problem: None }
        }
        _ => refused(typed),
    }
}

/// Checks a landline number and writes it as `0553-3800000`, followed by `-801` for an extension.
pub fn landline(text: &str) -> Identified {
    let typed = identify(text, |_| None).normalised;
    match parse(&typed) {
        Some(normalised) => Identified { normalised, problem: None },
        None => refused(typed),
    }
}

fn refused(normalised: String) -> Identified {
    let problem = if is_masked(&normalised) { Problem::Masked } else { Problem::Form };
    Identified { normalised, problem: Some(problem) }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '‐' | '–' | '—' | '(' | ')')
}

fn without_country(number: &str) -> Option<&str> {
    let bare = number.strip_prefix("+86").or_else(|| number.strip_prefix("0086"));
    bare.or_else(|| number.strip_prefix("86").filter(|rest| rest.len() == 11))
}

fn parse(typed: &str) -> Option<String> {
    let typed = typed.trim_start_matches(is_separator);
    let national = typed.strip_prefix("+86").or_else(|| typed.strip_prefix("0086"));
    let is_end = |c| is_separator(c) || matches!(c, '转' | '#');
    let mut groups = national.unwrap_or(typed).split(is_end).filter(|group| !group.is_empty());
    let first = groups.next()?;
    let (area, rest) =
        if first.starts_with('0') { first.split_at_checked(area_len(first))? } else { ("", first) };
    let local = if rest.is_empty() { groups.next()? } else { rest };
    let extension = groups.next();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_right = matches!(local.len(), 7 | 8)
        && matches!(local.as_bytes(), [b'2'..=b'9', ..])
        && is_number(local)
        && is_number(area)
        && extension.is_none_or(|extension| extension.len() <= 6 && is_number(extension))
        && groups.next().is_none();
    let parts = [area, local, extension.unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    is_right.then(|| parts.join("-"))
}

/// Beijing and the largest cities have three digits (010, 02x), all others four.
fn area_len(number: &str) -> usize {
    if number.starts_with("01") || number.starts_with("02") { 3 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobiles_are_eleven_digits_however_they_are_typed() {
        for typed in [
            "13800000000",
            "+86 138 0000 0000",
            "+86-138-0000-0000",
            "(+86)13800000000",
            "008613800000000",
            "8613800000000",
            "１３８００００００００",
            "\u{3000}138-0000-0000\u{A0}",
        ] {
            let expected = Identified { normalised: "13800000000".to_owned(), problem: None };
            assert_eq!(mobile(typed), expected, "{typed}");
        }
    }

    #[test]
    fn other_numbers_are_not_mobiles() {
        for (typed, problem) in [
            ("", Problem::Form),
            ("12345", Problem::Form),
            ("12800000000", Problem::Form),
            ("1380000000", Problem::Form),
            ("138000000000", Problem::Form),
            ("0553-3800000", Problem::Form),
            ("1380000000O", Problem::Form),
            ("无", Problem::Form),
            ("138****1234", Problem::Masked),
            ("138xxxx1234", Problem::Masked),
        ] {
            assert_eq!(mobile(typed).problem, Some(problem), "{typed}");
        }
        assert_eq!(mobile("138****1234").normalised, "138****1234");
    }

    #[test]
    fn landlines_are_written_in_one_way() {
        for (typed, expected) in [
            ("0553-3800000", "0553-3800000"),
            ("05533800000", "0553-3800000"),
            ("(0553)3800000", "0553-3800000"),
            ("（０５５３）３８０００００", "0553-3800000"),
            ("0553 3800000", "0553-3800000"),
            ("0553—38000000", "0553-38000000"),
            ("+86 0553 3800000", "0553-3800000"),
            ("010-65000000", "010-65000000"),
            ("01065000000", "010-65000000"),
            ("0551-62600000-801", "0551-62600000-801"),
            ("05533800000转801", "0553-3800000-801"),
            ("3800000", "3800000"),
            ("55380000", "55380000"),
        ] {
            let expected = Identified { normalised: expected.to_owned(), problem: None };
            assert_eq!(landline(typed), expected, "{typed}");
        }
    }

    #[test]
    fn other_numbers_are_not_landlines() {
        for typed in [
            "",
            "-",
            "0553",
            "0553-",
            "0553-380",
            "0553-1800000",
            "12345",
            "13800000000",
            "400-800-0000",
            "0553-3800000/3800001",
            "0553-3800000-1-2",
            "无",
            "0553-380000０000000",
            "0中53-3800000",
            "5533800000",
            "+86-553-3800000",
        ] {
            assert_eq!(landline(typed).problem, Some(Problem::Form), "{typed}");
        }
        assert_eq!(landline("0553-****000").problem, Some(Problem::Masked));
    }
}
