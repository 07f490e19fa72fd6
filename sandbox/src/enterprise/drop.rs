//! Dropping a file.

use std::fs;

use anyhow::Context;
use chrono::{NaiveDateTime, TimeDelta};
use md5::{Digest as _, Md5};

use super::appeal::Appeal;
use super::form;
use super::{Enterprise, EnterpriseQuirk as Quirk, LastFile, PlatformState, facts};
use crate::dice::Dice;
use crate::when::compact;

/// How far back a file reaches.
const WINDOW_MINUTES: i64 = 90;

impl Enterprise {
    /// Drops the file that is due now: all that was filed or changed in the last ninety minutes.
    /// Returns its name; `None` if there is nothing to write.
    ///
    /// # Errors
    /// When the folder refuses.
    pub fn drop_file(&self) -> anyhow::Result<Option<String>> {
        let now = self.behaviour.clock.now();
        let mut platform = self.locked();
        self.replace_last(&mut platform, now)?;
        let since = now - TimeDelta::minutes(WINDOW_MINUTES);
        let is_due = |appeal: &&Appeal| appeal.changed > since && appeal.changed <= now;
        let due: Vec<Appeal> = platform.appeals.iter().filter(is_due).cloned().collect();
        if due.is_empty() {
            return Ok(None);
        }
        platform.n_drops += 1;
        let faults: Vec<Quirk> = self.behaviour.faults.at(platform.n_drops).collect();
        let end = if faults.contains(&Quirk::Workbook) { "xlsx" } else { "csv" };
        let name = format!("WQFW_340200_APPEAL_{}.{end}", compact(now));
        self.write(&name, &due, &faults)?;
        platform.record(now, &name, &due, &faults);
        let numbers = due.into_iter().map(|appeal| appeal.number).collect();
        platform.last = Some(LastFile { name: name.clone(), numbers, faults });
        Ok(Some(name))
    }

    /// Drops the last file again under its name, with rows that changed, if it has that quirk.
    fn replace_last(&self, platform: &mut PlatformState, now: NaiveDateTime) -> anyhow::Result<()> {
        let Some(LastFile { name, numbers, faults }) = platform.last.take() else { return Ok(()) };
        if !faults.contains(&Quirk::Replaced) {
            return Ok(());
        }
        let stream = now.and_utc().timestamp().unsigned_abs();
        let mut dice = Dice::new(self.behaviour.seed ^ REPLACE_STREAM, stream);
        let mut moved = Vec::new();
        for appeal in platform.appeals.iter_mut().filter(|each| numbers.contains(&each.number)) {
            appeal.advance(&mut dice, now);
            moved.push(appeal.clone());
        }
        self.write(&name, &moved, &faults)?;
        platform.record(now, &name, &moved, &faults);
        Ok(())
    }

    /// Writes the rest of a file whose manifest came early.
    ///
    /// # Errors
    /// When there is no such file, or the folder refuses.
    pub fn finish(&self, name: &str) -> anyhow::Result<()> {
        let rest = self.folder.join(format!(".{name}.rest"));
        let rest_of_it = fs::read(&rest).with_context(|| format!("{name} did not come early"))?;
        let path = self.folder.join(name);
        let whole = [fs::read(&path)?, rest_of_it].concat();
        fs::write(path, whole)?;
        Ok(fs::remove_file(rest)?)
    }

    fn write(&self, name: &str, appeals: &[Appeal], faults: &[Quirk]) -> anyhow::Result<()> {
        let (bytes, n_rows) = form::write(appeals, faults);
        let has = |quirk| faults.contains(&quirk);
        let n_rows = n_rows + usize::from(has(Quirk::WrongRows));
        let mut md5 = hex::encode(Md5::digest(&bytes));
        if has(Quirk::WrongMd5) {
            md5 = md5.chars().rev().collect();
        }
        let manifest = format!("{name}|{n_rows}|{}|{md5}\n", bytes.len());
        let announce = || fs::write(self.folder.join(format!("{name}.ok")), &manifest);
        let path = self.folder.join(name);
        if has(Quirk::EarlyManifest) {
            announce()?;
            let (half, rest) = bytes.split_at(bytes.len() / 2);
            fs::write(self.folder.join(format!(".{name}.rest")), rest)?;
            return Ok(fs::write(path, half)?);
        }
        fs::write(path, &bytes)?;
        if !has(Quirk::NoManifest) {
            announce()?;
        }
        Ok(())
    }
}

impl PlatformState {
    /// Records what a correct reader reads from a file.
    fn record(&mut self, now: NaiveDateTime, name: &str, appeals: &[Appeal], faults: &[Quirk]) {
        if faults.contains(&Quirk::NoManifest) {
            return;
        }
        if faults.iter().any(|quirk| quirk.refuses_file()) {
            self.truth.add(name, facts::file_state(now, name, faults));
            return;
        }
        for appeal in appeals {
            let state = facts::row_state(now, appeal, faults);
            let before = self.truth.thing(&appeal.number).map(|thing| thing.last());
            // The same row again is nothing new.
            if before.is_none_or(|before| before.outcome != state.outcome) {
                self.truth.add(&appeal.number, state);
            }
        }
    }
}

/// Changes the seed for the appeals that change while their file is replaced.
const REPLACE_STREAM: u64 = 0x7265_706c;
