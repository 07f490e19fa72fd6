//! Answers the requests to an inspection platform. Refusals also have status 200, with an `errCode`.

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use crate::inspection::clue::Clue;
use crate::inspection::{APP_KEY, Level, Platform, Quirk, REGION, ROW_KEY, SID, Source, TABLE};
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::time::{epoch_ms, http_date};

/// The maximum difference between the signed time of a request and the present time.
const MAX_SKEW_MS: i64 = 5 * 60 * 1_000;
/// The answer for a day without clues, and for an invalid date.
const NO_DATA: &str = "没有数据或者时间格式错误";

pub(super) fn answer<L: Level>(
    platform: &mut Platform<L>,
    source: &mut Source,
    request: &Request,
) -> Reply {
    let reply = respond(platform, source, request);
    if source.applies(Quirk::WrongDate) {
        return reply.with_header("date", http_date(source.now() - TimeDelta::hours(1)));
    }
    reply
}

/// Checks the limits and the signature, and answers the request.
fn respond<L: Level>(platform: &mut Platform<L>, source: &mut Source, request: &Request) -> Reply {
    let is_list = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/sysapi/dcxs") => true,
        ("POST", "/sysapi/getsecret") => false,
        _ => return Reply::html(404, "Not Found"),
    };
    source.count_request(if is_list { "list" } else { "secret" });
    if source.applies(Quirk::BadGateway) {
        source.count_refusal("bad_gateway");
        return Reply::html(502, "502 Bad Gateway");
    }
    if source.applies(Quirk::Rotated) {
        platform.secret.rotate();
    }
    let now = source.now();
    if !(platform.minute_limit.try_request(now) && platform.day_limit.try_request(now)) {
        source.request_counts.over_budget += 1;
        return refuse(source, "limit", "42901", "调用次数超过限制");
    }
    let rtime = header::<L>(request, "rtime").and_then(|text| text.parse::<i64>().ok());
    if rtime.is_none_or(|rtime| (epoch_ms(now) - rtime).abs() > MAX_SKEW_MS) {
        return refuse(source, "clock", "40103", "请求时间戳已过期");
    }
    let key = if is_list { platform.secret.valid(now) } else { Some(APP_KEY.to_owned()) };
    if !key.is_some_and(|key| is_signed::<L>(request, &key)) {
        return refuse(source, "signature", "40101", "签名错误或密钥已失效");
    }
    if is_list {
        list(platform, source, request)
    } else {
        let encrypted = sign::encrypted_secret(APP_KEY, &platform.secret.get_or_renew(now));
        let data = json!({ "secret": encrypted });
        Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
    }
}

fn is_signed<L: Level>(request: &Request, key: &str) -> bool {
    let value = |name| header::<L>(request, name).unwrap_or_default();
    let (rid, sid) = (value("rid"), value("sid"));
    let expected = sign::platform_signature(key, sid, rid, value("rtime"));
    !rid.is_empty() && sid == SID && value("sign") == expected
}

/// The value of a signed header, by its name without the prefix of the platform.
fn header<'a, L: Level>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.header(&format!("{}_{name}", L::HEADER_PREFIX))
}

/// Counts a refusal for this reason, and returns the error as the platform sends it.
fn refuse(source: &mut Source, reason: &'static str, code: &str, message: &str) -> Reply {
    source.count_refusal(reason);
    Reply::json(json!({ "errCode": code, "errMsg": message }).to_string())
}

/// Answers a request for the clues of one day.
fn list<L>(platform: &Platform<L>, source: &mut Source, request: &Request) -> Reply {
    if request.param("table_id").as_deref() != Some(TABLE)
        || request.param("cd_source").as_deref() != Some(REGION)
    {
        return refuse(source, "table", "40401", "无权访问该数据表");
    }
    let day = request.param("submitted_date").filter(|text| text.len() == 10);
    let day = day.and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok());
    let rows = day.map(|day| rows_of_day(platform, source, day)).unwrap_or_default();
    if rows.is_empty() {
        return Reply::new(200, "text/plain;charset=UTF-8", NO_DATA);
    }
    let rows = if source.applies(Quirk::Sealed) { rows.iter().map(seal).collect() } else { rows };
    let array = Value::Array(rows).to_string();
    if source.applies(Quirk::Wrapped) {
        return Reply::json(json!({ "code": 200, "data": array }).to_string());
    }
    let byte_order_mark = if source.applies(Quirk::Bom) { "\u{feff}" } else { "" };
    Reply::json(format!("{byte_order_mark}{array}"))
}

/// The rows of a day: first the clues received on it, then those received on another day that last changed
/// on it.
fn rows_of_day<L>(platform: &Platform<L>, source: &Source, day: NaiveDate) -> Vec<Value> {
    let received = platform.by_day.range((day, 0)..=(day, u64::MAX));
    let received = received.filter_map(|(_, number)| source.register.entry(*number));
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let end = midnight + TimeDelta::milliseconds(86_399_999);
    let changed = source.register.changed_between(midnight, end);
    let changed = changed.filter(|entry| entry.received.date() != day && entry.last().step > 0);
    let is_present = |entry: &&Entry| entry.deleted_at.is_none();
    received.filter(is_present).chain(changed).flat_map(|e| rows_of_clue(source, e)).collect()
}

/// The row of a clue's newest state. With [`Quirk::Reissued`], the row of the previous state comes first.
fn rows_of_clue(source: &Source, entry: &Entry) -> Vec<Value> {
    let is_reissued = source.behaviour.quirks.applies(Quirk::Reissued, entry.number);
    let changes: &[Change] = match entry.changes.as_slice() {
        [.., previous, last] if is_reissued => &[*previous, *last],
        _ => &[entry.last()],
    };
    changes.iter().map(|change| Clue::new(&source.behaviour, entry, *change).row()).collect()
}

/// A row as [`Quirk::Sealed`] sends it: encrypted, with its digest.
fn seal(row: &Value) -> Value {
    let row = row.to_string();
    json!({ "encdata": sign::sm4_hex(ROW_KEY, &row), "signdata": sign::sm3_hex(&row) })
}
