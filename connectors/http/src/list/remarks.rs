//! What an answer with an empty list says beside it, because of which more records may follow.
//!
//! A source that does not go on, such as one that gives out only so many pages, often says so in plain words,
//! with a success in all else. That is no failure for certain, but no end of the list either.

use std::collections::BTreeSet;

use connector_wire::reason;
use document::scalar_text;
use serde_json::Value;

use super::{FAILURES, FINE, FINE_TEXTS, REFUTED, STATES, envelope, is_success, plain_name};

/// Members with a text for the reader of an answer, besides those that have the reason of a failure. All names
/// are without `-` and `_`.
const TEXTS: &[&str] = &[
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
const CODES: &[&str] = &[
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
const MORE: &[&str] = &["hasmore", "hasnext", "hasnextpage", "more"];
/// Members that say with `true` that the answer is not whole.
const UNFINISHED: &[&str] = &[
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

/// What an answer says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remarks {
    texts: Vec<Remark>,
    codes: Vec<Remark>,
    unfinished: Vec<Remark>,
    more: Vec<Remark>,
    /// Whether one of its texts says that all is fine, or that there are no records.
    says_end: bool,
}

/// A member of an answer.
#[derive(Debug, Clone)]
struct Remark {
    /// Like `code=1`.
    sign: String,
    /// How it is shown.
    shown: String,
}

impl Remarks {
    pub(crate) fn of(tree: &Value, is_xml: bool) -> Self {
        let mut remarks = Self::default();
        let answer = envelope(tree, is_xml);
        if answer.is_array() {
            return remarks;
        }
        let is_head = |place: &&Value| is_xml || place.is_object();
        for place in reason::places(answer).into_iter().filter(is_head) {
            reason::members(place).for_each(|(name, value)| remarks.note(name, value));
        }
        // The list may stand in an object, beside what is said about it.
        let objects = reason::members(answer).filter(|(_, value)| value.is_object());
        for (name, value) in objects.flat_map(|(_, object)| reason::members(object)) {
            remarks.note_flag(&plain_name(name), value);
        }
        remarks
    }

    fn note(&mut self, name: &str, value: &Value) {
        let plain = plain_name(name);
        self.note_flag(&plain, value);
        let list = || {
            let texts: Vec<String> = value.as_array()?.iter().filter_map(scalar_text).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        let Some(text) = scalar_text(value).or_else(list) else { return };
        let lower = text.trim().to_lowercase();
        let sign = format!("{plain}={lower}");
        let remark = Remark { sign, shown: format!("{name} {}", reason::quote(&text)) };
        if reason::is_text(name) || TEXTS.contains(&plain.as_str()) {
            if is_end(&lower) {
                self.says_end = true;
            } else if lower != "false" {
                self.texts.push(remark);
            }
        } else if STATES.contains(&plain.as_str()) || CODES.contains(&plain.as_str()) {
            let is_fine = is_success(&plain, &lower) == Some(true)
                || CODES.contains(&plain.as_str()) && lower == "false"
                || lower == "204"
                || is_end(&lower.replace(['_', '-'], " "));
            if !is_fine {
                self.codes.push(remark);
            }
        }
    }

    fn note_flag(&mut self, plain: &str, value: &Value) {
        let is_true = scalar_text(value).is_some_and(|value| {
            ["true", "1", "y", "yes"].contains(&value.to_lowercase().as_str())
        });
        let flags = match plain {
            _ if !is_true => return,
            _ if MORE.contains(&plain) => &mut self.more,
            _ if UNFINISHED.contains(&plain) => &mut self.unfinished,
            _ => return,
        };
        flags.push(Remark { sign: format!("{plain}=true"), shown: format!("{plain} true") });
    }

    /// What came with records, and so is no sign beside an empty list.
    pub(crate) fn signs(self) -> impl Iterator<Item = String> {
        let remarks = self.texts.into_iter().chain(self.codes).chain(self.unfinished);
        remarks.map(|remark| remark.sign)
    }

    /// What speaks against the end of the list, beside an empty one. Answers with records had `known` signs; if
    /// there were none (`is_compared`), codes say nothing. If the channel says which answers are successes
    /// (`is_success`), neither codes nor texts do.
    pub(crate) fn against_end(
        &self,
        known: &BTreeSet<String>,
        is_compared: bool,
        is_success: bool,
    ) -> Option<&str> {
        let is_new = |remark: &&Remark| !known.contains(&remark.sign);
        let shapes: BTreeSet<String> = known.iter().map(|sign| shape(sign)).collect();
        let has_new_shape = |remark: &&Remark| !shapes.contains(&shape(&remark.sign));
        let text = self.texts.iter().find(has_new_shape).filter(|_| !is_success);
        let code = self.codes.iter().find(is_new);
        let code = code.filter(|_| !is_success && is_compared && !self.says_end);
        // More records follow those of any other page too.
        let flag = self.more.first().or_else(|| self.unfinished.iter().find(is_new));
        text.or(code).or(flag).map(|remark| remark.shown.as_str())
    }
}

/// Whether a text, in lower case, says that all is fine, or that there are no more records.
fn is_end(text: &str) -> bool {
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
fn shape(sign: &str) -> String {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn against_end(remark: &Value, known: &[Value]) -> Option<String> {
        let answer = |remark: &Value, rows: Value| {
            let mut tree = json!({ "rows": rows });
            tree.as_object_mut().unwrap().extend(remark.as_object().unwrap().clone());
            tree
        };
        let known = known.iter().map(|known| answer(known, json!([])));
        let known = known.flat_map(|tree| Remarks::of(&tree, false).signs()).collect();
        let remarks = Remarks::of(&answer(remark, json!([])), false);
        remarks.against_end(&known, true, false).map(str::to_owned)
    }

    #[test]
    fn words_that_are_neither_a_success_nor_an_end_speak_against_an_empty_page() {
        for remark in [
            json!({ "message": "Result window is too large, from + size must be less than [30]" }),
            json!({ "message": "page number exceeds the maximum of 2" }),
            json!({ "msg": "页码超出范围" }),
            json!({ "msg": "查询成功，仅返回前1000条" }),
            json!({ "msg": "no more than 100 pages" }),
            json!({ "message": "ok", "warnings": ["only the first 10 records are shown"] }),
            json!({ "meta": { "message": "quota used up" } }),
            json!({ "timed_out": true }),
            json!({ "truncated": "true" }),
            json!({ "partial": true }),
            json!({ "hasMore": true }),
            json!({ "data": { "has_more": true } }),
            json!({ "more": true }),
            json!({ "resultCode": "E1001" }),
            json!({ "retcode": 1 }),
            json!({ "err": 3 }),
            json!({ "code": 3, "msg": null }),
        ] {
            assert!(against_end(&remark, &[json!({ "code": 1 })]).is_some(), "{remark}");
        }
    }

    #[test]
    fn benign_words_and_what_came_with_records_do_not_speak_against_an_empty_page() {
        for text in [
            "success",
            "SUCCESS",
            "ok",
            "OK.",
            "Query ok",
            "成功",
            "查询成功",
            "无数据",
            "暂无数据",
            "没有更多了",
            "共0条",
            "0 records",
            "no data",
            "no more",
            "not found records",
            "No records found",
            "nothing to show",
            "已加载全部",
            "查询完毕",
            "最后一页",
            "",
            "none",
        ] {
            for remark in [
                json!({ "message": text }),
                json!({ "msg": text, "retcode": 1 }),
                json!({ "code": 2, "warning": text, "msg": "ok" }),
            ] {
                let known = [json!({ "retcode": 1, "code": 2 })];
                assert_eq!(against_end(&remark, &known), None, "{remark}");
            }
        }
        for (remark, known) in [
            (json!({ "code": 1 }), json!({ "code": 1 })),
            (json!({ "code": "NO_DATA" }), json!({ "code": "A1" })),
            (json!({ "code": 204 }), json!({ "code": 1 })),
            (json!({ "msg": "第 3 批" }), json!({ "msg": "第 2 批" })),
            (json!({ "msg": "took 12ms, id 9f3a" }), json!({ "msg": "took 7ms, id b2c1" })),
            (json!({ "partial": true }), json!({ "partial": true })),
            (json!({ "hasMore": false, "err": false, "errno": 0 }), json!({})),
            (json!({ "data": { "state": "x" }, "total": 7 }), json!({})),
        ] {
            assert_eq!(
                against_end(&remark, std::slice::from_ref(&known)),
                None,
                "{remark} {known}"
            );
        }
        let remarks = Remarks::of(&json!({ "code": 1, "msg": "page 9 is too far" }), false);
        assert_eq!(remarks.against_end(&BTreeSet::new(), true, true), None, "the settings know");
        let remarks = Remarks::of(&json!({ "code": 1 }), false);
        assert_eq!(remarks.against_end(&BTreeSet::new(), false, false), None, "not compared");
    }
}
