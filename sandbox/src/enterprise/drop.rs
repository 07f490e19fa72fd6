//! Dropping a file.

use std::fs;

use anyhow::Context;
use chrono::{NaiveDateTime, TimeDelta};
use md5::{Digest as _, Md5};

use super::appeal::Appeal;
use super::form;
use super::{Enterprise, EnterpriseFault as Fault, Last, Office, told};
use crate::dice::Dice;
use crate::when::compact;

/// How far back a file reaches.
const WINDOW_MINUTES: i64 = 90;

impl Enterprise {
    /// Drops the file that is due now: all that was filed or moved on in the last ninety minutes.
    /// Gives its name; `None` where there is nothing to say.
    ///
    /// # Errors
    /// When the folder refuses.
    pub fn drop_file(&self) -> anyhow::Result<Option<String>> {
        let now = self.conduct.clock.now();
        let mut office = self.locked();
        self.replace_last(&mut office, now)?;
        let since = now - TimeDelta::minutes(WINDOW_MINUTES);
        let is_due = |appeal: &&Appeal| appeal.changed > since && appeal.changed <= now;
        let due: Vec<Appeal> = office.appeals.iter().filter(is_due).cloned().collect();
        if due.is_empty() {
            return Ok(None);
        }
        office.n_drops += 1;
        let faults: Vec<Fault> = self.conduct.faults.at(office.n_drops).collect();
        let end = if faults.contains(&Fault::Workbook) { "xlsx" } else { "csv" };
        let name = format!("WQFW_340200_APPEAL_{}.{end}", compact(now));
        self.write(&name, &due, &faults)?;
        note(&mut office, now, &name, &due, &faults);
        let numbers = due.into_iter().map(|appeal| appeal.number).collect();
        office.last = Some(Last { name: name.clone(), numbers, faults });
        Ok(Some(name))
    }

    /// Drops the last file once more under its name, with rows that moved on, where that is due.
    fn replace_last(&self, office: &mut Office, now: NaiveDateTime) -> anyhow::Result<()> {
        let Some(Last { name, numbers, faults }) = office.last.take() else { return Ok(()) };
        if !faults.contains(&Fault::Replaced) {
            return Ok(());
        }
        let stream = now.and_utc().timestamp().unsigned_abs();
        let mut dice = Dice::new(self.conduct.seed ^ REPLACING, stream);
        let mut moved = Vec::new();
        for appeal in office.appeals.iter_mut().filter(|each| numbers.contains(&each.number)) {
            appeal.advance(&mut dice, now);
            moved.push(appeal.clone());
        }
        self.write(&name, &moved, &faults)?;
        note(office, now, &name, &moved, &faults);
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

    fn write(&self, name: &str, appeals: &[Appeal], faults: &[Fault]) -> anyhow::Result<()> {
        let appeals: Vec<&Appeal> = appeals.iter().collect();
        let (bytes, n_rows) = form::write(&appeals, faults);
        let has = |fault| faults.contains(&fault);
        let n_rows = n_rows + usize::from(has(Fault::WrongRows));
        let mut md5 = hex::encode(Md5::digest(&bytes));
        if has(Fault::WrongMd5) {
            md5 = md5.chars().rev().collect();
        }
        let manifest = format!("{name}|{n_rows}|{}|{md5}\n", bytes.len());
        let announce = || fs::write(self.folder.join(format!("{name}.ok")), &manifest);
        let path = self.folder.join(name);
        if has(Fault::EarlyManifest) {
            announce()?;
            let (half, rest) = bytes.split_at(bytes.len() / 2);
            fs::write(self.folder.join(format!(".{name}.rest")), rest)?;
            return Ok(fs::write(path, half)?);
        }
        fs::write(path, &bytes)?;
        if !has(Fault::NoManifest) {
            announce()?;
        }
        Ok(())
    }
}

/// Notes what a correct reader is told by a file.
fn note(office: &mut Office, now: NaiveDateTime, name: &str, appeals: &[Appeal], faults: &[Fault]) {
    if faults.contains(&Fault::NoManifest) {
        return;
    }
    if faults.iter().any(|fault| fault.refuses_file()) {
        office.truth.told(name, told::refused(now, name, faults));
        return;
    }
    for appeal in appeals {
        let state = told::told(now, appeal, faults);
        let before = office.truth.thing(&appeal.number).map(|thing| thing.last());
        // The same row again is nothing new.
        if before.is_none_or(|before| before.outcome != state.outcome) {
            office.truth.told(&appeal.number, state);
        }
    }
}

/// Keeps these choices apart from others.
const REPLACING: u64 = 0x7265_706c;
