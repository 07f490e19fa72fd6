//! The words by which sources say that a list is at its end, that it is cut, or that more follows.

use super::super::{FAILURES, FINE, FINE_TEXTS, REFUTED};

/// Whether a text, in lower case, says that all is fine, or that there are no more records.
pub(super) fn is_end(text: &str) -> bool {
    let has_any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let whole = text.trim_matches(|c: char| !c.is_alphanumeric());
    let has_word =
        || text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| END_WORDS.contains(&word));
    let is_fine = FINE.contains(&whole)
        || WHOLE.contains(&whole)
        || has_any(FINE_TEXTS)
        || !has_any(FAILURES)
            && (has_any(ENDS) || has_word() || text.starts_with("没有") || says_none(text));
    is_fine && !has_any(CUT) && !has_any(REFUTED)
}

/// Whether a text counts nothing: `共0条`, `0 records`.
fn says_none(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
    let first = numbers.next();
    first.is_some_and(|run| run.bytes().all(|digit| digit == b'0')) && numbers.next().is_none()
}

/// A sign without what differs in each answer: numbers, times, and words with digits.
pub(super) fn shape(sign: &str) -> String {
    let (name, text) = sign.split_once('=').unwrap_or(("", sign));
    let mut shape = format!("{name}=");
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        shape.push_str(if has_digit { "#" } else { &word });
        word.clear();
        shape.push(c);
    }
    shape
}

/// Members with a text for the reader of an answer, besides those that have the reason of a failure. All names
/// are without `-` and `_`.
pub(super) const TEXTS: &[&str] = &[
    "detail",
    "details",
    "errdesc",
    "errinfo",
    "hint",
    "notice",
    "resultdesc",
    "statusmessage",
    "statustext",
    "tip",
    "tips",
    "warning",
    "warnings",
];
/// Members that tell whether a request was successful, besides those that make an answer a failure.
pub(super) const CODES: &[&str] = &[
    "bizstatus",
    "ecode",
    "err",
    "iserr",
    "resultflag",
    "resultstatus",
    "retcd",
    "returnstatus",
    "rspcode",
    "statuscd",
];
/// Members that say with `true` that more records follow.
pub(super) const MORE: &[&str] = &["hasmore", "hasnext", "hasnextpage", "more"];
/// Members that say with `true` that the answer is not whole.
pub(super) const UNFINISHED: &[&str] = &[
    "incomplete",
    "incompleteresults",
    "ispartial",
    "istruncated",
    "partial",
    "timedout",
    "truncated",
];
/// Words in a text about the end of a list, unless it is about a failure too.
const ENDS: &[&str] = &[
    "end of",
    "last page",
    "nothing",
    "no content",
    "no entries",
    "no items",
    "no row",
    "到底",
    "加载完",
    "加载全部",
    "完毕",
    "已全部",
    "最后一页",
    "未查到",
    "没有了",
    "结束",
];
/// Texts about the end of a list that have no more words.
const WHOLE: &[&str] = &["end", "no", "无", "空"];
/// Words for the same that are parts of others.
const END_WORDS: &[&str] = &["complete", "completed", "done", "finished", "ok", "okay", "zero"];
/// Words of a text that a list is cut, whatever else it says: "查询成功，仅返回前1000条".
const CUT: &[&str] = &[
    "at most",
    "first page only",
    "no more than",
    "not complete",
    "not done",
    "not finished",
    "not more than",
    "not ok",
    "only the first",
    "truncated",
    "仅展示",
    "仅显示",
    "仅返回",
    "只显示",
    "只返回",
    "最多",
];
