//! The 12345 hotline as other systems see it: a front-end database (前置库) with text in GBK.
//!
//! Real hotlines do not offer an API: others may read and flag their tables. The difficulty is not
//! SQL but the content of the tables, and that they change while they are read. So the simulator has
//! real tables (in an SQLite file, with text columns as BLOBs, because the bytes matter) and lets
//! the caller make each kind of change on its own.
//!
//! The reader's account may read everything and write `ISFETCH`, `SJJHZT` and `SJJHSBYY` of
//! `CNS_CINFO` and `ISFETCH` of `XF_PRESSING`; any other write is refused as in the real database.
//! `DELETE` and `UPDATE` that match no row are not refused.

mod change;
mod database;
mod facts;
mod filing;
mod life;
mod live;
mod oracle;
mod record;
mod row;
mod spoil;

use std::path::Path;

use anyhow::Context;
use tokio::sync::Mutex;

use self::database::FrontDatabase;
use crate::Behaviour;
use crate::faults::quirks;

pub use self::live::{LockGuard, Pace};
pub use self::oracle::{Case, Oracle, Pressing, State};
pub use self::row::{Gbk, Row};

/// How a hotline behaves.
pub type Settings = Behaviour<Quirk>;

/// Width of the long text columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// `VARCHAR(4000)` and `VARCHAR(400)`: longer text is cut at that byte, even in the middle of a
    /// character.
    #[default]
    Varchar4000,
    /// `CLOB`: nothing is cut.
    Clob,
}

/// A hotline with its database. All methods may be called while a reader uses the same file.
///
/// Their futures must run to completion: if one is dropped, the database may be ahead of the
/// oracle.
#[derive(Debug)]
pub struct Hotline {
    url: String,
    settings: Settings,
    database: Mutex<FrontDatabase>,
}

impl Hotline {
    /// Creates the database at `path`, empty.
    ///
    /// # Errors
    /// When there is a file at `path` already, or none can be created.
    pub async fn create(path: &Path, settings: Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.exists(), "{} exists already, remove it first", path.display());
        let path = std::path::absolute(path)?;
        let database = FrontDatabase::open(&path, &settings)
            .await
            .with_context(|| format!("cannot create the hotline's database {}", path.display()))?;
        let url = format!("sqlite://{}", path.display());
        Ok(Self { url, settings, database: Mutex::new(database) })
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
        let mut database = self.database.lock().await;
        // This also reads the rows that the database changed by itself (see `Quirk::RaceUpdate`).
        database.begin().await?.commit().await?;
        Ok(database.oracle.clone())
    }

    /// Counts of what the reader did so far.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn counters(&self) -> anyhow::Result<Counters> {
        self.database.lock().await.counters().await
    }
}

/// What the reader did, counted by the database since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counters {
    /// Rows of `CNS_CINFO` whose `ISFETCH` became 1.
    pub acknowledged: i64,
    /// How often `ISFETCH` was set to 1 on a row where it was 1 already.
    pub acknowledged_again: i64,
    /// Rows of `XF_PRESSING` whose `ISFETCH` became 1.
    pub pressings_acknowledged: i64,
    /// Statements refused for lack of privileges, except in transactions that the reader rolled
    /// back.
    pub refused: i64,
}

// The numbers are distinct primes, so that one row seldom has several quirks.
quirks! {
    Quirk of items {
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
        /// `RQSTTIME` as the day number of a spreadsheet, `46304.4375`.
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
        /// A content long enough for a 4,000-byte column to cut it in the middle of a character.
        /// With `CLOB` storage it is long and whole.
        CutText = "cut_text" @ 137,
        /// The row changes between the reader's `SELECT` and its flag: at the moment the flag is
        /// set, the status has moved on and `LASTMODIFYTIME` is the newest in the table.
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
        /// `锟斤拷` in the content: damaged by an earlier system.
        Mojibake = "mojibake" @ 229,
    }
    others {}
}

#[cfg(test)]
mod tests {
    use crate::tests::town;

    #[tokio::test]
    async fn the_reader_may_write_its_own_columns_only() {
        let mut town = town("").await;
        town.hotline.file(3).await.unwrap();
        town.hotline.urge(1).await.unwrap();
        let flag = "UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20, SJJHSBYY = 'ok'";
        assert_eq!(town.run(flag).await, Ok(3));
        assert_eq!(town.run("UPDATE XF_PRESSING SET ISFETCH = 1").await, Ok(1));
        let refused = [
            "UPDATE CNS_CINFO SET CSTATUS = '100'",
            "UPDATE CNS_CINFO SET ISFETCH = 0, LASTMODIFYTIME = LASTMODIFYTIME",
            "UPDATE CNS_CINFO SET ROWGUID = 'x' || ROWGUID",
            "DELETE FROM CNS_CINFO",
            "INSERT INTO CNS_CINFO (ROWGUID) VALUES ('x')",
            "REPLACE INTO CNS_CINFO (ROWGUID) VALUES ('x')",
            "INSERT INTO XF_PRESSING (BUSINUMBER) VALUES ('x')",
            "UPDATE XF_PRESSING SET FLAG = 1",
            "DELETE FROM XF_PRESSING",
        ];
        for sql in refused {
            let answer = town.run(sql).await.unwrap_err();
            assert!(answer.contains("ORA-01031: insufficient privileges"), "{sql}: {answer}");
        }
        assert_eq!(town.hotline.counters().await.unwrap().refused, refused.len() as i64);
        let kept = town.column("SELECT ROWGUID FROM CNS_CINFO WHERE ISFETCH = 1").await;
        assert_eq!(kept.len(), 3, "a refused statement changes nothing");
    }

    #[tokio::test]
    async fn acknowledgements_are_counted_the_first_time_and_again() {
        let mut town = town("").await;
        town.hotline.file(5).await.unwrap();
        town.hotline.urge(2).await.unwrap();
        town.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        town.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        town.run("UPDATE XF_PRESSING SET ISFETCH = 1").await.unwrap();
        let counters = town.hotline.counters().await.unwrap();
        assert_eq!((counters.acknowledged, counters.acknowledged_again), (5, 5));
        assert_eq!((counters.pressings_acknowledged, counters.refused), (2, 0));
    }
}
