//! Which failures of PostgreSQL may pass by themselves, by SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). Only the message of an error
//! is shown: its detail quotes rows.

use contract::Fault;
use sqlx::Error;

/// Classifies a failure.
pub(super) fn fault(place: &str, doing: &str, error: &Error) -> Fault {
    let what = format!("cannot {doing}");
    let fault = match remedy(error) {
        None => Fault::transient(what),
        Some(remedy) => Fault::stopped(what).remedy(remedy),
    };
    fault.at(place).because(message(error))
}

/// What may be shown of an error.
pub(super) fn message(error: &Error) -> String {
    let message = error.as_database_error().map(|error| error.message().to_owned());
    message.unwrap_or_else(|| error.to_string())
}

/// Whether the connection is of no use any more, or leads to a server that has stopped taking
/// writes: another host may be the one now.
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

/// Whether another writer came between, so that the same work must be judged again: a deadlock, a
/// serialisation failure, or a row of ours that somebody else has just added.
pub(super) fn is_race(error: &Error) -> bool {
    let added_twice = || {
        let name = error.as_database_error().and_then(|error| error.constraint());
        name.is_some_and(|name| matches!(name, "demand_key" | "receipt_pkey"))
    };
    matches!(code(error).as_str(), "40001" | "40P01") || code(error) == "23505" && added_twice()
}

/// Whether a month has no partition: no constraint is named, other than for a check of a row.
pub(super) fn is_missing_month(error: &Error) -> bool {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    code(error) == "23514" && constraint.is_none()
}

/// Whether the database refuses what a row holds, so that other rows may still be written: data it
/// cannot take, a constraint, a limit (a key too long for an index), a trigger that says no.
pub(super) fn is_refusal(error: &Error) -> bool {
    let code = code(error);
    matches!(error, Error::Encode(_))
        || ["22", "23", "54"].iter().any(|class| code.starts_with(class))
        || code == "P0001"
}

/// What to do about a failure that does not pass by itself.
fn remedy(error: &Error) -> Option<&'static str> {
    let lasting = "check that the database is a whole one of this version";
    let code = code(error);
    match (error, code.as_str()) {
        (Error::Tls(_), _) => Some("check sslmode and sslrootcert of its URL"),
        (Error::Configuration(_), _) => Some("check its URL"),
        (_, "28000" | "28P01") => Some("check user and password of its URL, and pg_hba.conf there"),
        (_, "3D000") => Some(
            "create it: CREATE DATABASE name ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0",
        ),
        (_, "42501") => Some("let the user of its URL own the database, or grant what it says"),
        // Cancelled by a time limit, or locked.
        (_, "57014" | "55P03" | "25006" | "25P03") => None,
        // Connection, rollback, resources (a full disk too), shutdown and start, input and output.
        (_, code) if ["08", "40", "53", "57P", "58"].iter().any(|c| code.starts_with(c)) => None,
        (Error::Database(_), _) => Some(lasting),
        (Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_), _) => {
            Some(lasting)
        }
        _ => None,
    }
}

fn code(error: &Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(String::from).unwrap_or_default()
}
