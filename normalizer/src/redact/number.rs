//! Finds telephone, identity and bank card numbers by their format.
//!
//! A run of digits is a group, which is never split: a part of the number of a work order is not a telephone
//! number.
//! Groups with one space, hyphen or dot between them are tried together: `138 0000 1234` is one number.

use std::ops::Range;

use normalizer_text::identify::{Problem, id_card};

use super::{OwnValues, Replacement, digit::is_decimal, fold::Folded};
use crate::seal::{mask_landline, mask_middle};

/// A run of digits of one script, with nothing between them.
struct Group {
    /// Where it is in the original text.
    range: Range<usize>,
    /// Where it ends in the folded text.
    end: usize,
    /// The digits in ASCII, and an X at the end if it may end an identity number.
    digits: String,
    /// What is between the previous group and this one.
    joint: Joint,
}

/// What is between two groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// They do not belong together.
    None,
    /// One space, hyphen or closing bracket; or nothing, but the digits of 139零零零零1111 are in several
    /// scripts.
    Usual,
    /// A dot, which also stands in decimals and dates.
    Dot,
}

/// Maximum number of digits of a number, which may all be groups: a bank card number has up to nineteen.
const MAX_DIGITS: usize = 19;
/// Minimum number of digits of a number: a telephone number without area code.
const MIN_DIGITS: usize = 7;

/// Adds the numbers in a text.
pub(super) fn find(folded: &Folded<'_>, own: &OwnValues, replacements: &mut Vec<Replacement>) {
    // Most texts have too few digits for any number. One of them may be the X of an identity number.
    let n_digits = folded.letters().bytes().filter(u8::is_ascii_digit).count();
    if n_digits + 1 >= MIN_DIGITS {
        find_among_digits(folded, own, replacements);
    }
}

/// Like [`find`], for a text with some digits.
fn find_among_digits(folded: &Folded<'_>, own: &OwnValues, replacements: &mut Vec<Replacement>) {
    let groups = groups(folded);
    let text = folded.original();
    let mut first = 0;
    let mut last_end = None;
    while first < groups.len() {
        let start = groups[first].range.start;
        let is_announced = is_announced(&text[..start])
            || last_end.is_some_and(|end| is_list_separator(&text[end..start]));
        match first_number(text, &groups[first..], own, is_announced) {
            Some((n_groups, mask)) => {
                let range = start..groups[first + n_groups - 1].range.end;
                last_end = Some(range.end);
                replacements.push(Replacement { range, mask });
                first += n_groups;
            }
            None => first += 1,
        }
    }
}

/// The longest number that begins with the first group: how many groups it has, and its mask.
/// `is_announced` is whether the text before it says that a telephone number follows.
fn first_number(
    text: &str,
    groups: &[Group],
    own: &OwnValues,
    is_announced: bool,
) -> Option<(usize, String)> {
    let joined = groups[1..].iter().take(MAX_DIGITS - 1);
    let n_joined = joined.take_while(|group| group.joint != Joint::None).count();
    let n_digits: usize = groups[..=n_joined].iter().map(|group| group.digits.len()).sum();
    // Most digits of a text are in short numbers, such as 一.
    if n_digits < MIN_DIGITS {
        return None;
    }
    let mut digits = String::with_capacity(MAX_DIGITS);
    let mut lengths = Vec::with_capacity(n_joined + 1);
    for group in &groups[..=n_joined] {
        if digits.len() + group.digits.len() > MAX_DIGITS {
            break;
        }
        digits.push_str(&group.digits);
        lengths.push(digits.len());
    }
    let is_spelled = is_spelled(&groups[..=n_joined]);
    let long_enough = lengths.iter().enumerate().rev().filter(|(_, len)| **len >= MIN_DIGITS);
    long_enough.map(|(index, len)| (&groups[..=index], &digits[..*len])).find_map(
        |(groups, number)| {
            // Otherwise the groups of a telephone number have at least three digits, unlike those of dates and times.
            let may_be_phone = groups.len() == 1
                || is_announced && is_grouped_freely(groups)
                || is_spelled && groups.len() == n_joined + 1
                || groups.iter().all(|group| group.digits.len() >= 3);
            let mask = mask_for(number, groups, own, may_be_phone)
                .or_else(|| local_number(number, groups, is_announced))?;
            let is_meant =
                is_announced || own.has_number(number) || !is_other(text, number, groups);
            is_meant.then_some((groups.len(), mask))
        },
    )
}

/// Whether these are all the digits of a number that was written digit by digit.
fn is_spelled(groups: &[Group]) -> bool {
    groups.first().is_some_and(|first| first.joint == Joint::None)
        && groups.iter().all(|group| group.digits.len() == 1)
}

/// Whether groups such as those of `138-00-001-234` may be a telephone number that the text announces. Those of
/// `139-2026-11-30` are a number and a date.
fn is_grouped_freely(groups: &[Group]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let n_digits: usize = lengths.iter().sum();
    n_digits == 11 && lengths.first() == Some(&3) && !lengths.ends_with(&[4, 2, 2])
}

/// Whether digits that may be a number of somebody are an amount, the decimals of a number, or a part of a longer
/// identifier.
fn is_other(text: &str, number: &str, groups: &[Group]) -> bool {
    /// A round sum. Another number of eleven digits before 元 is rather a telephone number.
    const ROUND: &str = "0000";
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
    if mobile(number) != Some(number) {
        return false;
    }
    let (before, after) = (&text[..first.range.start], &text[last.range.end..]);
    let is_one = groups.len() == 1;
    is_one && number.ends_with(ROUND) && is_amount(after)
        || is_one && is_decimals(before)
        || is_in_identifier(before, groups)
}

/// Whether the text after a number says what is counted or measured.
fn is_amount(after: &str) -> bool {
    /// The units that nobody takes for the beginning of another word.
    const UNITS: [&str; 18] = [
        "万元", "亿元", "美元", "欧元", "港元", "日元", "元整", "平方", "立方", "公里", "公斤",
        "公顷", "千米", "千克", "千瓦", "人次", "㎡", "吨",
    ];
    /// Units with which words and names begin: after a telephone number, 户主 is somebody and 元旦 is a day.
    const SHORT_UNITS: [char; 10] = ['元', '米', '户', '亩', '斤', '人', '件', '个', '株', '辆'];
    let after = after.trim_start_matches(' ');
    if UNITS.iter().any(|unit| after.starts_with(unit)) {
        return true;
    }
    let mut letters = after.chars();
    let is_unit = letters.next().is_some_and(|c| SHORT_UNITS.contains(&c));
    is_unit
        && match letters.next() {
            Some(next) if after.starts_with('元') => !matches!(next, '旦' | '宵' | '月'),
            next => !next.is_some_and(char::is_alphanumeric),
        }
}

/// Whether a decimal point and the digits before it end this text: those of 0.138 and 118.376. Small numbers with
/// a dot may count the items of a list.
fn is_decimals(before: &str) -> bool {
    let Some(before) = before.strip_suffix(['.', '．']) else { return false };
    let start = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let whole = &before[start.len()..];
    whole == "0" || whole.len() > 2
}

/// Whether a mobile number is a part of an identifier such as `WH2026-138-00138000`: there are digits and a hyphen
/// before it, and its groups are not those in which people write it.
fn is_in_identifier(before: &str, groups: &[Group]) -> bool {
    let lengths = groups.iter().map(|group| group.digits.len());
    let Some(before) = before.strip_suffix('-') else { return false };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let start = before.trim_end_matches(is_part);
    let identifier = &before[start.len()..];
    groups.len() > 1
        && !lengths.eq([3, 4, 4])
        && identifier.contains(|c: char| c.is_ascii_digit())
        && identifier.contains(|c: char| c.is_ascii_alphabetic())
}

/// The mask of an identity, bank card or telephone number; `None` if it is none of these.
fn mask_for(number: &str, groups: &[Group], own: &OwnValues, may_be_phone: bool) -> Option<String> {
    if groups[1..].iter().any(|group| group.joint == Joint::Dot) {
        return mask_for_dotted(number, groups);
    }
    let is_one_group = groups.len() == 1;
    if is_identity(number, is_one_group) {
        return Some(mask_middle(number, 6, 4));
    }
    if is_bank_card(number, groups) {
        return Some(mask_middle(number, 0, 4));
    }
    if may_be_phone && let Some(mobile) = mobile(number) {
        return Some(mask_middle(mobile, 3, 4));
    }
    let is_fixed = may_be_phone && is_fixed_line(number, groups);
    let is_own = own.has_number(number);
    (is_fixed || is_own).then(|| match mobile(number) {
        Some(mobile) => mask_middle(mobile, 3, 4),
        None => mask_landline(number),
    })
}

/// The mask of `139.0000.1111` and of `340202.19800101.0015`; other digits with dots are coordinates, dates
/// and versions.
fn mask_for_dotted(number: &str, groups: &[Group]) -> Option<String> {
    let has_only_dots = groups[1..].iter().all(|group| group.joint == Joint::Dot);
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    match lengths[..] {
        [3, 4, 4] if has_only_dots => mobile(number).map(|mobile| mask_middle(mobile, 3, 4)),
        [6, 8, 4] if has_only_dots && is_identity(number, false) => Some(mask_middle(number, 6, 4)),
        _ => None,
    }
}

/// Whether this is an identity number. In one group, 18 digits with a wrong check digit are accepted,
/// because that may be a typing error. In several groups, a number must be valid and have 18 digits.
fn is_identity(number: &str, is_one_group: bool) -> bool {
    let province = number.get(..2).and_then(|code| code.parse::<u8>().ok());
    let is_province = matches!(
        province,
        Some(11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91)
    );
    if !is_province || !matches!(number.len(), 15 | 18) {
        return false;
    }
    match id_card(number).problem {
        None => is_one_group || number.len() == 18,
        Some(Problem::CheckDigit) => is_one_group,
        _ => false,
    }
}

/// Whether this is a Chinese bank card number: it begins with 62 (UnionPay) or the digits of an
/// international brand, has 16 to 19 digits that pass the Luhn check, and is one group or groups of four.
/// The prefix is necessary because one number in ten passes the Luhn check by chance.
fn is_bank_card(number: &str, groups: &[Group]) -> bool {
    let is_brand = match number.as_bytes() {
        [b'6', b'2', ..] => (16..=19).contains(&number.len()),
        [b'4', ..] | [b'5', b'1'..=b'5', ..] => number.len() == 16,
        _ => false,
    };
    let (last, others) = match groups {
        [others @ .., last] => (last, others),
        [] => return false,
    };
    let is_in_fours = others.iter().all(|group| group.digits.len() == 4) && last.digits.len() <= 4;
    is_brand && (others.is_empty() || is_in_fours) && passes_luhn(number)
}

fn passes_luhn(number: &str) -> bool {
    let mut sum = 0;
    for (place, c) in number.chars().rev().enumerate() {
        let Some(digit) = c.to_digit(10) else { return false };
        sum += match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        };
    }
    sum % 10 == 0
}

/// The eleven digits of a mobile number, without a prefix such as 86; `None` if it is not one.
fn mobile(number: &str) -> Option<&str> {
    let (prefix, bare) = number.split_at_checked(number.len().checked_sub(11)?)?;
    let is_mobile = matches!(prefix, "" | "0" | "86" | "0086")
        && matches!(bare.as_bytes(), [b'1', b'3'..=b'9', ..]);
    is_mobile.then_some(bare)
}

/// Whether this is an area code and seven or eight digits, in one group or separated after the area code.
fn is_fixed_line(number: &str, groups: &[Group]) -> bool {
    let area = match number.as_bytes() {
        [b'0', b'1', b'0', ..] | [b'0', b'2', ..] => 3,
        [b'0', b'3'..=b'9', ..] => 4,
        _ => return false,
    };
    let is_area_apart = groups.len() == 1 || groups[0].digits.len() == area;
    let local = number.as_bytes().get(area..).unwrap_or_default();
    is_area_apart && matches!(local.len(), 7 | 8) && matches!(local, [b'2'..=b'9', ..])
}

/// The mask of seven or eight digits, which are a telephone number only if the text says so.
fn local_number(number: &str, groups: &[Group], is_announced: bool) -> Option<String> {
    let is_local = matches!(number.len(), 7 | 8) && matches!(number.as_bytes(), [b'2'..=b'9', ..]);
    let is_telephone = groups.len() == 1 && is_announced && is_local;
    is_telephone.then(|| mask_landline(number))
}

/// Whether the text ends with a word for "telephone number".
fn is_announced(before: &str) -> bool {
    const WORDS: [&str; 11] = [
        "电话",
        "座机",
        "号码",
        "固话",
        "手机",
        "手机号",
        "电话号",
        "联系方式",
        "tel",
        "Tel",
        "TEL",
    ];
    let before = before.trim_end_matches([':', '：', '是', '为', ' ', '（', '(', '【', '[', '\n']);
    // A hotel is no telephone.
    let is_in_word = |rest: &str| rest.ends_with(|c: char| c.is_ascii_alphabetic());
    WORDS
        .iter()
        .filter_map(|word| Some((word, before.strip_suffix(word)?)))
        .any(|(word, rest)| !(word.is_ascii() && is_in_word(rest)))
}

/// Whether this text separates the numbers of a list.
fn is_list_separator(between: &str) -> bool {
    between.len() <= 4 && between.chars().all(|c| matches!(c, '、' | ',' | '，' | '/' | '或' | ' '))
}

/// All groups of digits in a text.
fn groups(text: &Folded<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let letters = text.letters().as_bytes();
    let mut from = 0;
    while let Some(start) = next_digit(letters, from) {
        let joint = groups.last().filter(|before| before.end == start);
        let mut group = group_at(text, start);
        group.joint = joint.map_or(Joint::None, |before| match before.digits.ends_with('X') {
            true => Joint::None,
            false => joint_of(text.separators(before.range.end..group.range.start)),
        });
        if let Some(b'x' | b'X') = letters.get(group.end)
            && may_end_in_x(&group)
        {
            let (x, _) = text.character(group.end);
            if text.separators(group.range.end..x.start).next().is_none() {
                group.digits.push('X');
                group.range.end = x.end;
                group.end += 1;
            }
        }
        from = group.end;
        groups.push(group);
    }
    groups
}

/// The group that begins with the digit at this offset of the folded text.
fn group_at(text: &Folded<'_>, start: usize) -> Group {
    let letters = text.letters().as_bytes();
    let (mut range, first) = text.character(start);
    let mut end = start + 1;
    while letters.get(end).is_some_and(u8::is_ascii_digit) {
        let (next, c) = text.character(end);
        let is_same_script = is_decimal(c) == is_decimal(first);
        if !is_same_script || text.separators(range.end..next.start).next().is_some() {
            break;
        }
        range.end = next.end;
        end += 1;
    }
    let digits = text.letters()[start..end].to_owned();
    Group { range, end, digits, joint: Joint::None }
}

/// The position of the next digit at or after `from`.
fn next_digit(letters: &[u8], from: usize) -> Option<usize> {
    let found = letters[from..].iter().position(u8::is_ascii_digit)?;
    Some(from + found)
}

/// What these separators between two groups mean. The bracket in `(138) 0000 1234` may have a blank after it.
fn joint_of(mut separators: impl Iterator<Item = char>) -> Joint {
    match (separators.next(), separators.next(), separators.next()) {
        (None, ..) => Joint::Usual,
        (Some(' ' | '-' | '－' | '—' | '–' | '\u{A0}' | '\u{3000}' | ')' | '）'), None, _)
        | (Some(')' | '）'), Some(' ' | '-'), None) => Joint::Usual,
        (Some('.' | '．' | '·' | '•' | '・'), None, _) => Joint::Dot,
        _ => Joint::None,
    }
}

/// Whether an X may follow this group: after 17 digits, or after the last 3 digits of an identity number in
/// several groups.
fn may_end_in_x(group: &Group) -> bool {
    group.digits.len() == 17 || group.digits.len() == 3 && group.joint != Joint::None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_with_few_digits_has_no_number(
            text in "(电话|[0-9]{1,3}|[一二三零]|[xX]|[ .、，-]|[a王]){0,12}",
        ) {
            let (folded, own) = (Folded::new(&text), OwnValues::default());
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            find(&folded, &own, &mut found);
            find_among_digits(&folded, &own, &mut expected);
            prop_assert_eq!(found, expected);
        }
    }
}
