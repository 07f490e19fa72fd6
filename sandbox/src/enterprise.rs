//! 为企服务 as other systems see it: a folder into which a file is dropped every thirty minutes.
//!
//! A file holds what was filed or changed in the last ninety minutes, so every row comes about
//! three times, with the status it has by then. A manifest `name|rows|bytes|md5` is written after
//! the file; without it the file is not complete. A reader may move files: to `archive` after
//! reading, to `error` on failure. Once a month the file is a workbook.
//!
//! The truth lists what was visible: a row in a file that a correct reader accepts. A file that no
//! reader can accept is listed under its own name, as refused.

mod appeal;
mod drop;
mod facts;
mod form;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;

use self::appeal::Appeal;
use crate::Behaviour;
use crate::dice::Dice;
use crate::faults::quirks;
use crate::truth::Truth;

/// How often the platform drops a file.
pub const EVERY: Duration = Duration::from_secs(30 * 60);

/// The platform and its folder.
#[derive(Debug)]
pub struct Enterprise {
    folder: PathBuf,
    /// Quirks of a row strike every n-th appeal, quirks of a file every n-th file.
    behaviour: Behaviour<EnterpriseQuirk>,
    state: Mutex<PlatformState>,
}

/// The state of the platform.
#[derive(Debug)]
struct PlatformState {
    appeals: Vec<Appeal>,
    n_drops: u64,
    n_moved: u64,
    last: Option<LastFile>,
    truth: Truth,
}

/// The file that was dropped last.
#[derive(Debug)]
struct LastFile {
    name: String,
    numbers: Vec<String>,
    faults: Vec<EnterpriseQuirk>,
}

/// The number of files in each folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnterpriseCounters {
    /// Files in the folder, without manifests.
    pub waiting: usize,
    /// Files that were moved to `archive`.
    pub archived: usize,
    /// Files that were moved to `error`.
    pub refused: usize,
}

impl Enterprise {
    /// Creates the folder, empty, with `archive` and `error` in it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(folder: &Path, behaviour: Behaviour<EnterpriseQuirk>) -> anyhow::Result<Self> {
        for folder in [folder.join("archive"), folder.join("error")] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let truth = Truth::new("enterprise");
        let state =
            PlatformState { appeals: Vec::new(), n_drops: 0, n_moved: 0, last: None, truth };
        let folder = std::path::absolute(folder)?;
        Ok(Self { folder, behaviour, state: Mutex::new(state) })
    }

    /// Where a reader finds the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Files `n` appeals now and returns their numbers. They are visible with the next file.
    pub fn file(&self, n: u64) -> Vec<String> {
        let now = self.behaviour.clock.now();
        let mut platform = self.locked();
        let first = platform.appeals.len() as u64 + 1;
        let new: Vec<_> =
            (first..first + n).map(|number| Appeal::new(&self.behaviour, number, now)).collect();
        let numbers = new.iter().map(|appeal| appeal.number.clone()).collect();
        platform.appeals.extend(new);
        numbers
    }

    /// Moves `n` randomly chosen appeals one state further, now. Returns their numbers.
    pub fn touch(&self, n: u64) -> Vec<String> {
        let now = self.behaviour.clock.now();
        let mut platform = self.locked();
        let mut moved = Vec::new();
        for _ in 0..n {
            platform.n_moved += 1;
            let mut dice = Dice::new(self.behaviour.seed ^ MOVE_STREAM, platform.n_moved);
            let index = dice.below(platform.appeals.len());
            let Some(appeal) = platform.appeals.get_mut(index) else { break };
            if appeal.advance(&mut dice, now) {
                moved.push(appeal.number.clone());
            }
        }
        moved
    }

    /// Everything that a correct reader could read from the folder so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.locked().truth.clone()
    }

    /// Counts the files in each folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
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

    fn locked(&self) -> MutexGuard<'_, PlatformState> {
        // Nothing is half done when a test panics: each method completes its step or does nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes the seed for the choice of the appeals that move, so that filing does not affect it.
const MOVE_STREAM: u64 = 0x7771_6677;

// The numbers are distinct primes, so that several quirks seldom meet.
quirks! {
    EnterpriseQuirk of items {
        /// A NUL in the content.
        Nul = "nul" @ 151,
        /// A content that makes its row longer than 64 KiB.
        LongRow = "long_row" @ 199,
        /// Bytes in the content that are no text in any charset.
        Poison = "poison" @ 211,
        /// `提交时间` in twelve-hour time without AM or PM: `2026-10-09 03:30`.
        TwelveHour = "twelve_hour" @ 101,
        /// `期望时间` as a spreadsheet's day number.
        SerialWish = "serial_wish" @ 103,
        /// The credit code in full-width characters.
        WideCode = "wide_code" @ 107,
        /// The credit code in small letters.
        LowerCode = "lower_code" @ 109,
        /// A registration number of 15 digits from before credit codes.
        OldCode = "old_code" @ 113,
        /// The firm of the previous appeal, under another credit code.
        TwinFirm = "twin_firm" @ 127,
        /// A type that is in no table.
        UnknownType = "unknown_type" @ 131,
        /// An unquoted line end splits the row in two.
        BrokenRow = "broken_row" @ 223,
    }
    others {
        /// The columns of the file have other names (`编号`) and another order.
        Drift = "drift" @ 5,
        /// A column that nobody needs is missing.
        LostColumn = "lost_column" @ 7,
        /// Lines end with `;`.
        Trailing = "trailing" @ 11,
        /// UTF-8 with a byte order mark instead of GB18030.
        Utf8 = "utf8" @ 13,
        /// UTF-16LE, as Excel saves text.
        Utf16 = "utf16" @ 17,
        /// A workbook, as at the end of a month.
        Workbook = "workbook" @ 19,
        /// The header names a column that nobody knows instead of `诉求编号`.
        UnknownHeader = "unknown_header" @ 23,
        /// No bytes at all.
        EmptyFile = "empty_file" @ 29,
        /// Only the header, and 0 rows in the manifest.
        NoRows = "no_rows" @ 31,
        /// The manifest counts one row more than there are.
        WrongRows = "wrong_rows" @ 37,
        /// The manifest has another MD5.
        WrongMd5 = "wrong_md5" @ 41,
        /// The manifest is there first, and only half of the file: see
        /// [`finish`](crate::Enterprise::finish).
        EarlyManifest = "early_manifest" @ 0,
        /// The file never gets a manifest.
        NoManifest = "no_manifest" @ 43,
        /// Half an hour later the file is dropped again under its name, with rows that changed.
        Replaced = "replaced" @ 47,
    }
}

impl EnterpriseQuirk {
    /// Whether no reader can accept the file.
    pub(super) fn refuses_file(self) -> bool {
        use EnterpriseQuirk::{EmptyFile, NoRows, UnknownHeader, WrongMd5, WrongRows};
        matches!(self, UnknownHeader | EmptyFile | NoRows | WrongRows | WrongMd5)
    }
}

#[cfg(test)]
mod tests;
