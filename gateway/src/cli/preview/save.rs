//! A page as a fixture, without what it says of persons. Rather nothing is written than something of
//! which it cannot be shown.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, ensure};
use contract::{Entry, RawRecord};
use serde_json::Value;

use crate::{cli::out, offline::DryRun};

/// Writes `page`, or what `entries` hold where the source gives no pages, and what is expected of it.
pub(super) fn save(
    dry_run: &DryRun,
    folder: &Path,
    page: Option<String>,
    entries: &[Entry],
) -> anyhow::Result<()> {
    let records = records(entries);
    ensure!(!records.is_empty(), "there is no record to be kept as a fixture");
    let page = match page {
        Some(page) => page,
        None => rows(&records)?,
    };
    // The page may hold more records than were asked for.
    let is_xml = page.trim_start_matches('\u{feff}').trim_start().starts_with('<');
    let name = if is_xml { "page.xml" } else { "page.json" };
    let listed = sample(dry_run, name, &page)?;
    let scrubbed = dry_run.mapping.scrub(&page, &[records, listed.clone()].concat());
    ensure_clean(dry_run, name, &listed, &scrubbed)?;

    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(name);
    fs::write(&path, scrubbed).with_context(|| path.display().to_string())?;
    let expected = folder.join("page.expected.json");
    let outcomes = dry_run.page(&path, false)?;
    let text = serde_json::to_string_pretty(&outcomes)? + "\n";
    fs::write(&expected, text).with_context(|| expected.display().to_string())?;
    out::note(format!("wrote {} and {}", path.display(), expected.display()));
    Ok(())
}

/// The records among what was read.
pub(super) fn records(entries: &[Entry]) -> Vec<RawRecord> {
    let records = entries.iter().filter_map(|entry| match entry {
        Entry::Record(record) => Some(record.clone()),
        Entry::Unreadable { .. } => None,
    });
    records.collect()
}

fn rows(records: &[RawRecord]) -> anyhow::Result<String> {
    let rows: Vec<&Value> = records.iter().map(|record| record.body.tree()).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

/// Reads the page as it will be kept, and looks in it for anything that it said of persons `before`.
fn ensure_clean(
    dry_run: &DryRun,
    name: &str,
    before: &[RawRecord],
    scrubbed: &str,
) -> anyhow::Result<()> {
    let after = sample(dry_run, name, scrubbed)?;
    ensure!(
        before.len() == after.len(),
        "the page cannot be read any more once personal values are hidden; make the fixture by hand"
    );
    let told: BTreeSet<String> = dry_run.mapping.personal(before);
    let left = dry_run.mapping.personal(&after);
    let left = told.intersection(&left).count();
    ensure!(
        left == 0,
        "{left} personal values cannot be found in the text of the page to be hidden; make the \
         fixture by hand"
    );
    Ok(())
}

fn sample(dry_run: &DryRun, name: &str, page: &str) -> anyhow::Result<Vec<RawRecord>> {
    let entries = dry_run
        .sample(name, page.as_bytes())
        .context("what was read is no fixture of this kind of source; make one by hand")?;
    Ok(records(&entries))
}
