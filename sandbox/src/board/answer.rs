//! Which requests are accepted, and the answers.
//!
//! A reader who asks too often gets 429 for 30 seconds, and 403 for ten minutes after that if it
//! went on asking.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::board::thread::{Thread, tid};
use crate::board::{APP_CODE, Board, Quirk, Source};
use crate::sign;
use crate::source::Limits;
use crate::source::http::{Reply, Request};
use crate::source::limit::Bucket;

const COOKIE: &str = "__jsluid_s";
const ROWS: u64 = 10;
const MAX_ROWS: u64 = 20;

pub(super) fn answer(board: &mut Board, source: &mut Source, request: &Request) -> Reply {
    if request.method == "GET" {
        return welcome(board, source, request);
    }
    let list = match request.path.as_str() {
        "/v1/threads/list/df" => true,
        "/v1/threads/content" => false,
        _ => return Reply::html(404, "Not Found"),
    };
    source.count(if list { "list" } else { "detail" });
    if !has_cookie(board, request) {
        source.refuse("cookie");
        return Reply::html(403, "访问被拒绝");
    }
    if let Some(refusal) = board.guard.stop(source) {
        return refusal;
    }
    let Some(param) = signed_param(request) else {
        source.refuse("signature");
        return Reply::json(r#"{"code":"SN0006","msg":"数据格式错误"}"#);
    };
    if source.strikes(Quirk::Challenge) {
        source.refuse("challenge");
        return Reply::html(200, "请稍候，正在验证您的浏览器");
    }
    let body = if list { list_of(board, source, &param) } else { detail_of(source, &param) };
    Reply::json(body.to_string())
}

fn welcome(board: &Board, source: &mut Source, request: &Request) -> Reply {
    if request.path != "/" {
        return Reply::html(404, "Not Found");
    }
    source.count("welcome");
    let cookie = format!("{COOKIE}={}; path=/; HttpOnly", board.cookie);
    Reply::html(200, "领导留言板").with("set-cookie", cookie)
}

fn has_cookie(board: &Board, request: &Request) -> bool {
    let expected = format!("{COOKIE}={}", board.cookie);
    let cookies = request.header("cookie").unwrap_or_default();
    cookies.split(';').any(|cookie| cookie.trim() == expected)
}

/// The parameters, if they are signed. The signature is over their text.
fn signed_param(request: &Request) -> Option<Value> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let text = |name: &str| body[name].as_str();
    let (param, token) = (text("param")?, text("token")?);
    let right = sign::message_board(&request.path, param, APP_CODE, token);
    let is_known = text("appCode") == Some(APP_CODE) && text("signature") == Some(&*right);
    if is_known { serde_json::from_str(param).ok() } else { None }
}

fn list_of(board: &Board, source: &Source, param: &Value) -> Value {
    let rows = number(&param["rows"]).unwrap_or(ROWS).clamp(1, MAX_ROWS);
    let rows = usize::try_from(rows).unwrap_or_default();
    let fid = number(&param["fid"]).unwrap_or_default();
    let after = number(&param["lastItem"]).filter(|tid| *tid > 0);
    let wanted = number(&param["state"]).unwrap_or(1);
    let own = |map: &std::collections::BTreeMap<u64, Vec<u64>>| {
        map.get(&fid).cloned().unwrap_or_default()
    };

    let mut list = Vec::new();
    if after.is_none() {
        // A pinned thread comes first whatever its number, and again in its own place.
        list.extend(
            own(&board.pinned).iter().rev().filter_map(|n| shown(source, *n, wanted)).take(1),
        );
    }
    let older = own(&board.by_fid);
    let older = older.iter().rev().filter(|number| after.is_none_or(|after| tid(**number) < after));
    let left = rows - list.len();
    list.extend(older.filter_map(|number| shown(source, *number, wanted)).take(left));

    let last = list.last().map_or(json!(""), |thread| thread["tid"].clone());
    let code = if source.strikes(Quirk::CodeText) { json!("0") } else { json!(0) };
    if source.strikes(Quirk::OtherEnvelope) {
        return json!({ "code": code, "msg": "ok", "data": { "lastItem": last, "data": list } });
    }
    json!({ "code": code, "msg": "ok", "resultData": { "lastItem": last, "list": list } })
}

/// The thread as the list shows it, if it exists and is in the requested state.
fn shown(source: &Source, number: u64, wanted: u64) -> Option<Value> {
    let entry = source.register.entry(number).filter(|entry| entry.gone.is_none())?;
    let thread = Thread::new(&source.behaviour, entry, entry.last());
    (wanted <= 1 || wanted == thread.state_number()).then(|| thread.listed())
}

fn detail_of(source: &mut Source, param: &Value) -> Value {
    let number = number(&param["tid"]).and_then(|tid| tid.checked_sub(20_000_000)).map(|n| n / 3);
    let entry = number.and_then(|number| source.register.entry(number));
    let entry = entry.filter(|entry| entry.gone.is_none() && param["tid"] == tid(entry.number));
    let Some(entry) = entry else { return removed() };
    if source.behaviour.faults.strikes(Quirk::Removed, entry.number) {
        let (number, now) = (entry.number, source.now());
        source.register.delete(number, now);
        return removed();
    }
    let list = Thread::new(&source.behaviour, entry, entry.last()).detail();
    let code = if source.strikes(Quirk::CodeText) { json!("0") } else { json!(0) };
    json!({ "code": code, "msg": "ok", "resultData": { "contentList": list } })
}

fn removed() -> Value {
    json!({ "code": "NF0004", "msg": "该留言不存在或已被删除" })
}

/// A number, written as one or as a text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

const BETWEEN: Duration = Duration::from_millis(1_500);
const BURST: i32 = 3;
const THROTTLED: Duration = Duration::from_secs(30);
const BANNED: Duration = Duration::from_secs(600);

/// Enforces the limits.
#[derive(Debug)]
pub(super) struct Guard {
    bucket: Bucket,
    throttled: TimeDelta,
    banned: TimeDelta,
    penalty: Option<Penalty>,
}

#[derive(Clone, Copy, Debug)]
enum Penalty {
    /// 429 until then, and whether there was a request meanwhile.
    Throttled { until: NaiveDateTime, insisted: bool },
    /// 403 until then.
    Banned { until: NaiveDateTime },
}

impl Guard {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            bucket: Bucket::new(limits, BETWEEN, BURST),
            throttled: limits.between(THROTTLED),
            banned: limits.between(BANNED),
            penalty: None,
        }
    }

    /// The refusal, if this request is refused.
    pub(super) fn stop(&mut self, source: &mut Source) -> Option<Reply> {
        let now = source.now();
        match self.penalty {
            Some(Penalty::Throttled { until, .. }) if now < until => {
                source.calls.early += 1;
                self.penalty = Some(Penalty::Throttled { until, insisted: true });
                return Some(throttled(source, until - now));
            }
            Some(Penalty::Throttled { until, insisted: true }) if now < until + self.banned => {
                self.penalty = Some(Penalty::Banned { until: until + self.banned });
                return Some(banned(source));
            }
            Some(Penalty::Banned { until }) if now < until => {
                source.calls.early += 1;
                return Some(banned(source));
            }
            _ => self.penalty = None,
        }
        if self.bucket.allows(now) {
            return None;
        }
        source.calls.over_budget += 1;
        self.penalty = Some(Penalty::Throttled { until: now + self.throttled, insisted: false });
        Some(throttled(source, self.throttled))
    }
}

fn throttled(source: &mut Source, wait: TimeDelta) -> Reply {
    source.refuse("limit");
    // Rounded up: a reader that waits as told must not be early.
    let seconds = (wait.num_milliseconds() + 999) / 1_000;
    Reply::html(429, "Too Many Requests").with("retry-after", seconds.to_string())
}

fn banned(source: &mut Source) -> Reply {
    source.refuse("ban");
    Reply::html(403, "访问被拒绝")
}
