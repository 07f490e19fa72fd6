//! The facts that must come out of a row.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::EnterpriseFault as Fault;
use super::appeal::{Appeal, KINDS};
use super::form::columns;
use crate::Switch;
use crate::truth::{Business, Class, Doubt, Facts, Outcome, Person, Told, cleaned};

/// A row in a file that a correct reader takes.
pub(super) fn told(at: NaiveDateTime, appeal: &Appeal, of_file: &[Fault]) -> Told {
    let has = |fault| appeal.faults.contains(&fault);
    // A workbook has no lines to break and no bytes to spoil.
    let is_text = !of_file.contains(&Fault::Workbook);
    let outcome = if is_text && has(Fault::Poison) {
        Outcome::Reject(Class::MalformedBytes)
    } else if is_text && has(Fault::BrokenRow) {
        Outcome::Reject(Class::Unreadable)
    } else {
        Outcome::Demand(Box::new(facts(appeal, of_file)))
    };
    let faults = appeal.faults.iter().chain(of_file).map(|fault| fault.name()).collect();
    let cells = appeal.cells().map(Value::String);
    let columns = columns().into_iter().map(str::to_owned);
    let payload: Map<String, Value> = columns.zip(cells).collect();
    Told { at, outcome, faults, payload: Value::Object(payload), parts: Map::new() }
}

/// A file that no reader can take.
pub(super) fn refused(at: NaiveDateTime, name: &str, of_file: &[Fault]) -> Told {
    let faults = of_file.iter().map(|fault| fault.name()).collect();
    let payload = Value::String(name.to_owned());
    Told { at, outcome: Outcome::Reject(Class::Unreadable), faults, payload, parts: Map::new() }
}

fn facts(appeal: &Appeal, of_file: &[Fault]) -> Facts {
    let kind = KINDS.iter().find(|(known, ..)| *known == appeal.kind).map(|(_, _, kind)| *kind);
    let status = match appeal.status {
        "待派发" | "待受理" => Some("pending"),
        "处理中" => Some("in_progress"),
        "待确认" => Some("visiting"),
        "已确认" => Some("resolved"),
        "已驳回" => Some("returned"),
        _ => None,
    };
    Facts {
        source_no: Some(appeal.number.clone()),
        kind,
        kind_raw: Some(appeal.kind.to_owned()),
        title: Some(cleaned(&appeal.title)),
        content: Some(cleaned(&appeal.content)),
        category_raw: Some(appeal.kind.to_owned()),
        received_at: Some(received(appeal)),
        wish_at: Some(appeal.wished_for),
        people: Person::main(Some(appeal.person.clone()), Some(appeal.phone.clone())),
        enterprise: Some(Business {
            name: Some(appeal.firm.clone()),
            uscc: Some(appeal.code.chars().map(narrowed).collect::<String>().to_uppercase()),
            kind: Some(appeal.kind_of_firm.to_owned()),
        }),
        status,
        status_raw: Some(appeal.status.to_owned()),
        org_raw: Some(appeal.org.to_owned()),
        quality: doubts(appeal, of_file),
        ..Facts::default()
    }
}

/// If the half of the day is missing, the hours are taken as they are.
fn received(appeal: &Appeal) -> NaiveDateTime {
    let said = appeal.submitted.format("%Y-%m-%d %I:%M AM").to_string();
    let said = NaiveDateTime::parse_from_str(&said, "%Y-%m-%d %I:%M %p");
    match said {
        Ok(said) if appeal.faults.contains(&Fault::TwelveHour) => said,
        _ => appeal.submitted,
    }
}

fn doubts(appeal: &Appeal, of_file: &[Fault]) -> Vec<Doubt> {
    let doubt = |fault: &Fault| {
        let (field, flag) = match fault {
            Fault::UnknownType => ("kind", "unknown_code"),
            Fault::TwelveHour => ("received_at", "ambiguous_time"),
            Fault::OldCode => ("enterprise.uscc", "bad_checksum"),
            Fault::Nul if !of_file.contains(&Fault::Workbook) => ("content", "control_characters"),
            _ => return None,
        };
        Some(Doubt { field, flag })
    };
    appeal.faults.iter().filter_map(doubt).collect()
}

fn narrowed(letter: char) -> char {
    match letter {
        '！'..='～' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        other => other,
    }
}
