//! Drops files: writes them into the folder, each with its manifest.

use std::fs;

use anyhow::Context;
use chrono::{NaiveDateTime, TimeDelta};
use md5::{Digest as _, Md5};

use super::appeal::Appeal;
use super::file_bytes;
use super::{Enterprise, EnterpriseQuirk as Quirk, LastFile, PlatformState, truth};
use crate::dice::Dice;
use crate::time::compact;

/// A file contains the changes of the last ninety minutes.
const WINDOW_MINUTES: i64 = 90;

impl Enterprise {
    /// Drops a file with the appeals that were submitted or changed in the last ninety minutes. Returns its
    /// name; `None` if there are no such appeals. First replaces the last file if it has
    /// [`EnterpriseQuirk::Replaced`](Quirk::Replaced).
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn drop_file(&self) -> anyhow::Result<Option<String>> {
        let now = self.behaviour.clock.now();
        let mut platform = self.lock();
        self.replace_last(&mut platform, now)?;
        let since = now - TimeDelta::minutes(WINDOW_MINUTES);
        let is_due = |appeal: &&Appeal| appeal.changed > since && appeal.changed <= now;
        let changed: Vec<Appeal> = platform.appeals.iter().filter(is_due).cloned().collect();
        if changed.is_empty() {
            return Ok(None);
        }
        platform.n_drops += 1;
        let quirks: Vec<Quirk> = self.behaviour.quirks.at(platform.n_drops).collect();
        let extension = if quirks.contains(&Quirk::Workbook) { "xlsx" } else { "csv" };
        let name = format!("WQFW_340200_APPEAL_{}.{extension}", compact(now));
        self.write(&name, &changed, &quirks)?;
        platform.publish(now, &name, &changed, &quirks);
        let numbers = changed.into_iter().map(|appeal| appeal.number).collect();
        platform.last = Some(LastFile { name: name.clone(), numbers, quirks });
        Ok(Some(name))
    }

    /// If the last file has [`Quirk::Replaced`], drops it again under its name, with changed rows.
    fn replace_last(&self, platform: &mut PlatformState, now: NaiveDateTime) -> anyhow::Result<()> {
        let Some(LastFile { name, numbers, quirks }) = platform.last.take() else { return Ok(()) };
        if !quirks.contains(&Quirk::Replaced) {
            return Ok(());
        }
        let stream = now.and_utc().timestamp().unsigned_abs();
        let mut dice = Dice::new(self.behaviour.seed ^ REPLACE_STREAM, stream);
        let mut changed = Vec::new();
        for appeal in platform.appeals.iter_mut().filter(|each| numbers.contains(&each.number)) {
            appeal.advance(&mut dice, now);
            changed.push(appeal.clone());
        }
        self.write(&name, &changed, &quirks)?;
        platform.publish(now, &name, &changed, &quirks);
        Ok(())
    }

    /// Writes the second half of a file with [`Quirk::EarlyManifest`].
    ///
    /// # Errors
    /// If there is no such file, or it cannot be written.
    pub fn finish(&self, name: &str) -> anyhow::Result<()> {
        let end_path = self.folder.join(format!(".{name}.rest"));
        let end = fs::read(&end_path).with_context(|| format!("{name} is not half written"))?;
        let path = self.folder.join(name);
        let bytes = [fs::read(&path)?, end].concat();
        fs::write(path, bytes)?;
        Ok(fs::remove_file(end_path)?)
    }

    /// Writes the file and its manifest, with the quirks of the file.
    fn write(&self, name: &str, appeals: &[Appeal], quirks: &[Quirk]) -> anyhow::Result<()> {
        let (bytes, n_rows) = file_bytes::encode(appeals, quirks);
        let has_quirk = |quirk| quirks.contains(&quirk);
        let n_rows = n_rows + usize::from(has_quirk(Quirk::WrongRows));
        let mut md5 = hex::encode(Md5::digest(&bytes));
        if has_quirk(Quirk::WrongMd5) {
            md5 = md5.chars().rev().collect();
        }
        let manifest = format!("{name}|{n_rows}|{}|{md5}\n", bytes.len());
        let write_manifest = || fs::write(self.folder.join(format!("{name}.ok")), &manifest);
        let path = self.folder.join(name);
        if has_quirk(Quirk::EarlyManifest) {
            write_manifest()?;
            let (start, end) = bytes.split_at(bytes.len() / 2);
            fs::write(self.folder.join(format!(".{name}.rest")), end)?;
            return Ok(fs::write(path, start)?);
        }
        fs::write(path, &bytes)?;
        if !has_quirk(Quirk::NoManifest) {
            write_manifest()?;
        }
        Ok(())
    }
}

impl PlatformState {
    /// Adds to the truth what a correct reader reads from a file.
    fn publish(&mut self, now: NaiveDateTime, name: &str, appeals: &[Appeal], quirks: &[Quirk]) {
        if quirks.iter().any(|quirk| quirk.hides_rows()) {
            return;
        }
        if quirks.iter().any(|quirk| quirk.makes_file_unacceptable()) {
            self.truth.add(name, truth::file_state(now, name, quirks));
            return;
        }
        for appeal in appeals {
            let state = truth::row_state(now, appeal, quirks);
            let previous = self.truth.record(&appeal.number).map(|record| record.last());
            // The same row in another file is not a new state.
            if previous.is_none_or(|previous| previous.outcome != state.outcome) {
                self.truth.add(&appeal.number, state);
            }
        }
    }
}

/// XORed with the seed, so that changes in replaced files use different random numbers.
const REPLACE_STREAM: u64 = 0x7265_706c;
