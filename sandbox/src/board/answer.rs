//! Answers the requests to the message board, and enforces its limits.
//!
//! After too many requests, the board answers 429 for 30 seconds. If it gets a request in this time, it
//! answers 403 for the next ten minutes.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::board::thread::{Thread, thread_id};
use crate::board::{APP_CODE, Board, Quirk, Source};
use crate::sign;
use crate::source::Limits;
use crate::source::http::{Reply, Request};
use crate::source::limit::Bucket;

const COOKIE: &str = "__jsluid_s";
/// The rows of a page if the request does not set `rows`.
const DEFAULT_ROWS: u64 = 10;
const MAX_ROWS: u64 = 20;

pub(super) fn answer(board: &mut Board, source: &mut Source, request: &Request) -> Reply {
    if request.method == "GET" {
        return home_page(board, source, request);
    }
    let is_list = match request.path.as_str() {
        "/v1/threads/list/df" => true,
        "/v1/threads/content" => false,
        _ => return Reply::html(404, "Not Found"),
    };
    source.count_request(if is_list { "list" } else { "detail" });
    if !has_cookie(board, request) {
        source.count_refusal("cookie");
        return Reply::html(403, "访问被拒绝");
    }
    if let Some(refusal) = board.limiter.refusal(source) {
        return refusal;
    }
    let Some(param) = signed_param(request) else {
        source.count_refusal("signature");
        return Reply::json(r#"{"code":"SN0006","msg":"数据格式错误"}"#);
    };
    if source.applies(Quirk::Challenge) {
        source.count_refusal("challenge");
        return Reply::html(200, "请稍候，正在验证您的浏览器");
    }
    let body = if is_list { list(board, source, &param) } else { detail(source, &param) };
    Reply::json(body.to_string())
}

fn home_page(board: &Board, source: &mut Source, request: &Request) -> Reply {
    if request.path != "/" {
        return Reply::html(404, "Not Found");
    }
    source.count_request("welcome");
    let cookie = format!("{COOKIE}={}; path=/; HttpOnly", board.cookie);
    Reply::html(200, "领导留言板").with_header("set-cookie", cookie)
}

fn has_cookie(board: &Board, request: &Request) -> bool {
    let expected = format!("{COOKIE}={}", board.cookie);
    let cookies = request.header("cookie").unwrap_or_default();
    cookies.split(';').any(|cookie| cookie.trim() == expected)
}

/// The parameters of a request, if its signature is valid.
fn signed_param(request: &Request) -> Option<Value> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let text = |name: &str| body[name].as_str();
    let (param, token) = (text("param")?, text("token")?);
    let expected = sign::board_signature(&request.path, param, APP_CODE, token);
    let is_valid = text("appCode") == Some(APP_CODE) && text("signature") == Some(&*expected);
    if is_valid { serde_json::from_str(param).ok() } else { None }
}

fn list(board: &Board, source: &Source, param: &Value) -> Value {
    let n_rows = number(&param["rows"]).unwrap_or(DEFAULT_ROWS).clamp(1, MAX_ROWS);
    let n_rows = usize::try_from(n_rows).unwrap_or_default();
    let fid = number(&param["fid"]).unwrap_or_default();
    let last_id = number(&param["lastItem"]).filter(|tid| *tid > 0);
    let state = number(&param["state"]).unwrap_or(1);
    let in_forum = |map: &std::collections::BTreeMap<u64, Vec<u64>>| {
        map.get(&fid).cloned().unwrap_or_default()
    };

    let mut rows = Vec::new();
    if last_id.is_none() {
        // A pinned thread comes first, and again at its own place.
        rows.extend(
            in_forum(&board.pinned).iter().rev().filter_map(|n| row(source, *n, state)).take(1),
        );
    }
    let threads = in_forum(&board.threads);
    let older = threads.iter().rev().filter(|n| last_id.is_none_or(|id| thread_id(**n) < id));
    let n_missing = n_rows - rows.len();
    rows.extend(older.filter_map(|number| row(source, *number, state)).take(n_missing));

    let last = rows.last().map_or(json!(""), |thread| thread["tid"].clone());
    let code = if source.applies(Quirk::CodeText) { json!("0") } else { json!(0) };
    if source.applies(Quirk::OtherEnvelope) {
        return json!({ "code": code, "msg": "ok", "data": { "lastItem": last, "data": rows } });
    }
    json!({ "code": code, "msg": "ok", "resultData": { "lastItem": last, "list": rows } })
}

/// The row of thread `number` in the list, if the thread exists and has the requested state (0 or 1: any).
fn row(source: &Source, number: u64, state: u64) -> Option<Value> {
    let entry = source.register.entry(number).filter(|entry| entry.deleted_at.is_none())?;
    let thread = Thread::new(&source.behaviour, entry, entry.last());
    (state <= 1 || state == thread.state_number()).then(|| thread.row())
}

fn detail(source: &mut Source, param: &Value) -> Value {
    let number = number(&param["tid"]).and_then(|tid| tid.checked_sub(20_000_000)).map(|n| n / 3);
    let entry = number.and_then(|number| source.register.entry(number));
    let entry = entry.filter(|e| e.deleted_at.is_none() && param["tid"] == thread_id(e.number));
    let Some(entry) = entry else { return not_found() };
    if source.behaviour.quirks.applies(Quirk::Removed, entry.number) {
        let (number, now) = (entry.number, source.now());
        source.register.delete(number, now);
        return not_found();
    }
    let list = Thread::new(&source.behaviour, entry, entry.last()).detail();
    let code = if source.applies(Quirk::CodeText) { json!("0") } else { json!(0) };
    json!({ "code": code, "msg": "ok", "resultData": { "contentList": list } })
}

fn not_found() -> Value {
    json!({ "code": "NF0004", "msg": "该留言不存在或已被删除" })
}

/// A number, which can also be written as a string.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The board allows one request per interval, and up to `BURST` at once after a pause.
const INTERVAL: Duration = Duration::from_millis(1_500);
const BURST: u32 = 3;
const THROTTLE_TIME: Duration = Duration::from_secs(30);
const BAN_TIME: Duration = Duration::from_secs(600);

/// Enforces the limits of the board.
#[derive(Debug)]
pub(super) struct RateLimiter {
    bucket: Bucket,
    throttle_time: TimeDelta,
    ban_time: TimeDelta,
    penalty: Option<Penalty>,
}

#[derive(Clone, Copy, Debug)]
enum Penalty {
    /// The board answers 429 until this time. `is_ignored`: the reader sent requests in this time.
    Throttled { until: NaiveDateTime, is_ignored: bool },
    /// The board answers 403 until this time.
    Banned { until: NaiveDateTime },
}

impl RateLimiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            bucket: Bucket::new(limits, INTERVAL, BURST),
            throttle_time: limits.interval(THROTTLE_TIME),
            ban_time: limits.interval(BAN_TIME),
            penalty: None,
        }
    }

    /// The answer to a refused request; `None` if the request is allowed.
    pub(super) fn refusal(&mut self, source: &mut Source) -> Option<Reply> {
        let now = source.now();
        match self.penalty {
            Some(Penalty::Throttled { until, .. }) if now < until => {
                source.request_counts.early += 1;
                self.penalty = Some(Penalty::Throttled { until, is_ignored: true });
                return Some(throttle_reply(source, until - now));
            }
            Some(Penalty::Throttled { until, is_ignored: true }) if now < until + self.ban_time => {
                self.penalty = Some(Penalty::Banned { until: until + self.ban_time });
                return Some(ban_reply(source));
            }
            Some(Penalty::Banned { until }) if now < until => {
                source.request_counts.early += 1;
                return Some(ban_reply(source));
            }
            _ => self.penalty = None,
        }
        if self.bucket.try_request(now) {
            return None;
        }
        source.request_counts.over_budget += 1;
        let wait = self.throttle_time;
        self.penalty = Some(Penalty::Throttled { until: now + wait, is_ignored: false });
        Some(throttle_reply(source, wait))
    }
}

fn throttle_reply(source: &mut Source, wait: TimeDelta) -> Reply {
    source.count_refusal("limit");
    // Rounded up, so that a reader that waits this long is not early.
    let seconds = (wait.num_milliseconds() + 999) / 1_000;
    Reply::html(429, "Too Many Requests").with_header("retry-after", seconds.to_string())
}

fn ban_reply(source: &mut Source) -> Reply {
    source.count_refusal("ban");
    Reply::html(403, "访问被拒绝")
}
