//! Who is let in, and what he gets.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::grid::report::Report;
use crate::grid::{ACCESS_KEY, Fault, Grid, SECRET_KEY, from_http_date};
use crate::sign;
use crate::source::Office;
use crate::source::site::{Ask, Reply};

const SKEW: TimeDelta = TimeDelta::seconds(90);
const UNAVAILABLE: TimeDelta = TimeDelta::seconds(2);
const ROWS_AT_MOST: usize = 100;

pub(super) fn answer(grid: &mut Grid, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    if ask.method != "GET" || ask.path != "/restapi/appeal/page" {
        return Reply::html(404, "Not Found");
    }
    office.count("list");
    let now = office.now();
    if grid.not_before.take().is_some_and(|not_before| now < not_before) {
        office.calls.early += 1;
    }
    if office.strikes(Fault::Unavailable) {
        office.refuse("unavailable");
        grid.not_before = Some(now + UNAVAILABLE);
        let mut reply = Reply::html(503, "Service Unavailable");
        reply.headers.push(("retry-after", UNAVAILABLE.num_seconds().to_string()));
        return reply;
    }
    let header = |name: &str| ask.header(name).unwrap_or_default();
    let date = header("x-bg-date-time");
    if from_http_date(date).is_none_or(|at| (now - at).abs() > SKEW) {
        return refused(office, "clock", "请求时间与服务器相差超过90秒");
    }
    let right = sign::x_bg(SECRET_KEY, &ask.method, &ask.path, &ask.query, ACCESS_KEY, date);
    if header("x-bg-hmac-access-key") != ACCESS_KEY
        || header("x-bg-hmac-algorithm") != "hmac-sha256"
        || header("x-bg-hmac-signature") != right
    {
        return refused(office, "signature", "签名校验失败");
    }
    page(office, ask)
}

fn refused(office: &mut Office<Fault>, why: &'static str, message: &str) -> Reply {
    office.refuse(why);
    let mut reply = Reply::json(json!({ "code": 401, "message": message }).to_string());
    reply.status = 401;
    reply
}

fn page(office: &Office<Fault>, ask: &Ask) -> Reply {
    let number = |name: &str| ask.param(name).and_then(|text| text.parse::<usize>().ok());
    let page = number("page").unwrap_or(1).max(1);
    let size = number("size").unwrap_or(ROWS_AT_MOST).clamp(1, ROWS_AT_MOST);
    let since = match ask.param("updatedTime").as_deref() {
        None | Some("") => Some(NaiveDateTime::MIN),
        Some(text) => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok(),
    };
    let Some(since) = since else {
        return Reply::json(r#"{"code":400,"message":"updatedTime格式错误"}"#);
    };
    let found: Vec<_> = office.register.changed(since, NaiveDateTime::MAX).collect();
    let rows = found.iter().skip((page - 1) * size).take(size);
    let rows: Vec<Value> =
        rows.map(|entry| Report::new(&office.conduct, entry, entry.last()).row()).collect();
    let data = json!({ "total": found.len(), "page": page, "size": size, "rows": rows });
    Reply::json(json!({ "code": 200, "message": "success", "data": data }).to_string())
}
