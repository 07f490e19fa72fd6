//! The truth about rows and files: what a correct reader must make of each.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use super::EnterpriseQuirk as Quirk;
use super::appeal::Appeal;
use super::file_bytes::columns;
use crate::QuirkSet;
use crate::time::whole_second;
use crate::truth::{
    ExpectedFields, Outcome, RejectReason, ServedState, clean, expected_fields, main_person,
    quality_flag, unified_code, utc,
};

/// The state of an appeal that a correct reader gets from its row in a file with these quirks.
pub(super) fn row_state(at: NaiveDateTime, appeal: &Appeal, file_quirks: &[Quirk]) -> ServedState {
    let has_quirk = |quirk| appeal.quirks.contains(&quirk);
    // Broken lines and invalid bytes do not occur in workbooks.
    let is_text = !file_quirks.contains(&Quirk::Workbook);
    let outcome = if is_text && has_quirk(Quirk::Poison) {
        Outcome::Reject(RejectReason::MalformedBytes)
    } else if is_text && has_quirk(Quirk::BrokenRow) {
        Outcome::Reject(RejectReason::Unreadable)
    } else {
        Outcome::Demand(demand_fields(appeal, file_quirks))
    };
    let quirks = appeal.quirks.iter().chain(file_quirks).map(|quirk| quirk.name()).collect();
    let cells = appeal.cells().map(Value::String);
    let columns = columns().into_iter().map(str::to_owned);
    let payload: Map<String, Value> = columns.zip(cells).collect();
    ServedState { at, outcome, quirks, payload: Value::Object(payload), parts: Map::new() }
}

/// The rejected state of a file that no reader can accept.
pub(super) fn file_state(at: NaiveDateTime, name: &str, file_quirks: &[Quirk]) -> ServedState {
    let quirks = file_quirks.iter().map(|quirk| quirk.name()).collect();
    let payload = Value::String(name.to_owned());
    let outcome = Outcome::Reject(RejectReason::Unreadable);
    ServedState { at, outcome, quirks, payload, parts: Map::new() }
}

fn demand_fields(appeal: &Appeal, file_quirks: &[Quirk]) -> ExpectedFields {
    let uscc = appeal.code.chars().map(to_half_width).collect::<String>().to_uppercase();
    let is_judged = !appeal.satisfaction.is_empty() && !file_quirks.contains(&Quirk::LostColumn);
    let evaluations = is_judged.then(|| {
        let satisfaction = unified_code("satisfaction", appeal.satisfaction);
        let raw = appeal.satisfaction;
        json!([{ "by": "citizen", "satisfaction": satisfaction, "satisfaction_raw": raw }])
    });
    let to_second = |at| utc(whole_second(at));
    expected_fields([json!({
        "source_no": appeal.number,
        "kind": unified_code("enterprise_kind", appeal.kind),
        "kind_raw": appeal.kind,
        "title": clean(&appeal.title),
        "content": clean(&appeal.content),
        "category": unified_code("enterprise_category", appeal.kind),
        "category_raw": appeal.kind,
        "received_at": utc(received(appeal)),
        "wish_at": utc(appeal.expected_at),
        "people": main_person(Some(&appeal.person), Some(&appeal.phone)),
        "enterprise": { "name": appeal.firm, "uscc": uscc, "type": appeal.firm_kind },
        "status": unified_code("enterprise_status", appeal.status),
        "status_raw": appeal.status,
        "org": appeal.org,
        "org_raw": appeal.org,
        "dispatched_at": appeal.dispatched.map(to_second),
        "accepted_at": appeal.accepted.map(to_second),
        "resolved_at": appeal.finished.map(to_second),
        "counts": { "urged": appeal.n_urges },
        "tasks": [{
            "org": appeal.org,
            "status": unified_code("enterprise_status", appeal.status),
            "dispatched_at": appeal.dispatched.map(to_second),
            "signed_at": appeal.accepted.map(to_second),
            "responded_at": appeal.finished.map(to_second),
            "returned_reason": Some(appeal.return_reason).filter(|reason| !reason.is_empty()),
        }],
        "evaluations": evaluations,
        "quality": quality_flags(appeal, file_quirks),
    })])
}

/// The time of submission as a reader must understand it: a twelve-hour time without AM or PM is before
/// noon.
fn received(appeal: &Appeal) -> NaiveDateTime {
    let morning = appeal.submitted.format("%Y-%m-%d %I:%M AM").to_string();
    let morning = NaiveDateTime::parse_from_str(&morning, "%Y-%m-%d %I:%M %p");
    match morning {
        Ok(morning) if appeal.quirks.contains(&Quirk::TwelveHour) => morning,
        _ => appeal.submitted,
    }
}

fn quality_flags(appeal: &Appeal, file_quirks: &[Quirk]) -> Vec<Value> {
    let is_text = !file_quirks.contains(&Quirk::Workbook);
    let flag = |quirk: &Quirk| {
        let (field, flag) = match quirk {
            Quirk::UnknownType => ("kind", "unknown_code"),
            Quirk::TwelveHour => ("received_at", "ambiguous_time"),
            Quirk::OldCode => ("enterprise.uscc", "bad_checksum"),
            Quirk::Nul if is_text => ("content", "control_characters"),
            _ => return None,
        };
        Some(quality_flag(field, flag))
    };
    appeal.quirks.iter().filter_map(flag).collect()
}

fn to_half_width(letter: char) -> char {
    match letter {
        '！'..='～' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        other => other,
    }
}
