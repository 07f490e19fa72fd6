//! Which failures of SQLite may pass by themselves. Its messages name tables and columns, never
//! values, so they may be shown.

use contract::Fault;

// Primary result codes, <https://www.sqlite.org/rescode.html>.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const INTERRUPT: u32 = 9;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const SCHEMA: u32 = 17;
const TOOBIG: u32 = 18;
const CONSTRAINT: u32 = 19;
const MISMATCH: u32 = 20;

/// Classifies a failure.
pub(super) fn fault(place: &str, doing: &str, error: sqlx::Error) -> Fault {
    let what = format!("cannot {doing}");
    let fault = if passes(&error) {
        Fault::transient(what)
    } else {
        Fault::stopped(what).remedy("check that the file is a whole database of this version")
    };
    fault.at(place).because(error)
}

/// Whether the database refuses what a row holds, so that other rows may still be written.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(TOOBIG | CONSTRAINT | MISMATCH))
}

/// Whether the same statement may succeed later.
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => true,
        _ => matches!(
            code(error),
            Some(BUSY | LOCKED | NOMEM | INTERRUPT | IOERR | FULL | CANTOPEN | PROTOCOL | SCHEMA)
        ),
    }
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
