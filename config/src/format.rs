//! Formats of strings in a configuration.
//!
//! A schema names a format, and this module checks it. The owner of the settings checks formats that this
//! module does not know, and reports through [`crate::ChannelSettings::problem`].

mod pattern;
mod quantity;
mod reference;
mod time;

use std::{net::SocketAddr, ops::Range};

use contract::Size;
use serde_json_path::JsonPath;

use pattern::pattern_problem;
pub(crate) use quantity::Rate;
use quantity::{period_problem, rate_problem, size_problem};
pub(crate) use reference::{Context, config_bytes, content, real_path, secret, variable};
pub use reference::{UNSET, code_tables, file_bytes};
use reference::{codes_problem, file_problem, upstream_problem};
pub(crate) use time::CronTimes;
use time::{cron_problem, window_problem, zone_problem};

use crate::{allow::host_problem, config_file::char_boundary, shape::Shape};

/// A problem with a string that has a format.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TextProblem {
    pub(crate) message: String,
    /// The byte range of the mistake in the string; `None` for the whole string.
    pub(crate) part: Option<Range<usize>>,
    /// The string to write instead.
    pub(crate) suggestion: Option<String>,
    /// What to do, if there is no string to suggest.
    pub(crate) advice: Option<String>,
}

/// Checks a string against a format; `None` if it has no problem.
type Check = fn(&Shape<'_>, &str, &Context<'_>) -> Option<TextProblem>;

/// Name, description and check of each format. A variable, a content or a secret is checked when the
/// checker looks it up, so its check here finds nothing.
const FORMATS: [(&str, &str, Check); 15] = [
    ("period", "a period like \"30s\"", |shape, text, _| period_problem(text, shape.bounds)),
    ("size", "a size like \"256MiB\"", |shape, text, _| size_problem(text, shape.bounds)),
    ("rate", "a rate like \"5/s\"", |_, text, _| rate_problem(text)),
    ("timezone", "a time zone like \"Asia/Shanghai\"", |_, text, _| zone_problem(text)),
    ("window", "hours like \"06:00-23:00\"", |_, text, _| window_problem(text)),
    ("cron", "cron times like \"*/5 * * * *\"", |_, text, _| cron_problem(text)),
    ("upstream", "the name of an upstream", |_, text, _| upstream_problem(text)),
    ("jsonpath", "a JSONPath like \"$.title\"", |_, text, _| jsonpath_problem(text)),
    ("codes", "the name of a code table", |_, text, context| codes_problem(text, context)),
    ("fixture", "the name of a file", |_, text, context| file_problem(text, context)),
    ("content", "the name of a file", |_, _, _| None),
    ("address", "an address like \"127.0.0.1:8421\"", |_, text, _| address_problem(text)),
    ("host", "a host like \"*.city.gov.cn\"", |_, text, _| host_problem(text)),
    ("variable", "the name of an environment variable", |_, _, _| None),
    ("secret", "{ env = \"NAME\" } or { file = \"PATH\" }", |_, _, _| None),
];

/// Checks a string against the format of its shape, if it has one.
pub(crate) fn check(shape: &Shape<'_>, text: &str, context: &Context<'_>) -> Option<TextProblem> {
    let format = shape.format?;
    let (_, _, check) = FORMATS.iter().find(|(name, ..)| *name == format)?;
    check(shape, text, context)
}

/// A format in words, with an example.
pub(crate) fn describe(format: &str) -> Option<&'static str> {
    FORMATS.iter().find(|(name, ..)| *name == format).map(|(_, description, _)| *description)
}

fn address_problem(text: &str) -> Option<TextProblem> {
    let message = format!("`{text}` is not an address and port: write it like 127.0.0.1:8421");
    text.parse::<SocketAddr>().is_err().then(|| TextProblem { message, ..TextProblem::default() })
}

/// Checks a JSONPath strictly by RFC 9535, and locates the mistake; then its regular expressions.
fn jsonpath_problem(text: &str) -> Option<TextProblem> {
    let Err(error) = JsonPath::parse(text) else { return pattern_problem(text) };
    let at = char_boundary(text, error.position());
    let character = text[at..].chars().next();
    let mistake = match character {
        None => "it ends too early".to_owned(),
        Some(c) => format!("`{c}` is not expected here"),
    };
    let part = character.map(|c| at..at + c.len_utf8()).filter(|_| text.starts_with('$'));
    let guesses = half_width(text).into_iter().chain(guesses(text));
    let suggestion = guesses.into_iter().find(|guess| JsonPath::parse(guess).is_ok());
    let message = if text.starts_with('$') {
        format!("`{text}` is not a JSONPath (RFC 9535): {mistake}")
    } else {
        format!("`{text}` is not a JSONPath (RFC 9535): it must begin with `$`")
    };
    Some(TextProblem { message, part, suggestion, advice: None })
}

/// The text with ASCII characters in place of the forms that Chinese keyboards write, such as `＝` and `“`; `None` if
/// it has none of these.
pub(crate) fn half_width(text: &str) -> Option<String> {
    let sign = |c: char| match c {
        '“' | '”' => '"',
        '‘' | '’' => '\'',
        '【' => '[',
        '】' => ']',
        '\u{a0}' | '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let plain: String = text.chars().map(sign).collect();
    (plain != text).then_some(plain)
}

/// The paths that were probably meant, the likeliest first.
fn guesses(text: &str) -> Vec<String> {
    let bare = text.trim().trim_start_matches('$').trim_start_matches('.');
    if bare.is_empty() {
        return Vec::new();
    }
    let mut guesses = vec![format!("$.{bare}"), format!("${}", text.trim())];
    guesses.push(format!("{text}]"));
    // A comparison is written with two equals signs.
    let doubled = text.replace("==", "=").replace('=', "==");
    guesses.push(doubled.replace("<==", "<=").replace(">==", ">=").replace("!==", "!="));
    // A name with other characters than letters, digits and `_` is written in brackets.
    if !bare.contains(['[', '\'', '"', '*', '\\']) {
        let quoted: String = bare.split('.').map(|name| format!("['{name}']")).collect();
        guesses.push(format!("${quoted}"));
    }
    guesses
}

/// The string that a number without a unit stands for in a format, if its unit is clear.
pub(crate) fn from_number(format: &str, number: i64) -> Option<String> {
    match format {
        "period" => (number >= 0).then(|| format!("{number}s")),
        "rate" => (number > 0).then(|| format!("{number}/s")),
        // A small number was probably not meant in bytes.
        "size" => u64::try_from(number)
            .ok()
            .filter(|n| *n >= 1 << 20)
            .map(|bytes| Size(bytes).to_string()),
        _ => None,
    }
}

/// The name in `known` that is most similar to `word`, if `word` may be a typo of it: one letter in three
/// may be wrong. Upper and lower case are the same, and so are `-` and `_`.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| {
            let length = word.chars().count().max(candidate.chars().count());
            *distance <= (length / 3).max(1) && *distance < length
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_is_recognised_and_another_word_is_not() {
        let known = ["table", "title", "charset", "received_at"];
        for (word, expect) in [
            ("tabel", Some("table")),
            ("Charset", Some("charset")),
            ("recieved-at", Some("received_at")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expect, "{word}");
        }
    }
}
