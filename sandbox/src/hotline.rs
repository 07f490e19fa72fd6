//! The 12345 hotline as its neighbours meet it: a front-end database (前置库) with text in GBK.
//!
//! Real hotlines hand their cases over in tables somebody else may read and flag, not through an
//! interface. What makes that hard is not SQL but what the tables hold and how they change while
//! one reads, so the simulator keeps real tables (in an SQLite file: its text columns are BLOBs, the
//! bytes are what matters) and lets the caller change them in every awkward way, one way at a time.
//!
//! The reader's account may read everything and write `ISFETCH`, `SJJHZT` and `SJJHSBYY` of
//! `CNS_CINFO` and `ISFETCH` of `XF_PRESSING`; any other write is refused as the real database
//! refuses it. `DELETE` and `UPDATE` that match no row are not refused: there is nothing to refuse.

mod change;
mod counters;
mod desk;
mod filing;
mod life;
mod live;
mod oracle;
mod record;
mod row;
mod spoil;
mod told;
mod when;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Mutex;

use self::desk::FrontDatabase;
use crate::faults::faults;
use crate::{Clock, Corpus, Faults, Memory};

pub use self::counters::Counters;
pub use self::live::{LockGuard, Pace};
pub use self::oracle::{Case, Expected, Oracle, Pressing, State};
pub use self::row::{Gbk, Row};

/// How a hotline behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Same seed, same rows.
    pub seed: u64,
    /// Width of the long text columns.
    pub storage: Storage,
    /// What goes wrong, and how often.
    pub faults: Faults<Fault>,
    /// Where the texts come from.
    pub corpus: Corpus,
    /// The city's time.
    pub clock: Clock,
    /// How far back the times of the first [`Hotline::file`] reach: they fill this span evenly, up
    /// to now. Later ones are filed now.
    pub spread: Duration,
    /// How much of the past the oracle keeps.
    pub memory: Memory,
}

impl Settings {
    /// A hotline without faults, with generated texts in 4,000-byte columns, whose first rows
    /// reach six hours back.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            storage: Storage::Varchar4000,
            faults: Faults::none(),
            corpus: Corpus::Generated,
            clock,
            spread: Duration::from_secs(6 * 3600),
            memory: Memory::All,
        }
    }
}

/// Width of the long text columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// `VARCHAR(4000)` and `VARCHAR(400)`: longer text is cut at that byte, in the middle of a
    /// character if need be.
    Varchar4000,
    /// `CLOB`: nothing is cut.
    Clob,
}

/// A hotline with its database. All methods may be called while a reader works on the same file.
///
/// Their futures must be driven to their end: one dropped half-way may leave the database a step
/// ahead of the oracle.
#[derive(Debug)]
pub struct Hotline {
    url: String,
    settings: Settings,
    desk: Mutex<FrontDatabase>,
}

impl Hotline {
    /// Creates the database at `path`, empty.
    ///
    /// # Errors
    /// When there is a file at `path` already, or none can be created.
    pub async fn create(path: &Path, settings: Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.exists(), "{} exists already, remove it first", path.display());
        let path = std::path::absolute(path)?;
        let desk = FrontDatabase::open(&path, &settings)
            .await
            .with_context(|| format!("cannot create the hotline's database {}", path.display()))?;
        let url = format!("sqlite://{}", path.display());
        Ok(Self { url, settings, desk: Mutex::new(desk) })
    }

    /// Where a reader finds the database, as a `sqlite:` URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything the database ever held, up to now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn oracle(&self) -> anyhow::Result<Oracle> {
        let mut desk = self.desk.lock().await;
        // Rows the database changed by itself (see `Fault::RaceUpdate`) are learnt of on the way.
        desk.begin().await?.commit().await?;
        Ok(desk.oracle.clone())
    }
}

// The sparse numbers are distinct primes, so that faults seldom meet in one row.
faults! {
    Fault of items {
        /// Bytes in the content that are no text in any encoding of the family; never readable.
        Poison = "poison" @ 211,
        /// The case takes the serial number of the case before it.
        TwinSerial = "twin_serial" @ 223,
        /// The case gets another serial number right after it was filed, under the same key.
        Renumbered = "renumbered" @ 227,
        /// `RQSTTIME` as `2026/10/9 10:30`.
        SlashTime = "slash_time" @ 101,
        /// `RQSTTIME` as `20261009103000`.
        CompactTime = "compact_time" @ 103,
        /// `RQSTTIME` as a spreadsheet's day number, `46304.4375`.
        SerialTime = "serial_time" @ 107,
        /// `RQSTTIME` empty.
        EmptyTime = "empty_time" @ 109,
        /// `CSTATUS` as a label (`待签收`), from now on for this case.
        StatusLabel = "status_label" @ 113,
        /// `LINKNUMBER` a landline without its leading zero, `5533800000`.
        LostZero = "lost_zero" @ 127,
        /// `RQSTNUMBER` masked, `138****1234`.
        MaskedPhone = "masked_phone" @ 131,
        /// `RQSTTYPE` a code no table has.
        UnknownType = "unknown_type" @ 233,
        /// A content long enough for a 4,000-byte column to cut it in the middle of a character. With
        /// `CLOB` storage it is long and whole.
        CutText = "cut_text" @ 137,
        /// The row changes between the reader's `SELECT` and its flag: at the moment the flag is set,
        /// the status has moved on and `LASTMODIFYTIME` is the newest in the table.
        RaceUpdate = "race_update" @ 139,
        /// The row appears with a `LASTMODIFYTIME` four minutes older than it should have.
        LateCommit = "late_commit" @ 149,
        /// A NUL in the content.
        Nul = "nul" @ 151,
        /// In [`live`](crate::Hotline::live), the database is locked for six seconds after the row;
        /// no effect elsewhere, see [`lock`](crate::Hotline::lock).
        Locked = "locked" @ 997,
        /// The row is deleted at the moment the reader sets its flag.
        Deleted = "deleted" @ 239,
        /// Area codes from before the mergers: 340221, 340208 and so on.
        OldArea = "old_area" @ 157,
        /// `ISSECRET=1`.
        Secret = "secret" @ 163,
        /// Nameless and without numbers: `匿名`.
        Anonymous = "anonymous" @ 167,
        /// A name with characters old systems cannot hold: 䶮, 㛃, 𬭎.
        RareName = "rare_name" @ 173,
        /// Tags and entities in the content.
        Html = "html" @ 179,
        /// U+00A0 and U+3000 in the content.
        Nbsp = "nbsp" @ 181,
        /// A TAB in the content.
        Tab = "tab" @ 191,
        /// U+200B and U+FEFF in the content.
        ZeroWidth = "zero_width" @ 193,
        /// `_x000D_` in the content.
        ExcelReturn = "excel_return" @ 197,
        /// Pictures and rare characters, four bytes each, in the content.
        FourByte = "four_byte" @ 199,
        /// `锟斤拷` in the content: ruined before it came here.
        Mojibake = "mojibake" @ 229,
    }
    others {}
}

#[cfg(test)]
pub(crate) mod town;
