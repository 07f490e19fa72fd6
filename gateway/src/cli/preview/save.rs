//! Saves a page as a fixture, without personal values. If one of them cannot be removed, nothing is
//! written.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, ensure};
use contract::{Entry, RawRecord};
use serde_json::Value;

use crate::{channel::LiveChannel, cli::out};

/// Writes `page`, or the records of `entries` if the source has no pages, and the expected demands.
pub(in crate::cli) fn save(
    channel: &LiveChannel,
    folder: &Path,
    page: Option<String>,
    entries: &[Entry],
) -> anyhow::Result<()> {
    let records = records_of(entries);
    ensure!(!records.is_empty(), "there is nothing to save: no record was read");
    let page = match page {
        Some(page) => page,
        None => rows_text(&records)?,
    };
    // The page may contain more records than were requested.
    let is_xml = page.trim_start_matches('\u{feff}').trim_start().starts_with('<');
    let name = if is_xml { "page.xml" } else { "page.json" };
    let listed = sample(channel, name, &page)?;
    let scrubbed = channel.mapping.scrub(&page, &[records, listed.clone()].concat());
    ensure_clean(channel, name, &listed, &scrubbed)?;

    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(name);
    fs::write(&path, scrubbed).with_context(|| path.display().to_string())?;
    let expected = folder.join("page.expected.json");
    let outcomes = channel.page_outcomes(&path, false)?;
    let text = serde_json::to_string_pretty(&outcomes)? + "\n";
    fs::write(&expected, text).with_context(|| expected.display().to_string())?;
    out::note(format!("wrote {} and {}", path.display(), expected.display()));
    Ok(())
}

/// The records among the entries.
pub(super) fn records_of(entries: &[Entry]) -> Vec<RawRecord> {
    let records = entries.iter().filter_map(|entry| match entry {
        Entry::Record(record) => Some(record.clone()),
        Entry::Unreadable { .. } => None,
    });
    records.collect()
}

/// The records as a JSON list, as a source without pages is sampled.
fn rows_text(records: &[RawRecord]) -> anyhow::Result<String> {
    let rows: Vec<&Value> = records.iter().map(|record| record.body.tree()).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

/// Checks that the scrubbed page can be read, and contains no personal value of the records `before`.
fn ensure_clean(
    channel: &LiveChannel,
    name: &str,
    before: &[RawRecord],
    scrubbed: &str,
) -> anyhow::Result<()> {
    let after = sample(channel, name, scrubbed)?;
    ensure!(
        before.len() == after.len(),
        "the page cannot be read once its personal values are removed; write the fixture by hand"
    );
    let values: BTreeSet<String> = channel.mapping.personal(before);
    let remaining = channel.mapping.personal(&after);
    let n_remaining = values.intersection(&remaining).count();
    ensure!(
        n_remaining == 0,
        "{n_remaining} personal values cannot be removed from the page; write the fixture by hand"
    );
    Ok(())
}

fn sample(channel: &LiveChannel, name: &str, page: &str) -> anyhow::Result<Vec<RawRecord>> {
    let entries = channel.sample(name, page.as_bytes()).context(
        "the saved page would not be valid for this kind of source; write the fixture by hand",
    )?;
    Ok(records_of(&entries))
}
