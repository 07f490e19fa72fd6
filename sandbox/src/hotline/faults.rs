//! The fault switches: every way the real table is known to misbehave, each with a name.

use std::num::NonZeroU64;

use anyhow::Context;
use serde::Serialize;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $name:literal @ $sparse:literal,)*) => {
        /// One way to misbehave.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum Fault { $($(#[$doc])* #[serde(rename = $name)] $fault,)* }

        /// Fault, name, and how rarely it occurs in a demonstration.
        const TABLE: &[(Fault, &str, u64)] = &[$((Fault::$fault, $name, $sparse),)*];
    };
}

// The sparse numbers are distinct primes, so that faults seldom meet in one row.
faults! {
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

impl Fault {
    /// Every fault there is.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(fault, _, _)| *fault)
    }

    /// The name in settings and in the oracle.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(fault, _, _)| *fault == self).map_or("", |(_, name, _)| name)
    }
}

/// Which faults occur, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(Fault, NonZeroU64)>);

impl Faults {
    /// A city where everything works.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every fault, each once in one to ten hundred rows: for a demonstration.
    #[must_use]
    pub fn all_sparse() -> Self {
        let every = |&(fault, _, n): &(Fault, &str, u64)| Some((fault, NonZeroU64::new(n)?));
        Self(TABLE.iter().filter_map(every).collect())
    }

    /// Reads `poison@100,late_commit@50`: the fault strikes every 100th row filed, the 100th being
    /// the first. `all` stands for [`all_sparse`](Self::all_sparse), nothing for none.
    ///
    /// # Errors
    /// When a name is unknown or a number is not a whole number above 0.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim() == "all" {
            return Ok(Self::all_sparse());
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(one).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The faults that strike row `number`, counted from 1.
    pub(super) fn at(&self, number: u64) -> impl Iterator<Item = Fault> {
        let due = move |(_, n): &&(Fault, NonZeroU64)| number.is_multiple_of(n.get());
        self.0.iter().filter(due).map(|(fault, _)| *fault)
    }
}

fn one(part: &str) -> anyhow::Result<(Fault, NonZeroU64)> {
    let (name, n) = part.split_once('@').with_context(|| format!("{part}: write name@n"))?;
    let known = TABLE.iter().find(|(_, known, _)| *known == name);
    let (fault, _, _) = known.with_context(|| {
        let names: Vec<_> = TABLE.iter().map(|(_, name, _)| *name).collect();
        format!("no fault is called {name}, there are: {}", names.join(", "))
    })?;
    let n = n.parse().with_context(|| format!("{part}: {n} is not a whole number above 0"))?;
    Ok((*fault, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_from_names_and_numbers() {
        let faults = Faults::parse("poison@3, nul@2").unwrap();
        assert_eq!(faults.at(6).collect::<Vec<_>>(), [Fault::Poison, Fault::Nul]);
        assert_eq!(faults.at(5).count(), 0);
        assert_eq!(Faults::parse("").unwrap(), Faults::none());
        assert_eq!(Faults::parse("all").unwrap(), Faults::all_sparse());
        for fault in Fault::all() {
            let text = format!("{}@1", fault.name());
            assert_eq!(Faults::parse(&text).unwrap().at(1).next(), Some(fault));
        }
    }

    #[test]
    fn a_wrong_switch_says_what_is_wrong() {
        for (text, part) in [
            ("poisson@3", "no fault is called poisson"),
            ("poison", "write name@n"),
            ("poison@0", "above 0"),
            ("poison@x", "above 0"),
        ] {
            let error = Faults::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
