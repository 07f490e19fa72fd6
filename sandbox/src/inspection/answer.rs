//! Which requests are accepted, and the answers. Errors have status 200 too, with an `errCode`.

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use crate::inspection::clue::Clue;
use crate::inspection::{APP_KEY, Level, Platform, Quirk, REGION, ROW_KEY, SID, Source, TABLE};
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::when::{epoch_ms, http_date};

/// A signature that is further from now is refused.
const SKEW_MS: i64 = 5 * 60 * 1_000;
/// The answer for a day without clues, and for an invalid day.
const NOTHING: &str = "没有数据或者时间格式错误";

pub(super) fn answer<L: Level>(
    platform: &mut Platform<L>,
    source: &mut Source,
    request: &Request,
) -> Reply {
    let reply = judged(platform, source, request);
    if source.strikes(Quirk::WrongDate) {
        return reply.with("date", http_date(source.now() - TimeDelta::hours(1)));
    }
    reply
}

fn judged<L: Level>(platform: &mut Platform<L>, source: &mut Source, request: &Request) -> Reply {
    let is_list = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/sysapi/dcxs") => true,
        ("POST", "/sysapi/getsecret") => false,
        _ => return Reply::html(404, "Not Found"),
    };
    source.count(if is_list { "list" } else { "secret" });
    if source.strikes(Quirk::BadGateway) {
        source.refuse("bad_gateway");
        return Reply::html(502, "502 Bad Gateway");
    }
    if source.strikes(Quirk::Rotated) {
        platform.secret.rotate();
    }
    let now = source.now();
    if !(platform.per_minute.allows(now) && platform.per_day.allows(now)) {
        source.calls.over_budget += 1;
        return refused(source, "limit", "42901", "调用次数超过限制");
    }
    let rtime = header::<L>(request, "rtime").and_then(|text| text.parse::<i64>().ok());
    if rtime.is_none_or(|rtime| (epoch_ms(now) - rtime).abs() > SKEW_MS) {
        return refused(source, "clock", "40103", "请求时间戳已过期");
    }
    let key = if is_list { platform.secret.valid(now) } else { Some(APP_KEY.to_owned()) };
    if !key.is_some_and(|key| is_signed::<L>(request, &key)) {
        return refused(source, "signature", "40101", "签名错误或密钥已失效");
    }
    if is_list {
        day(platform, source, request)
    } else {
        let wrapped = sign::wrapped_secret(APP_KEY, &platform.secret.hand_out(now));
        let data = json!({ "secret": wrapped });
        Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
    }
}

fn is_signed<L: Level>(request: &Request, key: &str) -> bool {
    let own = |name| header::<L>(request, name).unwrap_or_default();
    let (rid, sid) = (own("rid"), own("sid"));
    let right = sign::platform(key, sid, rid, own("rtime"));
    !rid.is_empty() && sid == SID && own("sign") == right
}

fn header<'a, L: Level>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.header(&format!("{}_{name}", L::HEADERS))
}

fn refused(source: &mut Source, why: &'static str, code: &str, message: &str) -> Reply {
    source.refuse(why);
    Reply::json(json!({ "errCode": code, "errMsg": message }).to_string())
}

fn day<L>(platform: &Platform<L>, source: &mut Source, request: &Request) -> Reply {
    if request.param("table_id").as_deref() != Some(TABLE)
        || request.param("cd_source").as_deref() != Some(REGION)
    {
        return refused(source, "table", "40401", "无权访问该数据表");
    }
    let day = request.param("submitted_date").filter(|text| text.len() == 10);
    let day = day.and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok());
    let rows = day.map(|day| rows(platform, source, day)).unwrap_or_default();
    if rows.is_empty() {
        return Reply::new(200, "text/plain;charset=UTF-8", NOTHING);
    }
    let rows = if source.strikes(Quirk::Sealed) { rows.iter().map(sealed).collect() } else { rows };
    let array = Value::Array(rows).to_string();
    if source.strikes(Quirk::Wrapped) {
        return Reply::json(json!({ "code": 200, "data": array }).to_string());
    }
    let mark = if source.strikes(Quirk::Bom) { "\u{feff}" } else { "" };
    Reply::json(format!("{mark}{array}"))
}

/// The answer for a day: the clues received on it, and those whose state changed on it.
fn rows<L>(platform: &Platform<L>, source: &Source, day: NaiveDate) -> Vec<Value> {
    let received = platform.days.range((day, 0)..=(day, u64::MAX));
    let received = received.filter_map(|(_, number)| source.register.entry(*number));
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let end = midnight + TimeDelta::milliseconds(86_399_999);
    let moved = source.register.changed(midnight, end);
    let moved = moved.filter(|entry| entry.received.date() != day && entry.last().step > 0);
    let present = |entry: &&Entry| entry.gone.is_none();
    received.filter(present).chain(moved).flat_map(|entry| states(source, entry)).collect()
}

/// The newest state; of a re-issued clue, also the one before.
fn states(source: &Source, entry: &Entry) -> Vec<Value> {
    let both = source.behaviour.faults.strikes(Quirk::Reissued, entry.number);
    let shown: &[Change] = match entry.changes.as_slice() {
        [.., before, last] if both => &[*before, *last],
        _ => &[entry.last()],
    };
    shown.iter().map(|change| Clue::new(&source.behaviour, entry, *change).row()).collect()
}

fn sealed(row: &Value) -> Value {
    let row = row.to_string();
    json!({ "encdata": sign::sm4_hex(ROW_KEY, &row), "signdata": sign::sm3_hex(&row) })
}
