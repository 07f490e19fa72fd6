//! Answers the requests to the petition bureau, and enforces its limits.

use std::time::Duration;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use serde_json::{Value, json};

use crate::petition::case::{Case, case_id};
use crate::petition::element::{element_text, envelope, package, soap_fault};
use crate::petition::{Bureau, Quirk, SHARED_SECRET, Source};
use crate::sign;
use crate::source::Limits;
use crate::source::http::{Reply, Request};
use crate::source::register::Entry;
use crate::time::parse_dashed;

const MAX_ROWS: usize = 100;

pub(super) fn answer(bureau: &mut Bureau, source: &mut Source, request: &Request) -> Reply {
    if request.method != "POST" || request.path != "/XfjkWebService/Service.asmx" {
        return Reply::html(404, "Not Found");
    }
    let action = request.header("soapaction").unwrap_or_default().trim_matches('"');
    let action = match action.strip_prefix("http://xf.sim/") {
        Some("GetXfjList") => "GetXfjList",
        Some("AckXfj") => "AckXfj",
        _ => {
            source.count_refusal("action");
            return soap_fault("Server did not recognize the value of HTTP Header SOAPAction.");
        }
    };
    source.count_request(action);
    if is_closed_for_maintenance(source) {
        source.count_refusal("maintenance");
        return Reply::html(200, "系统维护中");
    }
    if source.applies(Quirk::SoapFault) {
        source.count_refusal("soap_fault");
        return soap_fault("Server was unable to process request.");
    }
    let (body, _, _) = encoding_rs::GB18030.decode(&request.body);
    // The charsets that the envelope and the document declare.
    let (outer, inner) = match () {
        () if source.applies(Quirk::OuterUtf8) => ("UTF-8", "GB2312"),
        () if source.applies(Quirk::InnerUtf8) => ("GB2312", "UTF-8"),
        () => ("GB2312", "GB2312"),
    };
    let content = match refusal(bureau, source, &body) {
        Some((code, message)) => package(head(code, message), Value::Null),
        None if action == "GetXfjList" => list(bureau, source, &body),
        None => acknowledge(bureau, source, &body),
    };
    envelope(action, outer, inner, &content)
}

fn is_closed_for_maintenance(source: &Source) -> bool {
    let from = NaiveTime::from_hms_opt(2, 0, 0).unwrap_or_default();
    let now = source.now().time();
    let is_night = from <= now && now < from + Duration::from_secs(30 * 60);
    (is_night && source.behaviour.limits == Limits::Real) || source.applies(Quirk::Maintenance)
}

/// The code and the message with which a request is refused; `None` if it is allowed.
fn refusal(
    bureau: &mut Bureau,
    source: &mut Source,
    body: &str,
) -> Option<(&'static str, &'static str)> {
    if element_text(body, "httpRequestVerify") != Some(sign::md5_hex(SHARED_SECRET)) {
        source.count_refusal("signature");
        return Some(("0304", "无权限"));
    }
    let now = source.now();
    if !bureau.bucket.try_request(now) {
        source.count_refusal("limit");
        source.request_counts.over_budget += 1;
        if bureau.was_too_early {
            source.request_counts.early += 1;
        }
        bureau.was_too_early = true;
        return Some(("-2", "调用过于频繁"));
    }
    bureau.was_too_early = false;
    if source.applies(Quirk::Busy) {
        source.count_refusal("busy");
        return Some(("-1", "系统繁忙"));
    }
    None
}

fn list(bureau: &mut Bureau, source: &Source, body: &str) -> Value {
    let time = |name: &str| parse_dashed(&element_text(body, name)?);
    let number = |name: &str| element_text(body, name).and_then(|text| text.parse::<usize>().ok());
    let (Some(from), Some(to)) = (time("kssj"), time("jssj")) else {
        return package(head("0202", "格式错误"), Value::Null);
    };
    let page = number("pageNo").unwrap_or(1).max(1);
    let size = number("pageSize").unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS);

    // The range includes both times, which are whole seconds.
    let to = to + TimeDelta::milliseconds(999);
    let before = from - TimeDelta::milliseconds(1);
    let earlier = source.register.changed_between(NaiveDateTime::MIN, before);
    let waiting = earlier.filter(|entry| bureau.is_unacknowledged(entry));
    let found: Vec<&Entry> = waiting.chain(source.register.changed_between(from, to)).collect();
    let mut total = found.len();
    if source.applies(Quirk::TotalDrifts) {
        total /= page + 1;
    }
    let rows: Vec<_> = found.iter().skip((page - 1) * size).take(size).collect();
    let has_failed = source.applies(Quirk::EmptyError);
    if rows.is_empty() || has_failed {
        let message = if has_failed { "查询异常，请稍后重试" } else { "没有数据" };
        return package(head("0001", message), json!({ "XFJLIST": "" }));
    }
    let mut cases = Vec::new();
    for entry in rows {
        bureau.served.insert(entry.number, entry.last().step);
        cases.push(Case::new(&source.behaviour, entry, entry.last()).element(true));
    }
    let head = json!({ "CODE": "0001", "MSG": "成功", "TOTAL": total, "PAGENO": page });
    package(head, json!({ "XFJLIST": { "XFJ": cases } }))
}

fn acknowledge(bureau: &mut Bureau, source: &Source, body: &str) -> Value {
    let ids = element_text(body, "xfjids").unwrap_or_default();
    let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    let (mut done, mut known, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (i, id) in ids.enumerate() {
        let number = id.get(12..).and_then(|digits| digits.parse().ok()).unwrap_or_default();
        let served = bureau.served.get(&number).filter(|_| id == case_id(number)).copied();
        match served {
            None => failed.push(json!({ "failId": id, "failReason": "无此信访件" })),
            Some(_) if i % 2 == 1 && source.applies(Quirk::HalfAck) => {
                failed.push(json!({ "failId": id, "failReason": "数据库忙，更新失败" }));
            }
            // The reader acknowledges the state that it was served, not the present one.
            Some(step) if bureau.acknowledged.insert(number, step) == Some(step) => known.push(id),
            Some(_) => done.push(id),
        }
    }
    let results = json!({
        "successStr": done.join(","),
        "conflictStr": known.join(","),
        "failSituationList": { "failSituation": failed },
    });
    package(head("0001", "成功"), results)
}

/// The head of an answer: its code (0001 for success) and message.
fn head(code: &str, message: &str) -> Value {
    json!({ "CODE": code, "MSG": message })
}

impl Bureau {
    /// Whether the reader has not acknowledged the newest state of a case.
    fn is_unacknowledged(&self, entry: &Entry) -> bool {
        self.acknowledged.get(&entry.number) != Some(&entry.last().step)
    }
}
