//! The hotline's cases as [`Truth`]: the facts that a correct reader gets from each row.

use serde_json::{Map, Value};

use crate::Switch;
use crate::city::current_code;
use crate::hotline::{Fault, Hotline, Pressing, Row, State, life};
use crate::truth::{Class, Doubt, Facts, Outcome, Person, Step, Told, Truth, cleaned};
use crate::when;

impl Hotline {
    /// The [`Oracle`](crate::Oracle) in the form that all channels share. Reminders and
    /// supplements to a case are parts of its last state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn truth(&self) -> anyhow::Result<Truth> {
        let oracle = self.oracle().await?;
        let mut truth = Truth::new("hotline");
        for case in oracle.cases() {
            let key = &case.last().row.rowguid;
            for (left, state) in (0..case.states.len()).rev().zip(&case.states) {
                let serial = &state.row.serialnum;
                let additions = if left == 0 { oracle.pressings(serial) } else { &[] };
                truth.told(key, served_state(state, additions)?);
            }
            if let Some(at) = case.gone {
                truth.history.gone(key, at);
            }
        }
        Ok(truth)
    }
}

fn served_state(state: &State, additions: &[Pressing]) -> anyhow::Result<Told> {
    let outcome = match state.is_readable {
        true => Outcome::Demand(Box::new(facts(state, additions))),
        false => Outcome::Reject(Class::MalformedBytes),
    };
    let mut parts = Map::new();
    if !additions.is_empty() {
        parts.insert("pressing".to_owned(), serde_json::to_value(additions)?);
    }
    let faults = state.faults.iter().map(|fault| fault.name()).collect();
    let payload: Value = serde_json::to_value(&state.row)?;
    Ok(Told { at: state.at, outcome, faults, payload, parts })
}

fn facts(state: &State, additions: &[Pressing]) -> Facts {
    let row = &state.row;
    let text = |text: &crate::Gbk| text.read().filter(|text| !text.is_empty());
    let clean = |raw| text(raw).map(|text| cleaned(&text));
    let status_raw = text(&row.cstatus);
    Facts {
        source_no: Some(row.serialnum.clone()),
        kind: kind(&row.rqsttype),
        kind_raw: Some(row.rqsttype.clone()),
        title: clean(&row.rqsttitle),
        content: clean(&row.rqstcontent),
        category_raw: text(&row.accordtype),
        received_at: when::read(&row.rqsttime),
        updated_at: when::read(&row.lastmodifytime),
        urgency: Some(if row.isimpt == "30" { "urgent" } else { "normal" }),
        region: current_code(&row.areacode),
        region_raw: Some(row.areacode.clone()),
        address: text(&row.rqstaddress),
        confidential: Some(row.issecret == "1"),
        status: status_raw.as_deref().and_then(life::unified),
        status_raw,
        resolved_at: row.finishtime.as_deref().and_then(when::read),
        people: Person::main(
            text(&row.rqstperson),
            row.linknumber.clone().or_else(|| row.rqstnumber.clone()),
        ),
        trail: additions.iter().map(step).collect(),
        quality: doubts(row, &state.faults),
        ..Facts::default()
    }
}

fn step(addition: &Pressing) -> Step {
    Step {
        at: when::read(&addition.addtime),
        step: Some(if addition.flag == 1 { "补充" } else { "催办" }.to_owned()),
        note: addition.addcontent.read(),
        ..Step::default()
    }
}

fn doubts(row: &Row, faults: &[Fault]) -> Vec<Doubt> {
    let doubt = |fault: &Fault| {
        let (field, flag) = match fault {
            Fault::UnknownType => ("kind", "unknown_code"),
            Fault::LostZero => ("people", "bad_phone"),
            Fault::CutText if row.is_full() => ("content", "truncated"),
            Fault::Nul => ("content", "control_characters"),
            Fault::OldArea => ("region", "outdated_region"),
            Fault::Mojibake => ("content", "damaged"),
            _ => return None,
        };
        Some(Doubt { field, flag })
    };
    faults.iter().filter_map(doubt).collect()
}

fn kind(code: &str) -> Option<&'static str> {
    Some(match code {
        "10" => "consult",
        "15" => "suggestion",
        "20" => "complaint",
        "25" => "report",
        "30" => "help",
        "35" => "praise",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
