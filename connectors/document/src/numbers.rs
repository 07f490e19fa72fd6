//! Hides long numbers in texts that people see: they may be telephone or identity numbers.

/// The maximum number of digits of a number that is shown.
const MAX_DIGITS: usize = 6;
/// The same for numbers in groups, like 138-0000-1234. A date with an hour has 10.
const MAX_GROUPED_DIGITS: usize = 10;

/// A text with `…` in the place of each long number.
pub fn without_long_numbers(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(char::is_numeric) {
        let (before, from_number) = rest.split_at(start);
        let (number, after) = from_number.split_at(number_len(from_number));
        shown.push_str(before);
        shown.push_str(if is_long(number) { "…" } else { number });
        rest = after;
    }
    shown + rest
}

/// The length of the number at the beginning of a text: groups of digits with a blank or a hyphen between them.
fn number_len(text: &str) -> usize {
    let is_other = |(at, c): &(usize, char)| {
        let joins = matches!(c, ' ' | '-') && text[at + 1..].starts_with(char::is_numeric);
        !c.is_numeric() && !joins
    };
    text.char_indices().find(is_other).map_or(text.len(), |(at, _)| at)
}

fn is_long(number: &str) -> bool {
    let n_digits = number.chars().filter(|c| c.is_numeric()).count();
    let mut groups = number.split([' ', '-']);
    n_digits > MAX_GROUPED_DIGITS || groups.any(|group| group.chars().count() > MAX_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::without_long_numbers;

    #[test]
    fn long_numbers_are_hidden_and_times_are_not() {
        for (text, shown) in [
            ("row 12: phone 13800001234?", "row 12: phone …?"),
            ("11010519491231002X", "…X"),
            ("error 503 at 08:15", "error 503 at 08:15"),
            ("138-0000-1234, 138 0000 1234。", "…, …。"),
            ("电话 １３８００００１２３４ 及 13800001234x", "电话 … 及 …x"),
            ("2026-11-29 08:15:00 - 5 of 12", "2026-11-29 08:15:00 - 5 of 12"),
            ("2026年10月", "2026年10月"),
        ] {
            assert_eq!(without_long_numbers(text), shown);
        }
    }
}
