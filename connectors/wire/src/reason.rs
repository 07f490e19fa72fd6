//! Quotes what a source says about a failure, without what may be personal or secret.

use serde_json::Value;

use crate::secrets;

/// Members that contain the reason, the more exact ones first.
const TEXTS: [&str; 18] = [
    "error_description",
    "errmsg",
    "errormsg",
    "error_msg",
    "errormessage",
    "error_message",
    "resultmsg",
    "retmsg",
    "rtnmsg",
    "returnmsg",
    "respmsg",
    "exception",
    "message",
    "msg",
    "info",
    "error",
    "reason",
    "desc",
];
/// Members that contain the number of the reason.
const CODES: [&str; 6] = ["errcode", "errorcode", "error_code", "errno", "code", "retcode"];
/// Members that contain such members.
const HEADS: [&str; 9] =
    ["error", "fault", "head", "header", "meta", "status", "result", "response", "state"];
/// Maximum number of characters of a quotation.
const MAX_QUOTED: usize = 200;
/// Longer numbers may be phone numbers or numbers of identity cards.
const MAX_DIGITS: usize = 6;
/// Words with more digits in all, like `138-0000-1234`, too; a date has eight.
const MAX_ALL_DIGITS: usize = 8;
/// Longer words may be tokens.
const MAX_WORD: usize = 24;

/// The reason in an answer of a source: its text and its code, quoted. Looks only at members that usually
/// have the reason, and never at records.
pub fn reason(answer: &Value) -> Option<String> {
    if answer.is_array() {
        return None;
    }
    places(answer).into_iter().find_map(|place| {
        let text = TEXTS.iter().find_map(|name| text_of(member(place, name)?));
        let code = CODES.iter().find_map(|name| Some((name, text_of(member(place, name)?)?)));
        match (text, code) {
            (Some(text), Some((name, code))) => Some(format!("{text} ({name} {code})")),
            (Some(text), None) => Some(text),
            (None, _) => None,
        }
    })
}

/// Where an answer says whether it is a success: the answer itself, and its heads.
pub fn places(answer: &Value) -> Vec<&Value> {
    let head =
        |name: &&str| member(answer, name).filter(|head| head.is_object() || head.is_array());
    std::iter::once(answer).chain(HEADS.iter().filter_map(head)).collect()
}

/// The members of an object, or of an XML element.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let object = match value {
        Value::Array(list) => list.first().and_then(Value::as_object),
        value => value.as_object(),
    };
    object.into_iter().flatten()
}

/// Whether the member with this name contains the reason of a failure.
pub fn is_text(name: &str) -> bool {
    TEXTS.iter().any(|text| name.eq_ignore_ascii_case(text))
}

/// A text in quotes: on one line, cut, and `…` in the place of what may be personal or secret: long numbers
/// and words, the value in `name=value`, and the word after the name of a secret.
pub fn quote(text: &str) -> String {
    let mut quoted = String::new();
    let mut word = String::new();
    // Whether the name of a secret and a separator came before the word.
    let mut is_value = false;
    // Invisible characters would divide a number into short ones.
    let chars = text.chars().filter(|c| !is_invisible(*c));
    for c in chars.take(MAX_QUOTED).chain([' ']) {
        if c.is_ascii_alphanumeric() || c.is_numeric() || "+/=_-.".contains(c) {
            word.push(c);
            continue;
        }
        let runs = word.split(|c: char| !c.is_numeric()).map(|run| run.chars().count());
        let n_digits = word.chars().filter(|c| c.is_numeric()).count();
        let is_hidden = word.len() > MAX_WORD
            || n_digits > MAX_ALL_DIGITS
            || runs.max() > Some(MAX_DIGITS)
            || is_value;
        match word.split_once('=') {
            _ if word.is_empty() => {}
            _ if is_hidden => quoted.push('…'),
            Some((name, value)) if !value.is_empty() => {
                quoted.push_str(name);
                quoted.push_str("=…");
            }
            _ => quoted.push_str(&word),
        }
        if !word.is_empty() {
            is_value = is_secret_name(&word) && word.ends_with('=');
            word.clear();
        }
        // Quotes and blanks may stand between a name and its separator.
        let before = quoted.trim_end_matches(|c: char| "\"'“”‘’ ".contains(c));
        if ":：=＝".contains(c) {
            is_value |= is_secret_name(before);
        } else if !c.is_whitespace() && !"\"'“”‘’".contains(c) {
            is_value = false;
        }
        if !c.is_whitespace() && !c.is_control() {
            push_visible(&mut quoted, c);
        } else if !quoted.ends_with(' ') {
            quoted.push(' ');
        }
    }
    let more = if text.chars().nth(MAX_QUOTED).is_some() { "…" } else { "" };
    format!("\"{}{more}\"", quoted.trim())
}

/// A text of a source with its control characters, line breaks and changes of direction escaped: otherwise it
/// could clear a screen, forge a line or hide what follows.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut shown, c));
    shown
}

fn push_visible(shown: &mut String, c: char) {
    let changes_lines_or_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    if c.is_control() || changes_lines_or_direction {
        shown.extend(c.escape_unicode());
    } else {
        shown.push(c);
    }
}

/// Whether a character cannot be seen, so that a text without it reads the same.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

/// Whether the text ends with the name of a secret.
fn is_secret_name(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    secrets::NAMES.iter().any(|name| {
        let start = text.len().checked_sub(name.len());
        start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
    })
}

/// The member of an object, or of an XML element, with this name in any case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    members(value).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A text, a number or the text of an XML element, quoted if it is a text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| quote(text)),
        Value::Number(number) => {
            let number = number.to_string();
            Some(if number.len() > MAX_DIGITS { "…".to_owned() } else { number })
        }
        Value::Array(list) => text_of(list.first()?.get("$text")?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reason_of_an_answer_is_quoted_with_its_code() {
        for (answer, expected) in [
            (
                json!({ "errcode": 45_009, "errmsg": "quota\nused up" }),
                "\"quota used up\" (errcode 45009)",
            ),
            (json!({ "error": "invalid_client" }), "\"invalid_client\""),
            (json!({ "error": { "Code": "E7", "Message": "no" } }), "\"no\" (code \"E7\")"),
            (json!({ "head": [{ "msg": [{ "$text": "忙" }] }] }), "\"忙\""),
        ] {
            assert_eq!(reason(&answer).as_deref(), Some(expected), "{answer}");
        }
        for answer in
            [json!([{ "msg": "x" }]), json!({ "data": [{ "msg": "x" }] }), json!({ "msg": " " })]
        {
            assert_eq!(reason(&answer), None, "a record is never quoted: {answer}");
        }
    }

    #[test]
    fn what_a_source_says_can_neither_steer_a_terminal_nor_forge_a_line() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{9b}31m\r\nc\u{202e}d\u{2028}e\u{2066}f";
        let shown = r"a\u{1b}]0;x\u{7}b\u{9b}31m\u{d}\u{a}c\u{202e}d\u{2028}e\u{2066}f";
        assert_eq!(visible(hostile), shown);
        assert_eq!(visible("路灯 <b>"), "路灯 <b>");
        assert_eq!(quote(hostile), r#""a ]0;x b 31m c\u{202e}d e\u{2066}f""#);
        for c in ['\u{200b}', '\u{feff}', '\u{200e}', '\u{61c}', '\u{2063}'] {
            assert_eq!(quote(&format!("138{c}0000{c}1234")), "\"…\"", "{c:?}");
        }
    }

    #[test]
    fn a_quotation_hides_long_numbers_and_tokens_and_is_cut() {
        assert_eq!(quote("电话 13800001234 错 40013"), "\"电话 … 错 40013\"");
        assert_eq!(quote("138-0000-1234 2026-11-29 １３８００００１２３４"), "\"… 2026-11-29 …\"");
        assert_eq!(reason(&json!({ "info": 13_800_001_234_u64 })).as_deref(), Some("…"));
        assert_eq!(quote("id 34020019900101123X"), "\"id …\"");
        assert_eq!(quote("denied, token=S3CRET&id=7 for a=b"), "\"denied, token=…&id=… for a=…\"");
        assert_eq!(quote("wrong Password: hunter2 of x"), "\"wrong Password: … of x\"");
        assert_eq!(quote("{\"token\":\"S3CRET\"}"), "\"{\"token\":\"…\"}\"");
        assert_eq!(quote("密码：hunter2 错"), "\"密码：… 错\"");
        assert_eq!(quote("the token expired; key unknown"), "\"the token expired; key unknown\"");
        assert_eq!(quote("bad token eyJhbGciOiJIUzI1NiIsInR5cCI6"), "\"bad token …\"");
        assert_eq!(quote(&"长".repeat(300)).chars().count(), MAX_QUOTED + 3);
    }
}
