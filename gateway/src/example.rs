//! What becomes of a page on the desk: the pure part of the gateway, without network and store.
//!
//! `check` compares it with what a channel's author expects, `explain` prints it. Ciphertexts are
//! left out, and so are tokens: both differ with every key.

use std::{fs, path::Path};

use anyhow::Context;
use config::{ChannelSettings, Settings};
use contract::{
    Batch, Channel, Cursor, Entry, Event, Intake, MappingNo, Position, ReadNo, Timestamp, pack,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{assemble, supervise::ChannelPlan};

/// A page above this is no example.
const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// One entry of a page and what became of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `accepted`, `skipped` or `rejected`.
    pub verdict: &'static str,
    /// The demand, or why there is none.
    pub result: Value,
    /// The record as its connector gave it; stays on the desk.
    #[serde(skip)]
    pub raw: String,
}

/// Reads `page` as `channel` would and maps every record of it.
///
/// # Errors
/// The page cannot be read, or is not a page of that kind of source.
pub fn outcomes(
    settings: &Settings,
    channel: &ChannelSettings,
    page: &Path,
) -> anyhow::Result<Vec<Outcome>> {
    let plan = assemble::on_the_desk(settings, channel)?;
    let size = fs::metadata(page).with_context(|| page.display().to_string())?.len();
    anyhow::ensure!(size <= MAX_PAGE_BYTES, "{}: larger than 32 MiB", page.display());
    let bytes = fs::read(page).with_context(|| page.display().to_string())?;
    let connector = plan.kind.build(&plan.section, plan.means.clone())?;
    let entries = connector.sample(&bytes).with_context(|| page.display().to_string())?;
    entries.into_iter().map(|entry| outcome(&plan, entry)).collect()
}

fn outcome(plan: &ChannelPlan, entry: Entry) -> anyhow::Result<Outcome> {
    let channel =
        Channel { id: plan.id.clone(), mapping: MappingNo(1), normalizer: plan.normalizer.clone() };
    let raw = match &entry {
        Entry::Record(record) => serde_json::to_string_pretty(record.body.tree())?,
        Entry::Unreadable { place, bytes, .. } => {
            format!("unreadable, {} bytes at {}", bytes.len(), place.at)
        }
    };
    let batch = Batch {
        entries: vec![entry],
        upto: Cursor::from_text("null"),
        caught_up: true,
        trouble: Vec::new(),
    };
    let outbox = pack(&channel, Position::default(), ReadNo(1), batch, Timestamp::UNIX_EPOCH);
    let messages = outbox.messages().iter().map(|message| (0, message.clone()));
    let intake = Intake::new(messages);
    let event = intake.deliveries().iter().flat_map(|delivery| &delivery.events).next();
    let (verdict, mut result) = match event {
        None => ("skipped", Value::Null),
        Some(Event::Demand(demand)) => ("accepted", serde_json::to_value(demand)?),
        Some(Event::Reject(reject)) => (
            "rejected",
            json!({
                "id": reject.id, "source_key": reject.source_key, "place": reject.place,
                "reason": reject.reason,
            }),
        ),
        Some(Event::Unreadable { reason, .. }) => ("rejected", json!({ "reason": reason })),
    };
    leave_out_ciphertext(&mut result);
    Ok(Outcome { verdict, result, raw })
}

/// Removes what depends on keys, reads and clocks, so that expectations stay readable and stable.
fn leave_out_ciphertext(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["raw", "unmasked", "sealed", "origin", "version", "digest", "token"] {
                fields.shift_remove(name);
            }
            fields.values_mut().for_each(leave_out_ciphertext);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_ciphertext),
        _ => {}
    }
}
