//! The fault switches of the file drop: of rows and of files, each with a name.

use crate::faults::faults;

mod named {
    use super::faults;

    // The sparse numbers are distinct primes, so that faults seldom meet.
    faults! {
        /// A NUL in the content.
        Nul = "nul" @ 151,
        /// A content that makes its row longer than 64 KiB.
        LongRow = "long_row" @ 199,
        /// Bytes in the content that are no text in any charset.
        Poison = "poison" @ 211,
        /// `提交时间` on a clock of twelve hours without saying which half: `2026-10-09 03:30`.
        TwelveHour = "twelve_hour" @ 101,
        /// `期望时间` as a spreadsheet's day number.
        SerialWish = "serial_wish" @ 103,
        /// The credit code in full-width characters.
        WideCode = "wide_code" @ 107,
        /// The credit code in small letters.
        LowerCode = "lower_code" @ 109,
        /// A registration number of 15 digits from before credit codes.
        OldCode = "old_code" @ 113,
        /// The firm of the appeal before, under another credit code.
        TwinFirm = "twin_firm" @ 127,
        /// A type no table has.
        UnknownType = "unknown_type" @ 131,
        /// Half of the row only: a line end without quotes cuts it in two.
        BrokenRow = "broken_row" @ 223,
        /// The file's columns have other names (`编号`) and stand in another order.
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
        /// The header alone, and 0 rows in the manifest.
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
        /// Half an hour later the file falls once more under its name, with rows that moved on.
        Replaced = "replaced" @ 47,
    }
}

pub use named::Fault as EnterpriseFault;

impl EnterpriseFault {
    /// Whether it makes a file that no reader can take.
    pub(super) fn refuses_file(self) -> bool {
        use EnterpriseFault::{EmptyFile, NoRows, UnknownHeader, WrongMd5, WrongRows};
        matches!(self, UnknownHeader | EmptyFile | NoRows | WrongRows | WrongMd5)
    }
}
