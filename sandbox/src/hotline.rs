//! The 12345 hotline: a front-end database (前置库), which other systems read, with text in GBK.
//!
//! Real hotlines have no API; other systems read their tables, and set flags there. The difficulties are
//! the content of the tables, and changes while somebody reads them. So the simulator has real tables in
//! an SQLite file: `CNS_CINFO` with the cases, `CNS_CTASK`, `CNS_CVISIT` and `CNS_CSTEP` with what the units, the
//! callers-back and everybody did about them, `XF_PRESSING` with reminders. The names of the three tables in the
//! middle, and of the columns about handling, are made up after the vocabulary of the product. It has a method for each kind
//! of change. Text columns contain BLOBs, so that they can have any bytes.
//!
//! A reader may read everything, and may write `ISFETCH` (fetched), `SJJHZT` and `SJJHSBYY` (result and
//! reason) of `CNS_CINFO` and `ISFETCH` of `XF_PRESSING`. Triggers refuse any other write, as the real
//! database does, unless it is a `DELETE` or `UPDATE` that matches no row.

mod case_history;
mod change;
mod database;
mod filing;
mod life;
mod lifecycle;
mod live;
mod new_row;
mod row;
mod spoil;
mod truth;

use std::path::Path;

use anyhow::Context;
use tokio::sync::Mutex;

use self::database::FrontDatabase;
use crate::Behaviour;
use crate::quirk::quirks;

pub use self::case_history::{Case, CaseHistory, Pressing, State};
pub use self::life::{Dossier, Life, Step, Task, Visit};
pub use self::live::{LockGuard, Pace};
pub use self::row::{Gbk, Row};

/// The behaviour of a hotline.
pub type Settings = Behaviour<Quirk>;

/// The type of the long text columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// `VARCHAR(4000)` and `VARCHAR(400)`: longer text is cut at this number of bytes, even within a
    /// character.
    #[default]
    Varchar4000,
    /// `CLOB`: nothing is cut.
    Clob,
}

/// A hotline with its database. All methods may be called while a reader uses the database.
///
/// Do not drop the future of a method before it ends: the case history might then lack what the database has.
#[derive(Debug)]
pub struct Hotline {
    url: String,
    settings: Settings,
    database: Mutex<FrontDatabase>,
}

impl Hotline {
    /// Creates an empty database at `path`.
    ///
    /// # Errors
    /// If there is a file at `path` already, or the database cannot be created.
    pub async fn create(path: &Path, settings: Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.exists(), "{} exists already: remove it first", path.display());
        let path = std::path::absolute(path)?;
        let database = FrontDatabase::open(&path, &settings)
            .await
            .with_context(|| format!("cannot create the hotline's database {}", path.display()))?;
        let url = format!("sqlite://{}", path.display());
        Ok(Self { url, settings, database: Mutex::new(database) })
    }

    /// The `sqlite:` URL of the database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was ever in the database.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn case_history(&self) -> anyhow::Result<CaseHistory> {
        let mut database = self.database.lock().await;
        // `begin` adds to the case history the changes that triggers made (see `Quirk::RaceUpdate`).
        database.begin().await?.commit().await?;
        Ok(database.case_history.clone())
    }

    /// Counts of what readers did so far.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn counters(&self) -> anyhow::Result<Counters> {
        self.database.lock().await.counters().await
    }
}

/// Counts of what readers did. Triggers of the database count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rows of `CNS_CINFO` whose `ISFETCH` became 1.
    pub acknowledged: i64,
    /// How often a reader set `ISFETCH` of a row of `CNS_CINFO` to 1 although it was 1 already.
    pub acknowledged_again: i64,
    /// Rows of `XF_PRESSING` whose `ISFETCH` became 1.
    pub pressings_acknowledged: i64,
    /// Statements that were refused for lack of privileges, except in transactions that were rolled back.
    pub refused: i64,
}

// `@ n`: in a demonstration, the quirk applies to every n-th row. The n are distinct primes, so that one row
// seldom has several quirks.
quirks! {
    Quirk of items {
        /// Bytes in the content that are invalid in GBK and GB18030.
        Poison = "poison" @ 211,
        /// The case has the serial number of the case before it.
        TwinSerial = "twin_serial" @ 223,
        /// The serial number of the case changes right after it was filed; its key does not.
        Renumbered = "renumbered" @ 227,
        /// `RQSTTIME` as `2026/10/9 10:30`.
        SlashTime = "slash_time" @ 101,
        /// `RQSTTIME` as `20261009103000`.
        CompactTime = "compact_time" @ 103,
        /// `RQSTTIME` as the day number of a spreadsheet, `46304.4375`.
        SerialTime = "serial_time" @ 107,
        /// `RQSTTIME` is empty.
        EmptyTime = "empty_time" @ 109,
        /// `CSTATUS` is a label (`待签收`) instead of a code, in all states of the case.
        StatusLabel = "status_label" @ 113,
        /// `LINKNUMBER` is a landline without its leading zero, `5533800000`.
        LostZero = "lost_zero" @ 127,
        /// `RQSTNUMBER` is masked, `138****1234`.
        MaskedPhone = "masked_phone" @ 131,
        /// `RQSTTYPE` is a code that is not in the code list.
        UnknownType = "unknown_type" @ 233,
        /// Content so long that a column of 4,000 bytes cuts it within a character. With
        /// [`Storage::Clob`] it is not cut.
        CutText = "cut_text" @ 137,
        /// The row changes at the moment when the reader sets its flag: the status advances, and
        /// `LASTMODIFYTIME` becomes the newest in the table. So the reader has read an old state.
        RaceUpdate = "race_update" @ 139,
        /// The row appears with a `LASTMODIFYTIME` that is four minutes too old.
        LateCommit = "late_commit" @ 149,
        /// A NUL in the content.
        Nul = "nul" @ 151,
        /// In [`live`](crate::Hotline::live), the database is locked for six seconds after the row was
        /// filed. Elsewhere no effect; see [`lock`](crate::Hotline::lock).
        Locked = "locked" @ 997,
        /// The row is deleted when the reader sets its flag.
        Deleted = "deleted" @ 239,
        /// Area codes from before the mergers: 340221, 340208 and so on.
        OldArea = "old_area" @ 157,
        /// `ISSECRET=1`.
        Secret = "secret" @ 163,
        /// The name `匿名` (anonymous), and no telephone numbers.
        Anonymous = "anonymous" @ 167,
        /// A name with characters that old systems cannot store: 䶮, 㛃, 𬭎.
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
        /// Emoji and rare characters in the content, of four bytes each.
        FourByte = "four_byte" @ 199,
        /// `锟斤拷` in the content, which replaces characters that an earlier system lost.
        Mojibake = "mojibake" @ 229,
    }
    others {}
}

#[cfg(test)]
mod tests {
    use crate::tests::fixture;

    #[tokio::test]
    async fn the_reader_may_write_its_own_columns_only() {
        let mut fixture = fixture("").await;
        fixture.hotline.file(3).await.unwrap();
        fixture.hotline.add_pressings(1).await.unwrap();
        let flag = "UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20, SJJHSBYY = 'ok'";
        assert_eq!(fixture.run(flag).await, Ok(3));
        assert_eq!(fixture.run("UPDATE XF_PRESSING SET ISFETCH = 1").await, Ok(1));
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
            let answer = fixture.run(sql).await.unwrap_err();
            assert!(answer.contains("ORA-01031: insufficient privileges"), "{sql}: {answer}");
        }
        assert_eq!(fixture.hotline.counters().await.unwrap().refused, refused.len() as i64);
        let kept = fixture.column("SELECT ROWGUID FROM CNS_CINFO WHERE ISFETCH = 1").await;
        assert_eq!(kept.len(), 3, "a refused statement changes nothing");
    }

    #[tokio::test]
    async fn acknowledgements_are_counted_the_first_time_and_again() {
        let mut fixture = fixture("").await;
        fixture.hotline.file(5).await.unwrap();
        fixture.hotline.add_pressings(2).await.unwrap();
        fixture.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        fixture.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        fixture.run("UPDATE XF_PRESSING SET ISFETCH = 1").await.unwrap();
        let counters = fixture.hotline.counters().await.unwrap();
        assert_eq!((counters.acknowledged, counters.acknowledged_again), (5, 5));
        assert_eq!((counters.pressings_acknowledged, counters.refused), (2, 0));
    }
}
