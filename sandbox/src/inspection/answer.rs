//! Which requests are accepted, and the answers. Errors have status 200 too, with an `errCode`.

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use crate::inspection::clue::Clue;
use crate::inspection::{APP_KEY, Fault, Level, Platform, REGION, ROW_KEY, SID, TABLE};
use crate::sign;
use crate::source::Office;
use crate::source::register::{Entry, Mark};
use crate::source::site::{Ask, Reply};
use crate::when::{epoch_ms, http_date};

/// A signature that is further from now is refused.
const SKEW_MS: i64 = 5 * 60 * 1_000;
/// The answer for a day without clues, and for an invalid day.
const NOTHING: &str = "没有数据或者时间格式错误";

pub(super) fn answer<L: Level>(
    platform: &mut Platform<L>,
    office: &mut Office<Fault>,
    ask: &Ask,
) -> Reply {
    let reply = judged(platform, office, ask);
    if office.strikes(Fault::WrongDate) {
        return reply.with("date", http_date(office.now() - TimeDelta::hours(1)));
    }
    reply
}

fn judged<L: Level>(platform: &mut Platform<L>, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    let is_list = match (ask.method.as_str(), ask.path.as_str()) {
        ("GET", "/sysapi/dcxs") => true,
        ("POST", "/sysapi/getsecret") => false,
        _ => return Reply::html(404, "Not Found"),
    };
    office.count(if is_list { "list" } else { "secret" });
    if office.strikes(Fault::BadGateway) {
        office.refuse("bad_gateway");
        return Reply::html(502, "502 Bad Gateway");
    }
    if office.strikes(Fault::Rotated) {
        platform.secret.rotate();
    }
    let now = office.now();
    if !(platform.per_minute.allows(now) && platform.per_day.allows(now)) {
        office.calls.over_budget += 1;
        return refused(office, "limit", "42901", "调用次数超过限制");
    }
    let rtime = header::<L>(ask, "rtime").and_then(|text| text.parse::<i64>().ok());
    if rtime.is_none_or(|rtime| (epoch_ms(now) - rtime).abs() > SKEW_MS) {
        return refused(office, "clock", "40103", "请求时间戳已过期");
    }
    let key = if is_list { platform.secret.valid(now) } else { Some(APP_KEY.to_owned()) };
    if !key.is_some_and(|key| is_signed::<L>(ask, &key)) {
        return refused(office, "signature", "40101", "签名错误或密钥已失效");
    }
    if is_list {
        day(platform, office, ask)
    } else {
        let wrapped = sign::wrapped_secret(APP_KEY, &platform.secret.hand_out(now));
        let data = json!({ "secret": wrapped });
        Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
    }
}

fn is_signed<L: Level>(ask: &Ask, key: &str) -> bool {
    let own = |name| header::<L>(ask, name).unwrap_or_default();
    let (rid, sid) = (own("rid"), own("sid"));
    let right = sign::platform(key, sid, rid, own("rtime"));
    !rid.is_empty() && sid == SID && own("sign") == right
}

fn header<'a, L: Level>(ask: &'a Ask, name: &str) -> Option<&'a str> {
    ask.header(&format!("{}_{name}", L::HEADERS))
}

fn refused(office: &mut Office<Fault>, why: &'static str, code: &str, message: &str) -> Reply {
    office.refuse(why);
    Reply::json(json!({ "errCode": code, "errMsg": message }).to_string())
}

fn day<L>(platform: &Platform<L>, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    if ask.param("table_id").as_deref() != Some(TABLE)
        || ask.param("cd_source").as_deref() != Some(REGION)
    {
        return refused(office, "table", "40401", "无权访问该数据表");
    }
    let day = ask.param("submitted_date").filter(|text| text.len() == 10);
    let day = day.and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok());
    let rows = day.map(|day| rows(platform, office, day)).unwrap_or_default();
    if rows.is_empty() {
        return Reply::new(200, "text/plain;charset=UTF-8", NOTHING);
    }
    let rows = if office.strikes(Fault::Sealed) { rows.iter().map(sealed).collect() } else { rows };
    let array = Value::Array(rows).to_string();
    if office.strikes(Fault::Wrapped) {
        return Reply::json(json!({ "code": 200, "data": array }).to_string());
    }
    let mark = if office.strikes(Fault::Bom) { "\u{feff}" } else { "" };
    Reply::json(format!("{mark}{array}"))
}

/// The answer for a day: the clues received on it, and those whose state changed on it.
fn rows<L>(platform: &Platform<L>, office: &Office<Fault>, day: NaiveDate) -> Vec<Value> {
    let received = platform.days.range((day, 0)..=(day, u64::MAX));
    let received = received.filter_map(|(_, number)| office.register.entry(*number));
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let end = midnight + TimeDelta::milliseconds(86_399_999);
    let moved = office.register.changed(midnight, end);
    let moved = moved.filter(|entry| entry.received.date() != day && entry.last().step > 0);
    let present = |entry: &&Entry| entry.gone.is_none();
    received.filter(present).chain(moved).flat_map(|entry| states(office, entry)).collect()
}

/// The newest state; of a re-issued clue, also the one before.
fn states(office: &Office<Fault>, entry: &Entry) -> Vec<Value> {
    let both = office.conduct.faults.strikes(Fault::Reissued, entry.number);
    let shown: &[Mark] = match entry.marks.as_slice() {
        [.., before, last] if both => &[*before, *last],
        _ => &[entry.last()],
    };
    shown.iter().map(|mark| Clue::new(&office.conduct, entry, *mark).row()).collect()
}

fn sealed(row: &Value) -> Value {
    let row = row.to_string();
    json!({ "encdata": sign::sm4_hex(ROW_KEY, &row), "signdata": sign::sm3_hex(&row) })
}
