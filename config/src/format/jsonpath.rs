//! JSONPath (RFC 9535): strict, with the place of the mistake and the usual slips put right.

use serde_json_path::JsonPath;

use super::Wrong;

pub(super) fn check(text: &str) -> Option<Wrong> {
    let error = JsonPath::parse(text).err()?;
    let at = (0..=error.position().min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    let at = at.unwrap_or(0);
    let character = text[at..].chars().next();
    let found = match character {
        None => "it ends too early".to_owned(),
        Some(c) => format!("`{c}` is not expected here"),
    };
    let part = character.map(|c| at..at + c.len_utf8());
    let instead = guesses(text).into_iter().find(|guess| JsonPath::parse(guess).is_ok());
    let message = if text.starts_with('$') {
        format!("`{text}` is not a JSONPath (RFC 9535): {found}")
    } else {
        format!("`{text}` is not a JSONPath (RFC 9535): it begins with `$`")
    };
    let part = part.filter(|_| text.starts_with('$'));
    Some(Wrong { message, part, instead, advice: None })
}

/// What was probably meant, the likeliest first.
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
    // A name with other characters than letters, digits and `_` stands in brackets.
    if !bare.contains(['[', '\'', '"', '*', '\\']) {
        let quoted: String = bare.split('.').map(|name| format!("['{name}']")).collect();
        guesses.push(format!("${quoted}"));
    }
    guesses
}
