//! `tonghui explain CHANNEL FILE`: shows what becomes of each field of a page, side by side, without
//! using the network. Personal values are masked. With `--format json` it prints what an `[[example]]`
//! expects.

mod side;

use std::path::PathBuf;

use contract::ChannelId;
use normalizer::FieldTrace;
use serde_json::Value;

use self::side::{Row, draw};
use super::{Context, Exit, audit, out};
use crate::{
    assemble,
    offline::{self, Outcome},
    plain::escape_line,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// A file with a page as the source sends it.
    file: PathBuf,
    /// Show personal values unmasked; recorded in the audit log of the store, if there is one.
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let channel = offline::channel(&settings, &args.channel)?;
    if args.reveal {
        let subject = format!("{} {}", args.channel, args.file.display());
        audit::record_reveal(&settings, "explain", &subject)?;
    }
    let outcomes = channel.page_outcomes(&args.file, args.reveal)?;
    let width = out::width();
    out::show(context.format, &outcomes, |outcomes| draw_records(outcomes, width))
}

/// All records as text.
pub(super) fn draw_records(outcomes: &[Outcome], width: usize) -> String {
    let numbered = (1..).zip(outcomes);
    let records = numbered.map(|(number, outcome)| draw_record(number, outcome, width));
    records.collect::<Vec<_>>().join("\n")
}

/// One record as text.
fn draw_record(number: usize, outcome: &Outcome, width: usize) -> String {
    let decoding = outcome.decoding.as_deref().unwrap_or("its source sent text");
    let title = format!("── record {number}: {} · {decoding}", outcome.verdict);
    if outcome.verdict == "rejected" {
        return format!("{title}\n{}", draw_rejection(&outcome.result));
    }
    // Empty columns are left out.
    let filled = outcome.trace.iter().filter(|traced| !traced.raw.is_empty());
    let mut rows: Vec<_> = filled.map(|traced| row(traced, &outcome.result)).collect();
    let shown: Vec<_> =
        outcome.trace.iter().flat_map(|traced| traced.fields.iter().copied()).collect();
    let derived = outcome.result.as_object().into_iter().flatten();
    rows.extend(derived.filter(|(field, _)| !is_shown(field, &shown)).map(|(field, value)| Row {
        name: format!("→ {field}"),
        mapped: text(value),
        ..Row::default()
    }));
    format!("{title}\n{}", draw(&rows, width))
}

/// Why a record was rejected, and what happens to it.
fn draw_rejection(result: &Value) -> String {
    let reason = &result["reason"];
    let rows = [
        ("place", &result["place"]),
        ("record", &result["source_key"]),
        ("reason", if reason.is_string() { reason } else { &reason["code"] }),
        ("detail", &reason["detail"]),
    ];
    let rows = rows.iter().filter(|(_, value)| !value.is_null());
    let lines: String =
        rows.map(|(name, value)| format!("{name:8} {}\n", escape_line(&text(value)))).collect();
    format!(
        "{lines}The record goes to quarantine as it came; other records are not affected. Once the source \
         sends a valid\nstate of it, that becomes the demand and the entry is resolved.\n"
    )
}

/// Whether a field of the demand is one of those `shown` beside a column, or need not be shown.
fn is_shown(field: &str, shown: &[&str]) -> bool {
    const NOT_SHOWN: [&str; 4] = ["quality", "id", "channel", "source_key"];
    let base = field.strip_suffix("_raw").unwrap_or(field);
    NOT_SHOWN.contains(&field)
        || shown.iter().any(|known| {
            let root = known.split('.').next().unwrap_or(known);
            root == field || *known == base || field == "address_area" && root == "address"
        })
}

/// The row of one column of the source, with the fields of the demand that it becomes.
fn row(traced: &FieldTrace, result: &Value) -> Row {
    let FieldTrace { column, fields, raw, decoded } = traced;
    let names =
        if fields.is_empty() { String::new() } else { format!("\n→ {}", fields.join(", ")) };
    let mapped: Vec<_> = fields.iter().map(|field| mapped_text(result, field)).collect();
    let notes = result["quality"].as_array().into_iter().flatten().filter(|note| {
        let field = note["field"].as_str().unwrap_or_default();
        fields.contains(&field) || field == column
    });
    let notes: Vec<_> = notes
        .map(|note| match note["detail"].as_str() {
            Some(detail) => format!("{}: {detail}", text(&note["flag"])),
            None => text(&note["flag"]),
        })
        .collect();
    Row {
        name: format!("{}{names}", escape_line(column)),
        raw: raw.clone(),
        decoded: decoded.clone(),
        mapped: mapped.join("\n"),
        notes: notes.join("\n"),
    }
}

/// The value of a field of the demand, as text; for a list, the values of all items.
fn mapped_text(result: &Value, field: &str) -> String {
    let mut values = vec![result];
    for name in field.split('.') {
        values = values
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().map(|item| &item[name]).collect(),
                other => vec![&other[name]],
            })
            .collect();
    }
    let texts: Vec<_> = values.into_iter().map(text).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { "—".to_owned() } else { texts.join(" · ") }
}

/// A value as text on one line; of a sealed value, its mask.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', "↵"),
        Value::Object(sealed) if sealed.contains_key("mask") => text(&sealed["mask"]),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" · "),
        other => other.to_string(),
    }
}
