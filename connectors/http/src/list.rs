//! What an answer says about its own success: an empty list beside a failure is no end of the pages.

mod remarks;

use std::collections::BTreeSet;

use connector_wire::reason;
use document::{Path, scalar_text};
use serde_json::Value;

pub(crate) use remarks::Remarks;

use crate::{config::Config, fetch::Parsed};

/// Members that tell whether a request was successful, without `-` and `_`.
const STATES: &[&str] = &[
    "bizcode",
    "code",
    "errcode",
    "errno",
    "errorcode",
    "flag",
    "issuccess",
    "ok",
    "rc",
    "rescode",
    "respcode",
    "responsecode",
    "result",
    "resultcode",
    "ret",
    "retcode",
    "returncode",
    "rtn",
    "rtncode",
    "state",
    "statuscode",
    "status",
    "succeed",
    "succeeded",
    "success",
    "subcode",
];
/// Of these, the ones that are true or false, so that 1 is a success.
const FLAGS: &[&str] = &["flag", "issuccess", "ok", "succeed", "succeeded", "success"];

/// Values that say that nothing failed.
const FINE: &[&str] = &[
    "",
    "0",
    "00",
    "000",
    "0000",
    "00000",
    "000000",
    "200",
    "true",
    "ok",
    "success",
    "succeeded",
    "none",
];
/// Words in a text about a failure.
const FAILURES: &[&str] = &[
    "不可用",
    "失败",
    "失效",
    "异常",
    "拒绝",
    "无效",
    "无权",
    "权限不足",
    "没有权限",
    "登录",
    "稍后",
    "系统维护",
    "繁忙",
    "超时",
    "超限",
    "过期",
    "过载",
    "错误",
    "限流",
    "频繁",
    "denied",
    "busy",
    "error",
    "exception",
    "expired",
    "fail",
    "forbidden",
    "invalid",
    "limit exceeded",
    "overload",
    "timed out",
    "timeout",
    "too many",
    "try again",
    "unauthorized",
    "unavailable",
];
/// Words in a text that says that all is fine, or that there are no records.
const FINE_TEXTS: &[&str] = &[
    "empty",
    "no more",
    "not found",
    "success",
    "succeed",
    "不存在",
    "为空",
    "完成",
    "成功",
    "无更多",
    "无相关",
    "无符合",
    "无异常",
    "无数据",
    "无记录",
    "无错误",
    "暂无",
    "未查询到",
    "未找到",
    "查无",
    "查询完毕",
    "查询正常",
    "正常",
    "没有数据",
    "没有异常",
    "没有找到",
    "没有更多",
    "没有查询到",
    "没有相关",
    "没有符合",
    "没有记录",
    "没有错误",
    "no data",
    "no error",
    "no record",
    "no result",
];
/// Words in a text that only seems to say so.
const REFUTED: &[&str] = &[
    "not be empty",
    "not succe",
    "token is empty",
    "unsuccess",
    "user not found",
    "不成功",
    "不正常",
    "不能为空",
    "参数为空",
    "失败",
    "应用不存在",
    "接口不存在",
    "服务不存在",
    "未完成",
    "未成功",
    "用户不存在",
    "账号不存在",
    "非正常",
];
/// What is not known of lines from a source that does not say where its answers end.
pub(crate) const MAY_BE_CUT: &str = "the source sends neither Content-Length nor chunks: lines that were lost at \
                                     the end of an answer are not noticed";

/// Heads with a report, which may as well be the record that was asked for.
const MAYBE_RECORDS: [&str; 4] = ["response", "result", "state", "status"];
/// Members that name an error.
const ERRORS: [&str; 5] = ["error", "errors", "exception", "iserror", "haserror"];
/// Other members that an answer may have which contains nothing.
const ENVELOPE: [&str; 8] =
    ["count", "path", "requestid", "servertime", "time", "timestamp", "total", "traceid"];

/// What an answer says about its own success.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Whether it names an error.
    names_error: bool,
    /// Members like `code=500`, which say that something failed.
    failures: BTreeSet<String>,
    /// Members like `code=1`, which may mean a success or a failure.
    unclear: BTreeSet<String>,
    /// Its texts, like `msg=…`, except those that say that all is fine.
    texts: BTreeSet<String>,
    /// Those of them that speak of a failure.
    complaints: BTreeSet<String>,
}

impl Report {
    /// Reads the members of the answer that tell whether it is a success.
    pub(crate) fn of(tree: &Value, is_xml: bool) -> Self {
        Self::read(envelope(tree, is_xml), is_xml, |_| true)
    }

    /// The same for an answer that is a record or contains one, whose members may have names like `status`: a
    /// head that may be the record counts only if it is nothing but a report.
    pub(crate) fn of_record(tree: &Value, is_xml: bool) -> Self {
        let answer = envelope(tree, is_xml);
        let may_be_record = |place: &Value| {
            let has_name =
                |name: &str| MAYBE_RECORDS.iter().any(|one| name.eq_ignore_ascii_case(one));
            reason::members(answer)
                .any(|(name, value)| std::ptr::eq(value, place) && has_name(name))
        };
        Self::read(answer, is_xml, |place| {
            !may_be_record(place) || reason::members(place).all(is_report)
        })
    }

    /// Reads those places of an answer that count.
    fn read(answer: &Value, is_xml: bool, counts: impl Fn(&Value) -> bool) -> Self {
        let mut report = Self::default();
        if answer.is_array() {
            return report;
        }
        // In JSON, a list is no head: it may have the records.
        let may_be_head = |place: &&Value| (is_xml || place.is_object()) && counts(place);
        for place in reason::places(answer).into_iter().filter(may_be_head) {
            report.names_error |= names_error(place);
            for (name, value) in reason::members(place) {
                report.note(name, value);
            }
        }
        report
    }

    fn note(&mut self, name: &str, value: &Value) {
        let Some(value) = scalar_text(value).map(|value| value.trim().to_lowercase()) else {
            return;
        };
        let plain = plain_name(name);
        let sign = format!("{plain}={value}");
        if STATES.contains(&plain.as_str()) {
            match is_success(&plain, &value) {
                Some(true) => false,
                Some(false) => self.failures.insert(sign),
                None => self.unclear.insert(sign),
            };
        } else if reason::is_text(name) && !FINE.contains(&value.as_str()) {
            let has_any = |words: &[&str]| words.iter().any(|word| value.contains(word));
            if value == "false" || has_any(FINE_TEXTS) && !has_any(REFUTED) {
                return;
            }
            // These may as well describe what was asked for.
            let is_description = ["info", "reason", "desc"].contains(&plain.as_str());
            if (has_any(FAILURES) || has_any(REFUTED)) && !is_description {
                self.complaints.insert(sign.clone());
            }
            self.texts.insert(sign);
        }
    }

    /// Whether the answer says that something failed. What came with records is `known` to be fine.
    pub(crate) fn fails(&self, known: &BTreeSet<String>) -> bool {
        let is_new = |signs: &BTreeSet<String>| signs.iter().any(|sign| !known.contains(sign));
        self.names_error
            || is_new(&self.failures)
            || is_new(&self.complaints)
            || is_new(&self.unclear) && is_new(&self.texts)
    }

    /// Whether anything in an answer without its list says that something failed.
    pub(crate) fn may_fail(&self, known: &BTreeSet<String>) -> bool {
        self.fails(known) || self.unclear.iter().any(|sign| !known.contains(sign))
    }

    /// Whether the answer certainly says that something failed: `{"code": 1}` may be a success.
    pub(crate) fn certainly_fails(&self) -> bool {
        self.names_error || !self.failures.is_empty()
    }

    /// What an answer with records shows to be fine.
    pub(crate) fn signs(self) -> impl Iterator<Item = String> {
        self.failures.into_iter().chain(self.unclear).chain(self.texts)
    }
}

/// The answer within its envelope: in XML, the root element, and in SOAP the result within the body.
pub(crate) fn envelope(tree: &Value, is_xml: bool) -> &Value {
    if !is_xml {
        return tree;
    }
    let root = only_element(tree).unwrap_or(tree);
    let Some(body) = root.get("Body").and_then(|body| body.get(0)) else { return root };
    let response = only_element(body).unwrap_or(body);
    only_element(response).unwrap_or(response)
}

/// The element that is the only one in another, unless it is a text.
fn only_element(value: &Value) -> Option<&Value> {
    let mut elements = value.as_object()?.iter().filter(|(name, _)| !name.starts_with(['@', '$']));
    let element = elements.next()?.1.get(0)?;
    let is_only =
        elements.next().is_none() && element.is_object() && element.get("$text").is_none();
    is_only.then_some(element)
}

/// Whether an answer has nothing but a report about itself: no record, no list, no text.
pub(crate) fn is_bare(tree: &Value, is_xml: bool) -> bool {
    let answer = envelope(tree, is_xml);
    let heads = reason::places(answer);
    let is_head = |value: &Value| heads.iter().skip(1).any(|head| std::ptr::eq(*head, value));
    match answer {
        Value::Object(object) => object.iter().all(|(name, value)| {
            is_report((name, value)) || is_head(value) && reason::members(value).all(is_report)
        }),
        other => is_empty(other),
    }
}

/// Whether an answer is an empty list, or has one: then it says that there is nothing.
pub(crate) fn has_empty_list(tree: &Value, is_xml: bool) -> bool {
    let answer = envelope(tree, is_xml);
    let is_empty_list = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let is_error = |name: &str| ERRORS.iter().any(|error| name.eq_ignore_ascii_case(error));
    is_empty_list(answer)
        || reason::members(answer).any(|(name, value)| is_empty_list(value) && !is_error(name))
}

/// Whether an answer has no list, or `null` in its place, and no sign of a failure.
pub(crate) fn lacks_list(config: &Config, parsed: &Parsed, known: &BTreeSet<String>) -> bool {
    let Parsed { tree, is_xml, .. } = parsed;
    let is_list = |list: Path| list.all(tree).iter().any(|value| !value.is_null());
    config.records.list().is_some_and(|list| !is_list(list))
        && !Report::of(tree, *is_xml).may_fail(known)
}

/// Whether an answer is a list, and one of its elements reports a failure.
pub(crate) fn has_failure(tree: &Value, known: &BTreeSet<String>) -> bool {
    let elements = tree.as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().any(|element| Report::of(element, false).fails(known))
}

/// Whether a record has something at each path of its key.
pub(crate) fn has_key(config: &Config, record: &Value) -> bool {
    config.key.paths().iter().all(|path| path.first(record).is_some())
}

/// Checks records of which none has the key: they may be an answer that reports a failure, or its members.
/// `tree` is the answer without them.
pub(crate) fn check_records(
    config: &Config,
    path: &Path,
    records: Vec<Value>,
    tree: &Value,
    known: &BTreeSet<String>,
) -> Result<Vec<Value>, String> {
    if records.is_empty() || records.iter().any(|record| has_key(config, record)) {
        return Ok(records);
    }
    // A list may be an object whose members are the records.
    if let Some(list) =
        path.list().filter(|list| !list.all(tree).iter().any(|list| list.is_array()))
    {
        return Err(format!("there is no list at {}", list.as_str()));
    }
    if let Some(failure) = records.iter().find(|record| Report::of(record, false).fails(known)) {
        let what = "no record has the key, and one of them reports a failure";
        return Err(match reason::reason(failure) {
            Some(reason) => format!("{what}; the source says {reason}"),
            None => what.to_owned(),
        });
    }
    Ok(records)
}

/// Whether this member is a part of a report, or has nothing.
fn is_report((name, value): (&String, &Value)) -> bool {
    let plain = plain_name(name);
    let is_known = STATES.contains(&plain.as_str())
        || reason::is_text(name)
        || ENVELOPE.contains(&plain.as_str());
    is_empty(value) || is_known && scalar_text(value).is_some()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

/// Whether the value of this member says that the request was successful; `None` if it may mean both.
fn is_success(name: &str, value: &str) -> Option<bool> {
    let is_flag = FLAGS.contains(&name);
    if is_flag && ["1", "y", "yes"].contains(&value) {
        return Some(true);
    }
    // Some sources write 0 into a flag of theirs if all is fine.
    if is_flag && ["0", "n", "no"].contains(&value) {
        return (name != "flag").then_some(false);
    }
    if FINE.contains(&value) {
        return Some(true);
    }
    let is_failure = match value.parse::<i64>() {
        Ok(code) => {
            name.starts_with("err")
                || code < 0
                || (400..600).contains(&code)
                || [999, 9999, 99999].contains(&code)
        }
        Err(_) => value == "false" || value.starts_with("fail") || value.starts_with("err"),
    };
    is_failure.then_some(false)
}

/// Whether the answer has an error, or a list of errors that is not empty.
fn names_error(tree: &Value) -> bool {
    ERRORS.iter().any(|name| {
        match reason::members(tree).find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, Value::Array(errors))) => !errors.is_empty(),
            Some((_, Value::Object(error))) => error.values().any(|value| {
                let text = scalar_text(value).map(|text| text.trim().to_lowercase());
                !value.is_null() && text.is_none_or(|text| !FINE.contains(&text.as_str()))
            }),
            Some((_, Value::String(error))) => {
                let error = error.trim().to_lowercase();
                !FINE.contains(&error.as_str()) && error != "false"
            }
            Some((_, Value::Bool(is_error))) => *is_error,
            Some((_, Value::Number(code))) => code.as_i64() != Some(0),
            _ => false,
        }
    })
}

/// Whether lines of JSON end within a line: the answer was cut.
pub(crate) fn ends_within_a_line(text: &str) -> bool {
    let is_json = |line: &str| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    // Blanks behind the last line are not a line.
    let text = text.trim_end_matches([' ', '\t']);
    let (Some(first), Some(last)) = (text.lines().next(), text.lines().next_back()) else {
        return false;
    };
    let has_lines = text.trim_end().contains('\n') && !text.ends_with('\n');
    has_lines && first.starts_with('{') && !is_json(last) && is_json(first)
}

/// Whether a text of lines has no line end at its end.
pub(crate) fn lacks_line_end(text: &str) -> bool {
    !text.trim_end_matches([' ', '\t']).is_empty() && !text.ends_with(['\r', '\n'])
}

/// Whether the answer counts its records, and the count is zero: some sources then leave out the list.
pub(crate) fn says_zero(tree: &Value) -> bool {
    let mut counts = Vec::new();
    collect_counts(tree, &mut counts);
    !counts.is_empty() && counts.iter().all(|count| count == "0")
}

fn collect_counts(tree: &Value, counts: &mut Vec<String>) {
    match tree {
        Value::Object(object) => {
            for (name, value) in object {
                let name = name.to_lowercase();
                let is_count = name.starts_with("total")
                    || name.ends_with("total")
                    || ["count", "recordcount", "rowcount"].contains(&name.as_str());
                // An XML element is a list of one object.
                match scalar_text(value) {
                    Some(count) if is_count && !value.is_boolean() => counts.push(count),
                    _ => collect_counts(value, counts),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_counts(value, counts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
