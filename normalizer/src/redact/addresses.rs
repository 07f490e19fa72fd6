//! The ways in which people write an address: 文化路12号3栋501室 is also 文化路十二号三栋五百零一, 文化路12-3-501,
//! 文化路12号3号楼501 or, within one demand, 3栋501.

use std::collections::BTreeSet;

use super::fold::Folded;

/// Longer addresses are only searched for as they are: they are rather a description of the way.
const MAX_BYTES: usize = 256;
/// Shorter parts of addresses are not searched for: they are names of towns and streets.
const MIN_CHARS: usize = 5;
/// The last words of an address, which people omit.
const LAST_WORDS: [char; 3] = ['室', '户', '号'];
/// The words after the numbers of an address, the longer ones first.
const UNITS: [&str; 9] = ["单元", "号楼", "号", "栋", "楼", "座", "层", "室", "户"];

/// The letters of the precise part of an address, in all these ways; none if it is short.
pub(super) fn spellings(precise: &str) -> Vec<String> {
    let folded = Folded::new(precise);
    let whole = folded.letters();
    let short = whole.trim_end_matches(LAST_WORDS);
    let mut all = vec![whole.to_owned(), short.to_owned()];
    if whole.len() <= MAX_BYTES && whole.contains(is_numeral) {
        let arabic = |text: &str| with_numbers(text, in_digits);
        let (arabic_whole, arabic) = (arabic(whole), arabic(short));
        let mut others = vec![
            with_numbers(short, |number| in_words(number, 2)),
            with_numbers(short, |number| in_words(number, 3)),
            with_numbers(&arabic, |number| in_words(number, 2)),
            with_numbers(&arabic, |number| in_words(number, 3)),
            without_units(&arabic),
        ];
        for part in [arabic.as_str()].into_iter().chain([&*arabic, &*arabic_whole].map(rooms)) {
            others.extend([with_other_word(part), part.to_owned()]);
        }
        // Digits alone may be any number.
        others.retain(|letters| !letters.is_ascii());
        all.extend(others);
    }
    all.retain(|letters| letters.chars().count() >= MIN_CHARS);
    let mut seen = BTreeSet::new();
    all.retain(|letters| seen.insert(letters.clone()));
    all
}

/// Whether this is a part of a number in folded letters.
fn is_numeral(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '十' | '百')
}

/// The letters with other numbers; `rewrite` gives the new number, or `None` to keep it.
fn with_numbers(letters: &str, rewrite: impl Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(letters.len());
    let mut rest = letters;
    while let Some(start) = rest.find(is_numeral) {
        let (before, number) = rest.split_at(start);
        let len = number.find(|c: char| !is_numeral(c)).unwrap_or(number.len());
        let (number, after) = number.split_at(len);
        result += before;
        result += rewrite(number).as_deref().unwrap_or(number);
        rest = after;
    }
    result + rest
}

/// 12 for 十2, and 501 for 5百01; `None` if it is no such number.
fn in_digits(number: &str) -> Option<String> {
    let mut sum = 0;
    let mut digit: Option<u32> = None;
    for c in number.chars() {
        let unit = match c {
            '百' => 100,
            '十' => 10,
            _ if digit.is_none_or(|digit| digit == 0) => {
                digit = c.to_digit(10);
                continue;
            }
            _ => return None,
        };
        sum += digit.take().unwrap_or(1) * unit;
    }
    (sum > 0).then(|| (sum + digit.unwrap_or(0)).to_string())
}

/// 十2 for 12, and 5百01 for 501; `None` if it has more digits than `max_digits`, or fewer than two.
fn in_words(number: &str, max_digits: usize) -> Option<String> {
    if !(2..=max_digits).contains(&number.len()) || number.starts_with('0') {
        return None;
    }
    let number: u32 = number.parse().ok()?;
    let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
    let mut words = String::new();
    if hundreds > 0 {
        words += &format!("{hundreds}百");
    }
    match (hundreds, tens, ones) {
        (_, 0, 0) => {}
        (_, 0, _) => words.push('0'),
        (0, 1, _) => words.push('十'),
        _ => words += &format!("{tens}十"),
    }
    if ones > 0 {
        words += &ones.to_string();
    }
    Some(words)
}

/// The letters without the words after numbers, as in 文化路12-3-501.
fn without_units(letters: &str) -> String {
    let mut result = String::with_capacity(letters.len());
    let mut rest = letters;
    while let Some(c) = rest.chars().next() {
        let is_after_number = result.ends_with(|c: char| c.is_ascii_digit());
        let unit = UNITS.iter().filter(|_| is_after_number).find(|unit| rest.starts_with(**unit));
        let len = unit.map_or(c.len_utf8(), |unit| unit.len());
        if unit.is_none() {
            result.push(c);
        }
        rest = &rest[len..];
    }
    result
}

/// The letters with the other word for a building.
fn with_other_word(letters: &str) -> String {
    match letters.contains("号楼") {
        true => letters.replace("号楼", "栋"),
        false => letters.replace('栋', "号楼"),
    }
}

/// The last two numbers and what is between and after them, as in 3栋501; empty if they may be something else, as
/// in 3号楼12户居民.
fn rooms(letters: &str) -> &str {
    const MIN_ROOM_DIGITS: usize = 3;
    let bytes = letters.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut starts =
        (0..bytes.len()).rev().filter(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1)));
    let (Some(last), Some(first)) = (starts.next(), starts.next()) else { return "" };
    let is_room = (last..last + MIN_ROOM_DIGITS).all(is_digit);
    let has_word = !is_digit(bytes.len() - 1);
    if is_room || has_word { &letters[first..] } else { "" }
}

#[cfg(test)]
mod tests;
