//! The truth about the hotline's cases: the demand that each state must become.

mod handling;

use serde_json::{Map, Value, json};

use crate::QuirkSet;
use crate::faker::current_code;
use crate::hotline::{Hotline, Pressing, Quirk, Row, State};
use crate::time;
use crate::truth::{
    ExpectedFields, Outcome, RejectReason, ServedState, Truth, clean, expected_fields, main_person,
    quality_flag, unified_code, utc,
};

impl Hotline {
    /// The [`CaseHistory`](crate::CaseHistory) in the form that all channels have. Only the last state of a case has
    /// its reminders and supplements.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn truth(&self) -> anyhow::Result<Truth> {
        let history = self.case_history().await?;
        let mut truth = Truth::new("hotline");
        for case in history.cases() {
            let key = &case.last().row.rowguid;
            for (n_after, state) in (0..case.states.len()).rev().zip(&case.states) {
                let serial = &state.row.serialnum;
                let additions = if n_after == 0 { history.pressings(serial) } else { &[] };
                truth.add(key, served_state(state, additions)?);
            }
            if let Some(at) = case.deleted_at {
                truth.history.delete(key, at);
            }
        }
        Ok(truth)
    }
}

/// The truth about one state; `additions` are its reminders and supplements.
fn served_state(state: &State, additions: &[Pressing]) -> anyhow::Result<ServedState> {
    let outcome = match state.is_readable {
        true => Outcome::Demand(demand_fields(state, additions)),
        false => Outcome::Reject(RejectReason::MalformedBytes),
    };
    let dossier = state.row.life.dossier(&state.row.rowguid);
    let mut parts = Map::new();
    for (name, rows) in [
        ("pressing", serde_json::to_value(additions)?),
        ("task", serde_json::to_value(dossier.tasks)?),
        ("visit", serde_json::to_value(dossier.visits)?),
        ("step", serde_json::to_value(dossier.steps)?),
    ] {
        if rows != json!([]) {
            parts.insert(name.to_owned(), rows);
        }
    }
    let quirks = state.quirks.iter().map(|quirk| quirk.name()).collect();
    let payload: Value = serde_json::to_value(&state.row)?;
    Ok(ServedState { at: state.at, outcome, quirks, payload, parts })
}

fn demand_fields(state: &State, additions: &[Pressing]) -> ExpectedFields {
    let row = &state.row;
    let text = |text: &crate::Gbk| text.read().filter(|text| !text.is_empty());
    let clean_text = |raw| text(raw).map(|text| clean(&text));
    let time = |text: &str| time::parse_any(text).map(utc);
    let status_raw = text(&row.cstatus);
    let phone = row.linknumber.as_deref().or(row.rqstnumber.as_deref());
    expected_fields([
        json!({
            "source_no": row.serialnum,
            "kind": unified_code("hotline_kind", &row.rqsttype),
            "kind_raw": row.rqsttype,
            "title": clean_text(&row.rqsttitle),
            "content": clean_text(&row.rqstcontent),
            "category": text(&row.accordtype).and_then(|path| unified_code("category", &path)),
            "category_raw": text(&row.accordtype),
            "received_at": time(&row.rqsttime),
            "updated_at": time(&row.lastmodifytime),
            "urgency": if row.isimpt == "30" { "urgent" } else { "normal" },
            "region": current_code(&row.areacode),
            "region_raw": row.areacode,
            "address": text(&row.rqstaddress),
            "confidential": row.issecret == "1",
            "status": status_raw.as_deref().and_then(|status| unified_code("hotline_status", status)),
            "status_raw": status_raw,
            "people": main_person(text(&row.rqstperson).as_deref(), phone),
            "quality": quality_flags(row, &state.quirks),
        }),
        handling::fields(row, additions),
    ])
}

fn quality_flags(row: &Row, quirks: &[Quirk]) -> Vec<Value> {
    let flag = |quirk: &Quirk| {
        let (field, flag) = match quirk {
            Quirk::UnknownType => ("kind", "unknown_code"),
            Quirk::LostZero => ("people", "bad_phone"),
            Quirk::CutText if row.is_full() => ("content", "truncated"),
            Quirk::Nul => ("content", "control_characters"),
            Quirk::OldArea => ("region", "outdated_region"),
            Quirk::Mojibake => ("content", "damaged"),
            _ => return None,
        };
        Some(quality_flag(field, flag))
    };
    quirks.iter().filter_map(flag).collect()
}

#[cfg(test)]
mod tests;
