//! Who is let in, and what he gets.

use serde_json::{Value, json};

use crate::board::thread::{Thread, tid};
use crate::board::{APP_CODE, Board, Fault};
use crate::sign;
use crate::source::Office;
use crate::source::site::{Ask, Reply};

const COOKIE: &str = "__jsluid_s";
const ROWS: u64 = 10;
const ROWS_AT_MOST: u64 = 20;

pub(super) fn answer(board: &mut Board, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    if ask.method == "GET" {
        return welcome(board, office, ask);
    }
    let list = match ask.path.as_str() {
        "/v1/threads/list/df" => true,
        "/v1/threads/content" => false,
        _ => return Reply::html(404, "Not Found"),
    };
    office.count(if list { "list" } else { "detail" });
    if !has_cookie(board, ask) {
        office.refuse("cookie");
        return Reply::html(403, "访问被拒绝");
    }
    if let Some(refusal) = board.guard.stop(office) {
        return refusal;
    }
    let Some(param) = signed_param(ask) else {
        office.refuse("signature");
        return Reply::json(r#"{"code":"SN0006","msg":"数据格式错误"}"#);
    };
    if office.strikes(Fault::Challenge) {
        office.refuse("challenge");
        return Reply::html(200, "请稍候，正在验证您的浏览器");
    }
    let body = if list { list_of(board, office, &param) } else { detail_of(office, &param) };
    Reply::json(body.to_string())
}

fn welcome(board: &Board, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    if ask.path != "/" {
        return Reply::html(404, "Not Found");
    }
    office.count("welcome");
    let mut reply = Reply::html(200, "领导留言板");
    let cookie = format!("{COOKIE}={}; path=/; HttpOnly", board.cookie);
    reply.headers.push(("set-cookie", cookie));
    reply
}

fn has_cookie(board: &Board, ask: &Ask) -> bool {
    let expected = format!("{COOKIE}={}", board.cookie);
    let cookies = ask.header("cookie").unwrap_or_default();
    cookies.split(';').any(|cookie| cookie.trim() == expected)
}

/// The parameters, if they are signed: as text first, because that is what is signed.
fn signed_param(ask: &Ask) -> Option<Value> {
    let body: Value = serde_json::from_slice(&ask.body).ok()?;
    let text = |name: &str| body[name].as_str();
    let (param, token) = (text("param")?, text("token")?);
    let right = sign::message_board(&ask.path, param, APP_CODE, token);
    let is_known = text("appCode") == Some(APP_CODE) && text("signature") == Some(&*right);
    if is_known { serde_json::from_str(param).ok() } else { None }
}

fn list_of(board: &Board, office: &Office<Fault>, param: &Value) -> Value {
    let rows = number(&param["rows"]).unwrap_or(ROWS).clamp(1, ROWS_AT_MOST);
    let rows = usize::try_from(rows).unwrap_or_default();
    let fid = number(&param["fid"]).unwrap_or_default();
    let after = number(&param["lastItem"]).filter(|tid| *tid > 0);
    let wanted = number(&param["state"]).unwrap_or(1);
    let own = |map: &std::collections::BTreeMap<u64, Vec<u64>>| {
        map.get(&fid).cloned().unwrap_or_default()
    };

    let mut list = Vec::new();
    if after.is_none() {
        // The pinned ones come first whatever their number, and again in their own place.
        list.extend(
            own(&board.pinned).iter().rev().filter_map(|n| shown(office, *n, wanted)).take(1),
        );
    }
    let older = own(&board.by_fid);
    let older = older.iter().rev().filter(|number| after.is_none_or(|after| tid(**number) < after));
    let left = rows - list.len();
    list.extend(older.filter_map(|number| shown(office, *number, wanted)).take(left));

    let last = list.last().map_or(json!(""), |thread| thread["tid"].clone());
    let code = if office.strikes(Fault::CodeText) { json!("0") } else { json!(0) };
    if office.strikes(Fault::OtherEnvelope) {
        return json!({ "code": code, "msg": "ok", "data": { "lastItem": last, "data": list } });
    }
    json!({ "code": code, "msg": "ok", "resultData": { "lastItem": last, "list": list } })
}

/// The thread as the list shows it, if it is there and in the state that is asked for.
fn shown(office: &Office<Fault>, number: u64, wanted: u64) -> Option<Value> {
    let entry = office.register.entry(number).filter(|entry| entry.gone.is_none())?;
    let thread = Thread::new(&office.conduct, entry, entry.last());
    let state = match thread.state() {
        "待回复" => 2,
        "办理中" | "处理中" | "受理" | "已受理" => 3,
        _ => 4,
    };
    (wanted <= 1 || wanted == state).then(|| thread.listed())
}

fn detail_of(office: &mut Office<Fault>, param: &Value) -> Value {
    let number = number(&param["tid"]).and_then(|tid| tid.checked_sub(20_000_000)).map(|n| n / 3);
    let entry = number.and_then(|number| office.register.entry(number));
    let entry = entry.filter(|entry| entry.gone.is_none() && param["tid"] == tid(entry.number));
    let Some(entry) = entry else { return removed() };
    if office.conduct.spoils(Fault::Removed, entry.number) {
        let (number, now) = (entry.number, office.now());
        office.register.take_away(number, now);
        return removed();
    }
    let list = Thread::new(&office.conduct, entry, entry.last()).detail();
    let code = if office.strikes(Fault::CodeText) { json!("0") } else { json!(0) };
    json!({ "code": code, "msg": "ok", "resultData": { "contentList": list } })
}

fn removed() -> Value {
    json!({ "code": "NF0004", "msg": "该留言不存在或已被删除" })
}

/// A number, written as one or as a text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
