//! The mobile app and the grid workers' terminals: one platform that can be pulled and that pushes
//! to a given address.
//!
//! `GET /restapi/appeal/page` with X-BG headers pages through reports by time of update. Pushed
//! reports have the same headers and are sent again until the answer is 2xx.

mod push;
mod report;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use self::report::{Report, STEPS, report_id};
use crate::faults::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;
use crate::when::{from_http_date, from_plain};

pub use self::push::Pushed;

/// Who the simulated client is, and what it signs with.
const ACCESS_KEY: &str = "BGSIM340200";
const SECRET_KEY: &str = "sim-x-bg-secret-340200";

/// The platform of the mobile app and the grid.
#[derive(Debug, Default)]
pub struct Grid {
    /// Reports pushed so far.
    pushed: u64,
    /// Pushes attempted so far.
    attempts: u64,
    /// Until when the reader was told to wait.
    not_before: Option<NaiveDateTime>,
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
        source.count("list");
        let now = source.now();
        if self.not_before.take().is_some_and(|not_before| now < not_before) {
            source.calls.early += 1;
        }
        if source.strikes(Quirk::Unavailable) {
            source.refuse("unavailable");
            self.not_before = Some(now + UNAVAILABLE);
            let seconds = UNAVAILABLE.num_seconds().to_string();
            return Reply::html(503, "Service Unavailable").with("retry-after", seconds);
        }
        let header = |name: &str| request.header(name).unwrap_or_default();
        let date = header("x-bg-date-time");
        if from_http_date(date).is_none_or(|at| (now - at).abs() > SKEW) {
            return refused(source, "clock", "请求时间与服务器相差超过90秒");
        }
        let Request { method, path, query, .. } = request;
        let right = sign::x_bg(SECRET_KEY, method, path, query, ACCESS_KEY, date);
        if header("x-bg-hmac-access-key") != ACCESS_KEY
            || header("x-bg-hmac-algorithm") != "hmac-sha256"
            || header("x-bg-hmac-signature") != right
        {
            return refused(source, "signature", "签名校验失败");
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
        /// Report: it is pushed four times although the first push was accepted.
        Duplicate = "duplicate" @ 5,
    }
    others {
        /// Push: the time of the first attempt is two minutes behind, so its signature is too old;
        /// the next attempt is right.
        Skewed = "skewed" @ 17,
        /// Push: the first attempt has a wrong signature; the next attempt is right.
        BadSignature = "bad_signature" @ 19,
        /// Request: 503, with a wait of two seconds.
        Unavailable = "unavailable" @ 23,
    }
}

const SKEW: TimeDelta = TimeDelta::seconds(90);
const UNAVAILABLE: TimeDelta = TimeDelta::seconds(2);
const MAX_ROWS: usize = 100;

fn refused(source: &mut Source, why: &'static str, message: &str) -> Reply {
    source.refuse(why);
    let mut reply = Reply::json(json!({ "code": 401, "message": message }).to_string());
    reply.status = 401;
    reply
}

fn page(source: &Source, request: &Request) -> Reply {
    let number = |name: &str| request.param(name).and_then(|text| text.parse::<usize>().ok());
    let page = number("page").unwrap_or(1).max(1);
    let size = number("size").unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS);
    let since = match request.param("updatedTime").as_deref() {
        None | Some("") => Some(NaiveDateTime::MIN),
        Some(text) => from_plain(text),
    };
    let Some(since) = since else {
        return Reply::json(r#"{"code":400,"message":"updatedTime格式错误"}"#);
    };
    let found: Vec<_> = source.register.changed(since, NaiveDateTime::MAX).collect();
    let rows = found.iter().skip((page - 1) * size).take(size);
    let rows: Vec<Value> =
        rows.map(|entry| Report::new(&source.behaviour, entry, entry.last()).row()).collect();
    let data = json!({ "total": found.len(), "page": page, "size": size, "rows": rows });
    Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
}

#[cfg(test)]
mod tests;
