//! Turns errors of PostgreSQL into faults, by their code, the SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). Only the message of an error is shown,
//! because its detail quotes rows.

use std::io::ErrorKind;

use contract::{Fault, FaultKind, causes_text, connect_failure_text};
use sqlx::Error;

/// The fault for an error. Its message is "cannot" and the action, which says what failed.
pub(super) fn fault(place: &str, action: &str, error: &Error) -> Fault {
    let (kind, remedy) = meaning(error);
    let fault = Fault::new(kind, format!("cannot {action}")).at(place).because(message(error));
    remedy.into_iter().fold(fault, Fault::remedy)
}

/// The text of an error, without what may quote a row.
pub(in crate::store) fn message(error: &Error) -> String {
    match error {
        Error::Database(error) => error.message().to_owned(),
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        Error::Io(io) => connect_failure_text(io).map_or_else(|| causes_text(io), str::to_owned),
        Error::Tls(error) => causes_text(&**error),
        Error::PoolTimedOut => "no connection became free in time".to_owned(),
        error => causes_text(error),
    }
}

/// Whether the connection is lost, or its server no longer accepts writes; if so, another host may accept
/// writes now.
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => true,
        _ => {
            let code = code(error);
            code == "25006" || ["08", "57P"].iter().any(|class| code.starts_with(class))
        }
    }
}

/// Whether another writer interfered, so that the intake must be judged again: a deadlock, a
/// serialisation failure, or a row that another sink has just added.
pub(in crate::store) fn is_race(error: &Error) -> bool {
    let is_duplicate = || {
        let name = error.as_database_error().and_then(|error| error.constraint());
        name.is_some_and(|name| matches!(name, "demand_key" | "receipt_pkey"))
    };
    matches!(code(error).as_str(), "40001" | "40P01") || code(error) == "23505" && is_duplicate()
}

/// Whether the month of a row has no partition. A failed CHECK has the same code, but names a constraint.
pub(in crate::store) fn is_month_missing(error: &Error) -> bool {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    code(error) == "23514" && constraint.is_none()
}

/// Whether the database refuses one row, while it may accept the others: because of its data, a
/// constraint, a limit (such as a key that is too long for an index), or a trigger.
pub(in crate::store) fn is_refusal(error: &Error) -> bool {
    let code = code(error);
    matches!(error, Error::Encode(_))
        || ["22", "23", "54"].iter().any(|class| code.starts_with(class))
        || code == "P0001"
}

/// Whether a failure is transient, and what to do about it.
fn meaning(error: &Error) -> (FaultKind, Option<&'static str>) {
    use FaultKind::{Stopped, Transient};
    let check_tables =
        "check that this version of the gateway created the tables, and that nobody changed them";
    let code = code(error);
    match (error, code.as_str()) {
        (Error::Io(error), _) if connect_failure_text(error).is_some() => {
            (Transient, Some("check the store URL's host and port; PostgreSQL must be running"))
        }
        (Error::Tls(_), _) => (Stopped, Some("check sslmode and sslrootcert in the store URL")),
        (Error::Configuration(_), _) => (Stopped, Some("check the store URL")),
        (_, "28000" | "28P01") => {
            (Stopped, Some("check the user and the password in the store URL, and pg_hba.conf"))
        }
        (_, "3D000") => (
            Stopped,
            Some(
                "create it: CREATE DATABASE name ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0",
            ),
        ),
        (_, "42501") => (
            Stopped,
            Some(
                "as an administrator, run `GRANT USAGE, CREATE ON SCHEMA name TO user` for the user in the store URL, and `ALTER TABLE name OWNER TO user` for tables of another user",
            ),
        ),
        (_, "53100") => (Transient, Some("free space on the disk of the server")),
        // Cancelled by a time limit, locked, or read-only after a failover.
        (_, "57014" | "55P03" | "25006" | "25P03") => (Transient, None),
        // Connection, rollback, resources, shutdown and start, input and output.
        (_, code) if ["08", "40", "53", "57P", "58"].iter().any(|c| code.starts_with(c)) => {
            (Transient, None)
        }
        (Error::Database(_), _) => (Stopped, Some(check_tables)),
        (Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_), _) => {
            (Stopped, Some(check_tables))
        }
        _ => (Transient, None),
    }
}

fn code(error: &Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(String::from).unwrap_or_default()
}
