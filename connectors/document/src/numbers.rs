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

/// A key as a fault may show it: on one line, with `…` in the place of what may be a telephone number, an identity
/// number, a name or an address.
pub fn masked_key(key: &str) -> String {
    let runs = key.split(|c: char| !c.is_numeric()).map(|run| run.chars().count());
    let n_digits = key.chars().filter(|c| c.is_numeric()).count();
    let hides_digits = runs.max() > Some(MAX_DIGITS) || n_digits > MAX_GROUPED_DIGITS;
    let mut shown = String::new();
    for c in key.chars() {
        let is_plain = c.is_ascii_graphic() || c == ' ';
        if is_plain && !(hides_digits && c.is_numeric()) {
            shown.push(c);
        } else if !shown.ends_with('…') {
            shown.push('…');
        }
    }
    shown
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
    use super::{masked_key, without_long_numbers};

    #[test]
    fn a_fault_shows_of_a_key_only_what_is_not_personal() {
        for (key, shown) in [
            ("7", "7"),
            ("HT-2026-0137", "HT-2026-0137"),
            ("13987654321", "…"),
            ("139-8765-4321", "…-…-…"),
            ("34020219900307891X", "…X"),
            ("１３９８７６５４３２１", "…"),
            ("欧阳震霆", "…"),
            ("芜湖市镜湖区赭山路5号", "…5…"),
            ("a\u{1b}[2J\u{202e}b", "a…[2J…b"),
        ] {
            assert_eq!(masked_key(key), shown);
        }
    }

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
