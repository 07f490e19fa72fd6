//! 为企服务 (the service platform for businesses): it drops a file into a folder every thirty minutes.
//!
//! A file contains the appeals that were submitted or changed in the last ninety minutes, so every state
//! is in about three files. After the file `NAME`, the platform writes its manifest `NAME.ok`, with the text
//! `name|rows|bytes|md5`; a file without a manifest is incomplete. A reader can move files: to the folder
//! `archive` after reading, or to `error` on failure.
//!
//! The [`Truth`] contains the rows of files that a correct reader accepts. A file that no reader can accept
//! is a rejected record there, with its name as the key.

mod appeal;
mod drop;
mod file_bytes;
mod truth;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;

use self::appeal::Appeal;
use crate::Behaviour;
use crate::dice::Dice;
use crate::quirk::quirks;
use crate::truth::Truth;

/// How often the platform drops a file.
pub const DROP_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// The platform, with the folder of its files.
#[derive(Debug)]
pub struct Enterprise {
    folder: PathBuf,
    behaviour: Behaviour<EnterpriseQuirk>,
    state: Mutex<PlatformState>,
}

#[derive(Debug)]
struct PlatformState {
    appeals: Vec<Appeal>,
    /// The number of files dropped so far, without replacements.
    n_drops: u64,
    /// How many appeals `advance_random` had to advance so far; numbers its random streams.
    n_advances: u64,
    /// The last file; `None` if there is none yet or its replacement was dropped.
    last: Option<LastFile>,
    truth: Truth,
}

/// The file that was dropped last.
#[derive(Debug)]
struct LastFile {
    name: String,
    /// The numbers of the appeals in it.
    numbers: Vec<String>,
    quirks: Vec<EnterpriseQuirk>,
}

/// How many files are in each folder, without manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnterpriseCounters {
    /// Files that no reader has moved.
    pub waiting: usize,
    /// Files that were moved to `archive`.
    pub archived: usize,
    /// Files that were moved to `error`.
    pub refused: usize,
}

impl Enterprise {
    /// Creates the folder, with the folders `archive` and `error` in it.
    ///
    /// # Errors
    /// If a folder cannot be created.
    pub fn create(folder: &Path, behaviour: Behaviour<EnterpriseQuirk>) -> anyhow::Result<Self> {
        for folder in [folder.join("archive"), folder.join("error")] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        let truth = Truth::new("enterprise");
        let state =
            PlatformState { appeals: Vec::new(), n_drops: 0, n_advances: 0, last: None, truth };
        let folder = std::path::absolute(folder)?;
        Ok(Self { folder, behaviour, state: Mutex::new(state) })
    }

    /// The folder into which files are dropped.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Submits `n` new appeals, and returns their numbers. They are in the next file.
    pub fn submit(&self, n: u64) -> Vec<String> {
        let now = self.behaviour.clock.now();
        let mut platform = self.lock();
        let first = platform.appeals.len() as u64 + 1;
        let new: Vec<_> =
            (first..first + n).map(|number| Appeal::new(&self.behaviour, number, now)).collect();
        let numbers = new.iter().map(|appeal| appeal.number.clone()).collect();
        platform.appeals.extend(new);
        numbers
    }

    /// Like [`submit`](Self::submit), but most appeals are in a later state already: they were submitted up to
    /// some days earlier, and only their last state is ever in a file.
    pub fn submit_in_progress(&self, n: u64) -> Vec<String> {
        let now = self.behaviour.clock.now();
        let mut platform = self.lock();
        let first = platform.appeals.len() as u64 + 1;
        let new: Vec<_> = (first..first + n)
            .map(|number| {
                let mut dice = Dice::new(self.behaviour.seed ^ PROGRESS_STREAM, number);
                let hours: Vec<_> = (0..dice.between(0, 4)).map(|_| dice.between(1, 30)).collect();
                let mut at = now - TimeDelta::hours(hours.iter().sum::<u32>().into());
                let mut appeal = Appeal::new(&self.behaviour, number, at);
                for wait in hours {
                    at += TimeDelta::hours(wait.into());
                    appeal.advance(&mut dice, at);
                }
                appeal.changed = now;
                appeal
            })
            .collect();
        let numbers = new.iter().map(|appeal| appeal.number.clone()).collect();
        platform.appeals.extend(new);
        numbers
    }

    /// Advances `n` randomly chosen appeals to their next state. Returns the numbers of those that changed.
    pub fn advance_random(&self, n: u64) -> Vec<String> {
        let now = self.behaviour.clock.now();
        let mut platform = self.lock();
        let mut numbers = Vec::new();
        for _ in 0..n {
            platform.n_advances += 1;
            let mut dice = Dice::new(self.behaviour.seed ^ ADVANCE_STREAM, platform.n_advances);
            let index = dice.below(platform.appeals.len());
            let Some(appeal) = platform.appeals.get_mut(index) else { break };
            if appeal.advance(&mut dice, now) {
                numbers.push(appeal.number.clone());
            }
        }
        numbers
    }

    /// Everything that a correct reader could have read from the folder so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.lock().truth.clone()
    }

    /// Counts the files in each folder.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn counters(&self) -> anyhow::Result<EnterpriseCounters> {
        let count = |folder: &Path| -> anyhow::Result<usize> {
            let mut n_files = 0;
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_data = !name.starts_with('.') && !name.contains(".ok");
                n_files += usize::from(is_data && entry.file_type()?.is_file());
            }
            Ok(n_files)
        };
        Ok(EnterpriseCounters {
            waiting: count(&self.folder)?,
            archived: count(&self.folder.join("archive"))?,
            refused: count(&self.folder.join("error"))?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, PlatformState> {
        // Ignores poisoning: only a test that fails already can panic while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// XORed with the seed, so that `advance_random` and the appeals use different random numbers.
const ADVANCE_STREAM: u64 = 0x7771_6677;

/// XORed with the seed, likewise for `submit_in_progress`.
const PROGRESS_STREAM: u64 = 0x7771_7072;

// The items are rows (appeals), the others are files. `@ n`: in a demonstration, the quirk applies to every
// n-th one, or none if n is 0. The n are distinct primes, so that quirks seldom coincide.
quirks! {
    EnterpriseQuirk of items {
        /// A NUL in the content.
        Nul = "nul" @ 151,
        /// Content that makes its row longer than 64 KiB.
        LongRow = "long_row" @ 199,
        /// Bytes in the content that are not text in any charset.
        Poison = "poison" @ 211,
        /// `提交时间` (time of submission) in twelve-hour time without AM or PM: `2026-10-09 03:30`.
        TwelveHour = "twelve_hour" @ 101,
        /// `期望时间` (expected time) as the day number of a spreadsheet.
        ExpectedTimeAsDayNumber = "serial_wish" @ 103,
        /// The credit code in full-width characters.
        WideCode = "wide_code" @ 107,
        /// The credit code in lower case.
        LowerCode = "lower_code" @ 109,
        /// A registration number of 15 digits, as businesses had before credit codes.
        OldCode = "old_code" @ 113,
        /// The name of the firm of the previous appeal, with another credit code.
        TwinFirm = "twin_firm" @ 127,
        /// A type that is not in the code list.
        UnknownType = "unknown_type" @ 131,
        /// A line end without quotes, which splits the row in two.
        BrokenRow = "broken_row" @ 223,
    }
    others {
        /// The columns of the file have other names (`编号`) and another order.
        Drift = "drift" @ 5,
        /// An optional column is missing.
        LostColumn = "lost_column" @ 7,
        /// Lines end with `;`.
        Trailing = "trailing" @ 11,
        /// UTF-8 with a byte order mark instead of GB18030.
        Utf8 = "utf8" @ 13,
        /// UTF-16LE, as Excel saves text.
        Utf16 = "utf16" @ 17,
        /// The file is a workbook.
        Workbook = "workbook" @ 19,
        /// The header has the unknown name `流水` instead of `诉求编号`.
        UnknownHeader = "unknown_header" @ 23,
        /// An empty file.
        EmptyFile = "empty_file" @ 29,
        /// Only the header, and 0 rows in the manifest.
        NoRows = "no_rows" @ 31,
        /// The manifest states one row more than the file has.
        WrongRows = "wrong_rows" @ 37,
        /// The MD5 in the manifest is wrong.
        WrongMd5 = "wrong_md5" @ 41,
        /// The manifest is written while only half of the file is there; see
        /// [`finish`](crate::Enterprise::finish).
        EarlyManifest = "early_manifest" @ 0,
        /// The file never gets a manifest.
        NoManifest = "no_manifest" @ 43,
        /// When the next file is due, this one is dropped again under its name, with changed rows.
        Replaced = "replaced" @ 47,
    }
}

impl EnterpriseQuirk {
    /// Whether no reader can accept the file.
    pub(super) fn makes_file_unacceptable(self) -> bool {
        use EnterpriseQuirk::{UnknownHeader, WrongMd5, WrongRows};
        matches!(self, UnknownHeader | WrongRows | WrongMd5)
    }

    /// Whether the file says nothing of its rows: a file without a manifest is not read, an empty one has
    /// none.
    pub(super) fn hides_rows(self) -> bool {
        use EnterpriseQuirk::{EmptyFile, NoManifest, NoRows};
        matches!(self, NoManifest | EmptyFile | NoRows)
    }
}

#[cfg(test)]
mod tests;
