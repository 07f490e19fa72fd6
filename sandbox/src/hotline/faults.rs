//! The fault switches: every way the real table is known to misbehave, each with a name. A number
//! counts rows filed.

use crate::faults::faults;

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
