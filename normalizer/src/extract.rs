//! Extracts values that clerks write into the text of a work order, because it has no field for them.
//!
//! Each pattern was seen in real work orders: a word, a colon, a value. Nothing is guessed.

use std::collections::HashSet;

use crate::config::Extract;

/// All matches of the pattern in `text`, in order.
pub(crate) fn extract(pattern: Extract, text: &str) -> Vec<&str> {
    match pattern {
        Extract::IntakeChannel => intake_channel(text).into_iter().collect(),
        Extract::TimeLimit => time_limit(text).into_iter().collect(),
        Extract::OrderNumbers => order_numbers(text),
    }
}

const INTAKE_WORDS: [&str; 8] =
    ["诉求来源", "受理渠道", "受理途径", "来电渠道", "工单来源", "渠道来源", "来源渠道", "【来源"];
const LIMIT_WORDS: [&str; 8] =
    ["办理时限", "办结时限", "处理时限", "反馈时限", "限办时间", "截止时间", "回复期限", "请于"];
/// Maximum length of the label of an intake channel, in characters.
const MAX_LABEL_CHARS: usize = 12;

/// The label after one of the words, up to the next punctuation mark.
fn intake_channel(text: &str) -> Option<&str> {
    INTAKE_WORDS.iter().find_map(|word| {
        let value = after_word(text, word)?;
        let end = value.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '·')));
        let label = &value[..end.unwrap_or(value.len())];
        let is_label = !label.is_empty() && label.chars().count() <= MAX_LABEL_CHARS;
        is_label.then_some(label)
    })
}

/// The date after one of the words, with its time if there is one. It must begin with a year: a
/// missing year would have to be guessed.
fn time_limit(text: &str) -> Option<&str> {
    LIMIT_WORDS.iter().find_map(|word| {
        let value = after_word(text, word)?;
        let date: usize =
            value.chars().take_while(|c| may_be_in_date(*c)).map(char::len_utf8).sum();
        let written = value[..date].trim_end();
        let has_year = written.len() >= 8 && written.bytes().take(4).all(|b| b.is_ascii_digit());
        has_year.then_some(written)
    })
}

fn may_be_in_date(c: char) -> bool {
    c.is_ascii_digit()
        || matches!(c, '-' | '/' | '.' | ':' | ' ' | '年' | '月' | '日' | '时' | '分' | '秒')
}

/// The text after a word and its colon.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(word)?;
    Some(after.trim_start_matches([':', '：', ' ', '为', '是', '\u{3000}']))
}

/// The numbers of work orders in a text: two to six letters and at least ten digits (DH202610090137,
/// WHXF20260001937), or at least twelve digits after 工单. The digits begin with a year, unlike those
/// of a number plate.
fn order_numbers(text: &str) -> Vec<&str> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    let mut unread = text;
    while let Some(start) = unread.find(|c: char| c.is_ascii_alphanumeric()) {
        let word = &unread[start..];
        let end = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
        let digits = &word[letters..];
        let is_announced =
            unread[..start].trim_end_matches([':', '：', ' ', '号', '编']).ends_with("工单");
        let is_year = digits.starts_with("20") || digits.starts_with("19");
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
            && is_year
            && match letters {
                0 => is_announced && (12..=20).contains(&digits.len()),
                2..=6 => (10..=20).contains(&digits.len()),
                _ => false,
            };
        if is_number && known.insert(word) {
            found.push(word);
        }
        unread = after;
    }
    found
}

#[cfg(test)]
mod tests;
