//! The facts that must come out of a row.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use super::EnterpriseQuirk as Quirk;
use super::appeal::Appeal;
use super::form::columns;
use crate::QuirkSet;
use crate::truth::{
    Class, Facts, Outcome, ServedState, cleaned, facts, main_person, quality_flag, unified, utc,
};

/// A row of a file that a correct reader accepts.
pub(super) fn row_state(at: NaiveDateTime, appeal: &Appeal, of_file: &[Quirk]) -> ServedState {
    let has = |quirk| appeal.faults.contains(&quirk);
    // A workbook has no lines to break and no bytes to spoil.
    let is_text = !of_file.contains(&Quirk::Workbook);
    let outcome = if is_text && has(Quirk::Poison) {
        Outcome::Reject(Class::MalformedBytes)
    } else if is_text && has(Quirk::BrokenRow) {
        Outcome::Reject(Class::Unreadable)
    } else {
        Outcome::Demand(demand_facts(appeal, of_file))
    };
    let faults = appeal.faults.iter().chain(of_file).map(|quirk| quirk.name()).collect();
    let cells = appeal.cells().map(Value::String);
    let columns = columns().into_iter().map(str::to_owned);
    let payload: Map<String, Value> = columns.zip(cells).collect();
    ServedState { at, outcome, faults, payload: Value::Object(payload), parts: Map::new() }
}

/// A file that no reader can accept.
pub(super) fn file_state(at: NaiveDateTime, name: &str, of_file: &[Quirk]) -> ServedState {
    let faults = of_file.iter().map(|quirk| quirk.name()).collect();
    let payload = Value::String(name.to_owned());
    ServedState {
        at,
        outcome: Outcome::Reject(Class::Unreadable),
        faults,
        payload,
        parts: Map::new(),
    }
}

fn demand_facts(appeal: &Appeal, of_file: &[Quirk]) -> Facts {
    let uscc = appeal.code.chars().map(narrowed).collect::<String>().to_uppercase();
    facts([json!({
        "source_no": appeal.number,
        "kind": unified("enterprise_kind", appeal.kind),
        "kind_raw": appeal.kind,
        "title": cleaned(&appeal.title),
        "content": cleaned(&appeal.content),
        "category_raw": appeal.kind,
        "received_at": utc(received(appeal)),
        "wish_at": utc(appeal.wished_for),
        "people": main_person(Some(&appeal.person), Some(&appeal.phone)),
        "enterprise": { "name": appeal.firm, "uscc": uscc, "type": appeal.kind_of_firm },
        "status": unified("enterprise_status", appeal.status),
        "status_raw": appeal.status,
        "org_raw": appeal.org,
        "quality": quality_flags(appeal, of_file),
    })])
}

/// If the half of the day is missing, the hours are taken as they are.
fn received(appeal: &Appeal) -> NaiveDateTime {
    let morning = appeal.submitted.format("%Y-%m-%d %I:%M AM").to_string();
    let morning = NaiveDateTime::parse_from_str(&morning, "%Y-%m-%d %I:%M %p");
    match morning {
        Ok(morning) if appeal.faults.contains(&Quirk::TwelveHour) => morning,
        _ => appeal.submitted,
    }
}

fn quality_flags(appeal: &Appeal, of_file: &[Quirk]) -> Vec<Value> {
    let flag = |quirk: &Quirk| {
        let (field, flag) = match quirk {
            Quirk::UnknownType => ("kind", "unknown_code"),
            Quirk::TwelveHour => ("received_at", "ambiguous_time"),
            Quirk::OldCode => ("enterprise.uscc", "bad_checksum"),
            Quirk::Nul if !of_file.contains(&Quirk::Workbook) => ("content", "control_characters"),
            _ => return None,
        };
        Some(quality_flag(field, flag))
    };
    appeal.faults.iter().filter_map(flag).collect()
}

fn narrowed(letter: char) -> char {
    match letter {
        '！'..='～' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        other => other,
    }
}
