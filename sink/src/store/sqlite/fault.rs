//! Turns errors of SQLite into faults, by result code (<https://www.sqlite.org/rescode.html>). The messages of
//! SQLite name tables and columns, never values, so they may be shown.

use contract::{Fault, FaultKind, causes_text};
use sqlx::Error;

const ERROR: u32 = 1;
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const INTERRUPT: u32 = 9;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const SCHEMA: u32 = 17;
const TOOBIG: u32 = 18;
const CONSTRAINT: u32 = 19;
const MISMATCH: u32 = 20;
const NOTADB: u32 = 26;

/// The fault for an error. Its message is "cannot" and the action, which says what failed.
pub(super) fn fault(place: &str, action: &str, error: &Error) -> Fault {
    let (kind, cause, remedy) = meaning(error);
    let fault = Fault::new(kind, format!("cannot {action}")).at(place);
    let fault = fault.because(cause.map_or_else(|| message(error), str::to_owned));
    remedy.into_iter().fold(fault, Fault::remedy)
}

/// Whether the database refuses one row, while it may accept the others.
pub(in crate::store) fn is_refusal(error: &Error) -> bool {
    matches!(code(error), Some(TOOBIG | CONSTRAINT | MISMATCH))
}

/// Whether the file is damaged.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(code(error), Some(CORRUPT | NOTADB))
}

/// The kind of the fault, its cause in plain words (`None`: the text of the error is clear), and what to do.
fn meaning(error: &Error) -> (FaultKind, Option<&'static str>, Option<&'static str>) {
    use FaultKind::{Stopped, Transient};
    match (code(error), error) {
        (Some(BUSY | LOCKED), _) => (
            Transient,
            Some("another process has locked the file"),
            Some("if this lasts, stop the other program that has the file open"),
        ),
        (Some(FULL), _) => (Transient, Some("the disk is full"), Some("free space on the disk")),
        (Some(IOERR), _) => {
            (Transient, None, Some("check whether the disk that the file is on is full or failing"))
        }
        (Some(CANTOPEN), _) => (
            Transient,
            Some("the file cannot be opened"),
            Some("check that its folder exists and that this account may write to it"),
        ),
        (Some(NOMEM | INTERRUPT | PROTOCOL | SCHEMA), _) => (Transient, None, None),
        (None, Error::PoolTimedOut) => (Transient, Some("no connection became free in time"), None),
        (None, Error::WorkerCrashed | Error::Io(_)) => (Transient, None, None),
        (Some(NOTADB), _) => (
            Stopped,
            Some("the file is not a database"),
            Some("set another file under [store] in gateway.toml, or move this file away"),
        ),
        (Some(CORRUPT), _) => (
            Stopped,
            Some("the file is damaged"),
            Some(
                "stop the gateway, copy the file with the -wal file beside it, and restore the last backup; \
                 without one, `sqlite3 COPY .recover | sqlite3 NEW` saves what can be read. Then \
                 `tonghui reconcile CHANNEL --repair` brings back what the sources still have",
            ),
        ),
        (Some(READONLY | PERM), _) => (
            Stopped,
            Some("the account of this process has no right to write to the file"),
            Some("give it write permission on the file and its folder"),
        ),
        (Some(ERROR), _) => (
            Stopped,
            None,
            Some(
                "check that this version of the gateway created the file, and that nobody changed its tables",
            ),
        ),
        _ => (Stopped, None, Some("report this defect")),
    }
}

/// The text of an error, without codes.
pub(in crate::store) fn message(error: &Error) -> String {
    let message = error.as_database_error().map(|error| error.message().to_owned());
    message.unwrap_or_else(|| causes_text(error))
}

/// The primary result code: the low byte of the extended one.
fn code(error: &Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
