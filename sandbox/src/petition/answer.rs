//! Which requests are accepted, and the answers.

use std::time::Duration;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use crate::petition::case::{Case, xfjid};
use crate::petition::element::{Element, inside};
use crate::petition::element::{envelope, fault, head, package};
use crate::petition::{Bureau, Fault, SHARED};
use crate::sign;
use crate::source::register::Entry;
use crate::source::site::{Ask, Reply};
use crate::source::{Limits, Office};
use crate::when::from_plain;

const ROWS_AT_MOST: usize = 100;

pub(super) fn answer(bureau: &mut Bureau, office: &mut Office<Fault>, ask: &Ask) -> Reply {
    if ask.method != "POST" || ask.path != "/XfjkWebService/Service.asmx" {
        return Reply::html(404, "Not Found");
    }
    let action = ask.header("soapaction").unwrap_or_default().trim_matches('"');
    let action = match action.strip_prefix("http://xf.sim/") {
        Some("GetXfjList") => "GetXfjList",
        Some("AckXfj") => "AckXfj",
        Some("GetDict") => "GetDict",
        _ => {
            office.refuse("action");
            return fault("Server did not recognize the value of HTTP Header SOAPAction.");
        }
    };
    office.count(action);
    if is_closed_for_maintenance(office) {
        office.refuse("maintenance");
        return Reply::html(200, "系统维护中");
    }
    if office.strikes(Fault::SoapFault) {
        office.refuse("soap_fault");
        return fault("Server was unable to process request.");
    }
    let (asked, _, _) = encoding_rs::GB18030.decode(&ask.body);
    // What the envelope and the document in it say that they are encoded in.
    let (outer, inner) = match () {
        () if office.strikes(Fault::OuterUtf8) => ("UTF-8", "GB2312"),
        () if office.strikes(Fault::InnerUtf8) => ("GB2312", "UTF-8"),
        () => ("GB2312", "GB2312"),
    };
    let content = match refusal(bureau, office, &asked) {
        Some((code, message)) => package(head(code, message), Vec::new()),
        None => match action {
            "GetXfjList" => list(bureau, office, &asked),
            "AckXfj" => acknowledged(bureau, office, &asked),
            _ => dictionary(&asked),
        },
    };
    envelope(action, outer, inner, &content)
}

fn is_closed_for_maintenance(office: &Office<Fault>) -> bool {
    let from = NaiveTime::from_hms_opt(2, 0, 0).unwrap_or_default();
    let now = office.now().time();
    let is_night = from <= now && now < from + Duration::from_secs(30 * 60);
    (is_night && office.conduct.limits == Limits::Real) || office.strikes(Fault::Maintenance)
}

fn refusal(
    bureau: &mut Bureau,
    office: &mut Office<Fault>,
    asked: &str,
) -> Option<(&'static str, &'static str)> {
    if inside(asked, "httpRequestVerify") != Some(sign::md5_hex(SHARED)) {
        office.refuse("signature");
        return Some(("0304", "无权限"));
    }
    let now = office.now();
    if !bureau.bucket.allows(now) {
        office.refuse("limit");
        office.calls.over_budget += 1;
        if bureau.told_to_wait {
            office.calls.early += 1;
        }
        bureau.told_to_wait = true;
        return Some(("-2", "调用过于频繁"));
    }
    bureau.told_to_wait = false;
    if office.strikes(Fault::Busy) {
        office.refuse("busy");
        return Some(("-1", "系统繁忙"));
    }
    None
}

fn list(bureau: &mut Bureau, office: &Office<Fault>, asked: &str) -> Element {
    let time = |name: &str| from_plain(&inside(asked, name)?);
    let number = |name: &str| inside(asked, name).and_then(|text| text.parse::<usize>().ok());
    let (Some(from), Some(upto)) = (time("kssj"), time("jssj")) else {
        return package(head("0202", "格式错误"), Vec::new());
    };
    let page = number("pageNo").unwrap_or(1).max(1);
    let size = number("pageSize").unwrap_or(ROWS_AT_MOST).clamp(1, ROWS_AT_MOST);

    // Both ends are whole seconds, and included.
    let upto = upto + TimeDelta::milliseconds(999);
    let before = from - TimeDelta::milliseconds(1);
    let waiting = office.register.changed(NaiveDateTime::MIN, before).filter(|e| bureau.waits(e));
    let found: Vec<&Entry> = waiting.chain(office.register.changed(from, upto)).collect();
    let mut total = found.len();
    if office.strikes(Fault::TotalDrifts) {
        total /= page + 1;
    }
    let rows: Vec<_> = found.iter().skip((page - 1) * size).take(size).collect();
    let fails = office.strikes(Fault::EmptyError);
    if rows.is_empty() || fails {
        let message = if fails { "查询异常，请稍后重试" } else { "没有数据" };
        return package(head("0001", message), vec![Element::text("XFJLIST", "")]);
    }
    let mut cases = Vec::new();
    for entry in rows {
        bureau.served.insert(entry.number, entry.last().step);
        cases.push(Case::new(&office.conduct, entry, entry.last()).element(true));
    }
    let mut parts = head("0001", "成功");
    parts.push(Element::text("TOTAL", total.to_string()));
    parts.push(Element::text("PAGENO", page.to_string()));
    package(parts, vec![Element::Parent("XFJLIST", cases)])
}

fn acknowledged(bureau: &mut Bureau, office: &Office<Fault>, asked: &str) -> Element {
    let ids = inside(asked, "xfjids").unwrap_or_default();
    let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    let (mut done, mut again, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (i, id) in ids.enumerate() {
        let number = id.get(12..).and_then(|digits| digits.parse().ok()).unwrap_or_default();
        let served = bureau.served.get(&number).filter(|_| id == xfjid(number)).copied();
        match served {
            None => failed.push((id, "无此信访件")),
            Some(_) if i % 2 == 1 && office.strikes(Fault::HalfAck) => {
                failed.push((id, "数据库忙，更新失败"));
            }
            // The state that was served, not the present state of the case.
            Some(step) if bureau.acknowledged.insert(number, step) == Some(step) => again.push(id),
            Some(_) => done.push(id),
        }
    }
    let failed = failed.iter().map(|(id, reason)| {
        let parts = vec![Element::text("failId", *id), Element::text("failReason", *reason)];
        Element::Parent("failSituation", parts)
    });
    let rest = vec![
        Element::text("successStr", done.join(",")),
        Element::text("conflictStr", again.join(",")),
        Element::Parent("failSituationList", failed.collect()),
    ];
    package(head("0001", "成功"), rest)
}

/// A part of the bureau's code list.
fn dictionary(asked: &str) -> Element {
    let entries: &[(&str, &str)] = match inside(asked, "parentid").as_deref() {
        Some("0") | None => &[("01", "农村农业"), ("02", "城乡建设"), ("03", "劳动和社会保障")],
        Some("02") => &[("0201", "物业管理"), ("0202", "征地拆迁")],
        Some(_) => &[],
    };
    let entry = |(code, name): &(&str, &str)| {
        Element::Parent("DICT", vec![Element::text("dm", *code), Element::text("mc", *name)])
    };
    let list = Element::Parent("DICTLIST", entries.iter().map(entry).collect());
    package(head("0001", "成功"), vec![list])
}

impl Bureau {
    /// Whether the newest state of a case was not acknowledged.
    fn waits(&self, entry: &Entry) -> bool {
        self.acknowledged.get(&entry.number) != Some(&entry.last().step)
    }
}
