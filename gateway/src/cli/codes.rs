//! `tonghui codes`: the labels of the sources and their codes.

mod import;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use config::Settings;
use normalizer::CodeTables;
use rust_xlsxwriter::{Format, Workbook};
use serde::Serialize;
use sink::store::{Access, UnknownLabel};

use super::{Change, Context, Exit, out};
use crate::assemble;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List labels of stored demands that are in no table, each with the most similar known label.
    Missing {
        /// Write them to a worksheet to fill in and pass to `codes import`.
        #[arg(long, value_name = "FILE")]
        xlsx: Option<PathBuf>,
    },
    /// Add the rows with a code from such a worksheet to the tables of the configuration folder.
    Import {
        /// The worksheet.
        file: PathBuf,
    },
    /// Show where the configuration folder differs from the shipped tables.
    Diff,
}

impl Command {
    /// What it is about to change.
    pub(super) fn change(&self) -> Option<Change> {
        match self {
            Self::Import { file } => {
                Some(Change { action: "import", subject: format!("codes of {}", file.display()) })
            }
            Self::Missing { .. } | Self::Diff => None,
        }
    }
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Missing { xlsx } => list_missing(context, xlsx.as_deref()),
        Command::Import { file } => import::run(context, file),
        Command::Diff => diff(context),
    }
}

/// Prints the rows in which the tables of the configuration folder differ from the shipped ones.
fn diff(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let codes = assemble::codes(&settings)?;
    out::show(context.format, &codes.differences(), |differences| {
        let rows = differences.iter().map(|each| {
            let shipped = each.shipped.clone().unwrap_or_else(|| "—".to_owned());
            vec![each.table.clone(), each.raw.clone(), shipped, each.here.clone()]
        });
        out::table(&["table", "label", "shipped", "here"], rows, 4)
    })
}

/// A label that is in no code table, the table to which it belongs, and a suggestion.
#[derive(Debug, Serialize)]
struct MissingLabel {
    /// Name of the table; empty if the channel names none for the field.
    table: String,
    #[serde(flatten)]
    label: UnknownLabel,
    /// The most similar label of the table, and its code.
    nearest: Option<(String, String)>,
}

/// Headings of the worksheet; `codes import` looks for the first three.
const HEADINGS: [&str; 8] =
    ["table", "raw", "code", "demands", "sample", "channel", "nearest", "nearest code"];
/// A label that is less similar, on a scale from 0 to 1, is not suggested.
const MIN_SIMILARITY: f64 = 0.5;

fn list_missing(context: &Context, xlsx: Option<&Path>) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        let (codes, labels) = (assemble::codes(settings)?, store.unknown_labels().await?);
        let missing: Vec<_> =
            labels.into_iter().map(|label| suggest(settings, &codes, label)).collect();
        let Some(file) = xlsx else {
            return out::show(context.format, &missing, |missing| {
                out::table(&HEADINGS, missing.iter().map(cells), 8)
            });
        };
        write_worksheet(&missing, file).with_context(|| file.display().to_string())?;
        out::note(format!("wrote {} labels to {}", missing.len(), file.display()));
        Ok(Exit::Done)
    })
}

/// Finds the table to which a label belongs, and the most similar label in it.
fn suggest(settings: &Settings, codes: &CodeTables, label: UnknownLabel) -> MissingLabel {
    let channel = settings.channels.iter().find(|channel| channel.id == label.channel);
    let field = channel.map(|channel| &channel.demand[&label.field]);
    let table = match label.field.as_str() {
        "region" => "region",
        _ => field.and_then(|field| field["codes"].as_str()).unwrap_or_default(),
    };
    let nearest = codes.table(table).and_then(|known| {
        let similarity = |each: &&str| strsim::normalized_damerau_levenshtein(each, &label.raw);
        let nearest =
            known.labels().max_by(|a, b| similarity(a).total_cmp(&similarity(b)).then(b.cmp(a)))?;
        let code = known.get(nearest)?.to_owned();
        (similarity(&nearest) >= MIN_SIMILARITY).then(|| (nearest.to_owned(), code))
    });
    MissingLabel { table: table.to_owned(), label, nearest }
}

/// The cells of the row of a label; `code` stays empty, for the user to fill in.
fn cells(missing: &MissingLabel) -> Vec<String> {
    let UnknownLabel { channel, raw, demands, sample, .. } = &missing.label;
    let (nearest, code) = missing.nearest.clone().unwrap_or_default();
    vec![
        missing.table.clone(),
        raw.clone(),
        String::new(),
        demands.to_string(),
        sample.clone(),
        channel.to_string(),
        nearest,
        code,
    ]
}

/// Writes all cells as text: a spreadsheet would drop the leading zero of `0101`.
fn write_worksheet(missing: &[MissingLabel], file: &Path) -> anyhow::Result<()> {
    let mut book = Workbook::new();
    let text = Format::new().set_num_format("@");
    let sheet = book.add_worksheet();
    for (column, heading) in (0..).zip(HEADINGS) {
        sheet.write_with_format(0, column, heading, &Format::new().set_bold())?;
        sheet.set_column_format(column, &text)?;
    }
    for (row, each) in (1..).zip(missing) {
        for (column, cell) in (0..).zip(cells(each)) {
            sheet.write_with_format(row, column, cell, &text)?;
        }
    }
    book.save(file)?;
    Ok(())
}
