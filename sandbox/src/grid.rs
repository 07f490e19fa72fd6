//! The platform of the mobile app and of the terminals of grid workers (网格员, who look after a few
//! streets). A reader can poll it, and it can push to an address.
//!
//! `GET /restapi/appeal/page` with signed X-BG headers returns a page of reports, ordered by the time of
//! their last change. A pushed report has such headers too; the platform sends it until the answer is 2xx.

mod push;
mod report;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use self::report::{Report, STEPS, report_id};
use crate::quirk::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::time::{parse_dashed, parse_http_date};
use crate::truth::ServedState;

pub use self::push::PushCounts;

/// The access key of the only client, and the key with which it signs.
const ACCESS_KEY: &str = "BGSIM340200";
const SECRET_KEY: &str = "sim-x-bg-secret-340200";

/// The platform of the mobile app and the grid workers.
#[derive(Debug, Default)]
pub struct Grid {
    /// The number of the last report that was pushed.
    last_pushed: u64,
    /// The number of push requests so far; decides which quirks apply.
    n_attempts: u64,
    /// After a 503: the time before which the reader must not send another request.
    retry_at: Option<NaiveDateTime>,
}

impl Upstream for Grid {
    type Quirk = Quirk;
    const CHANNEL: &'static str = "mobile";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("MOBILE_SECRET_KEY", SECRET_KEY)];

    fn new(_: &Behaviour<Quirk>) -> Self {
        Self::default()
    }

    fn key(number: u64) -> String {
        report_id(number)
    }

    fn steps(_: u64) -> usize {
        STEPS
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Report::new(behaviour, entry, change).served_state()
    }

    fn answer(&mut self, source: &mut Source, request: &Request) -> Reply {
        if request.method != "GET" || request.path != "/restapi/appeal/page" {
            return Reply::html(404, "Not Found");
        }
        source.count_request("list");
        let now = source.now();
        if self.retry_at.take().is_some_and(|retry_at| now < retry_at) {
            source.request_counts.early += 1;
        }
        if source.applies(Quirk::Unavailable) {
            source.count_refusal("unavailable");
            self.retry_at = Some(now + RETRY_AFTER);
            let seconds = RETRY_AFTER.num_seconds().to_string();
            return Reply::html(503, "Service Unavailable").with_header("retry-after", seconds);
        }
        let header = |name: &str| request.header(name).unwrap_or_default();
        let date = header("x-bg-date-time");
        if parse_http_date(date).is_none_or(|at| (now - at).abs() > MAX_SKEW) {
            return refuse(source, "clock", "请求时间与服务器相差超过90秒");
        }
        let Request { method, path, query, .. } = request;
        let expected = sign::x_bg_signature(SECRET_KEY, method, path, query, ACCESS_KEY, date);
        if header("x-bg-hmac-access-key") != ACCESS_KEY
            || header("x-bg-hmac-algorithm") != "hmac-sha256"
            || header("x-bg-hmac-signature") != expected
        {
            return refuse(source, "signature", "签名校验失败");
        }
        page(source, request)
    }
}

type Source = SourceState<Quirk>;

quirks! {
    Quirk of items {
        /// Report: longitude and latitude are `0`.
        ZeroPosition = "zero_position" @ 7,
        /// Report: longitude and latitude are swapped.
        Swapped = "swapped" @ 11,
        /// Report: no position at all.
        NoPosition = "no_position" @ 13,
        /// Report: it is pushed four times, although the first push is accepted.
        Duplicate = "duplicate" @ 5,
    }
    others {
        /// Push: the signed time of the first attempt is two minutes too old; the next attempt is
        /// correct.
        Skewed = "skewed" @ 17,
        /// Push: the first attempt has a wrong signature; the next attempt is correct.
        BadSignature = "bad_signature" @ 19,
        /// Request: the answer is 503, with `Retry-After: 2`.
        Unavailable = "unavailable" @ 23,
    }
}

/// The maximum difference between the signed time of a request and the present time.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(90);
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(2);
const MAX_ROWS: usize = 100;

/// Counts a refusal for this reason, and returns a 401 with the message.
fn refuse(source: &mut Source, reason: &'static str, message: &str) -> Reply {
    source.count_refusal(reason);
    let mut reply = Reply::json(json!({ "code": 401, "message": message }).to_string());
    reply.status = 401;
    reply
}

/// Answers a request for a page of the reports that changed since `updatedTime`.
fn page(source: &Source, request: &Request) -> Reply {
    let number = |name: &str| request.param(name).and_then(|text| text.parse::<usize>().ok());
    let page = number("page").unwrap_or(1).max(1);
    let size = number("size").unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS);
    let since = match request.param("updatedTime").as_deref() {
        None | Some("") => Some(NaiveDateTime::MIN),
        Some(text) => parse_dashed(text),
    };
    let Some(since) = since else {
        return Reply::json(r#"{"code":400,"message":"updatedTime格式错误"}"#);
    };
    let found: Vec<_> = source.register.changed_between(since, NaiveDateTime::MAX).collect();
    let rows = found.iter().skip((page - 1) * size).take(size);
    let rows: Vec<Value> =
        rows.map(|entry| Report::new(&source.behaviour, entry, entry.last()).row()).collect();
    let data = json!({ "total": found.len(), "page": page, "size": size, "rows": rows });
    Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
}

#[cfg(test)]
mod tests;
