//! What becomes of a page on the desk: the pure part of the gateway, without network and store.
//!
//! `check` compares it with what a channel's author expects, `explain` prints it. Ciphertexts are
//! left out, and so are tokens: both differ with every key.

use std::{fs, path::Path};

use anyhow::Context;
use config::{ChannelSettings, Settings};
use contract::{
    Batch, Channel, Cursor, DecidedBy, Entry, Event, Intake, MappingNo, Position, ReadNo,
    TextReport, Timestamp, pack,
};
use normalizer::Traced;
use serde::Serialize;
use serde_json::{Value, json};

use crate::assemble::{self, Desk};

/// A page above this is no example.
const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// An example is read after everything in it, on every day.
const READ_AT: Timestamp = match Timestamp::from_timestamp(4_102_444_800, 0) {
    Some(at) => at,
    None => Timestamp::UNIX_EPOCH,
};

/// One entry of a page and what became of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `accepted`, `skipped` or `rejected`.
    pub verdict: &'static str,
    /// The demand, or why there is none.
    pub result: Value,
    /// What became of each field; stays on the desk.
    #[serde(skip)]
    pub trace: Vec<Traced>,
    /// How its bytes became text, where they were bytes.
    #[serde(skip)]
    pub decoding: Option<String>,
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
    explained(settings, channel, page, false)
}

/// The same; with `reveal` the traces hold personal values in plain.
///
/// # Errors
/// As [`outcomes`].
pub fn explained(
    settings: &Settings,
    channel: &ChannelSettings,
    page: &Path,
    reveal: bool,
) -> anyhow::Result<Vec<Outcome>> {
    let desk = assemble::on_the_desk(settings, channel)?;
    let size = fs::metadata(page).with_context(|| page.display().to_string())?.len();
    anyhow::ensure!(size <= MAX_PAGE_BYTES, "{}: larger than 32 MiB", page.display());
    let bytes = fs::read(page).with_context(|| page.display().to_string())?;
    let connector = desk.plan.kind.build(&desk.plan.section, desk.plan.means.clone())?;
    let name = page.file_name().unwrap_or_default().to_string_lossy();
    let entries = connector.sample(&name, &bytes).with_context(|| page.display().to_string())?;
    of_entries(&desk, entries, reveal)
}

/// What becomes of entries that were read.
///
/// # Errors
/// A demand cannot be written as JSON.
pub fn of_entries(desk: &Desk, entries: Vec<Entry>, reveal: bool) -> anyhow::Result<Vec<Outcome>> {
    entries.into_iter().map(|entry| outcome(desk, entry, reveal)).collect()
}

fn outcome(desk: &Desk, entry: Entry, reveal: bool) -> anyhow::Result<Outcome> {
    let plan = &desk.plan;
    let channel =
        Channel { id: plan.id.clone(), mapping: MappingNo(1), normalizer: plan.normalizer.clone() };
    let (trace, decoding) = match &entry {
        Entry::Record(record) => (desk.mapping.trace(record, reveal), decoding(&record.text)),
        Entry::Unreadable { place, bytes, .. } => {
            let what = format!("unreadable, {} bytes at {}", bytes.len(), place.at);
            (Vec::new(), Some(what))
        }
    };
    let batch = Batch {
        entries: vec![entry],
        upto: Cursor::from_text("null"),
        caught_up: true,
        trouble: Vec::new(),
    };
    let outbox = pack(&channel, Position::default(), ReadNo(1), batch, READ_AT);
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
    Ok(Outcome { verdict, result, trace, decoding })
}

/// `GB18030, which the channel declares`.
fn decoding(text: &TextReport) -> Option<String> {
    let why = match text.decided_by {
        DecidedBy::Nothing => return None,
        DecidedBy::Forced => "which the channel forces",
        DecidedBy::Bom => "by its byte order mark",
        DecidedBy::Utf8 => "because its bytes are",
        DecidedBy::XmlProlog => "by the declaration of its XML",
        DecidedBy::HttpHeader => "by its HTTP header",
        DecidedBy::Declared => "which the channel declares",
        DecidedBy::Detected => "by its bytes",
    };
    let conflict = if text.conflict { "; others claimed another charset" } else { "" };
    Some(format!("{}, {why}{conflict}", text.charset))
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
