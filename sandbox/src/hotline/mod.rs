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
mod faults;
mod filing;
mod gbk;
mod life;
mod live;
mod lock;
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

pub use self::counters::Counters;
pub use self::faults::Fault;
pub use self::gbk::Gbk;
pub use self::live::Pace;
pub use self::lock::LockGuard;
pub use self::oracle::{Case, Expected, Oracle, Pressing, State};
pub use self::row::Row;

use self::desk::Desk;
use crate::{Clock, Corpus, Faults, Memory};

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
    desk: Mutex<Desk>,
}

impl Hotline {
    /// Creates the database at `path`, empty.
    ///
    /// # Errors
    /// When there is a file at `path` already, or none can be created.
    pub async fn create(path: &Path, settings: Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.exists(), "{} exists already, remove it first", path.display());
        let path = std::path::absolute(path)?;
        let desk = Desk::open(&path, &settings)
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

#[cfg(test)]
pub(crate) mod town;
