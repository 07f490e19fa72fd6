//! Turns errors of PostgreSQL into faults, by their code, the SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). Only the message of an error is shown,
//! because its detail quotes rows.

use std::io::ErrorKind;

use contract::{
    ConnectFailure, Fault, FaultKind, ServerSettings, causes_text, is_tls_failure, tls_fault,
};
use sqlx::Error;

/// The fault for an error. Its message is "cannot" and the action, which says what failed.
pub(super) fn fault(place: &str, action: &str, error: &Error) -> Fault {
    if let Some(fault) = connection_fault(action, error) {
        return fault.at(place);
    }
    let (kind, remedy) = meaning(error);
    let what = match error {
        Error::Database(_) if action == CONNECT => "the server refused the connection".to_owned(),
        _ => format!("cannot {action}"),
    };
    let fault = Fault::new(kind, what).at(place).because(message(error));
    remedy.into_iter().fold(fault, Fault::remedy)
}

/// The names of the settings, for remedies.
const SETTINGS: ServerSettings =
    ServerSettings { address: "the store URL", ca: "`sslrootcert` in the store URL" };

/// The action of opening a connection.
pub(super) const CONNECT: &str = "connect";

/// The fault for an error of the connection itself; `None` for errors that the server reports.
fn connection_fault(action: &str, error: &Error) -> Option<Fault> {
    match error {
        Error::Tls(error) => Some(tls_fault(&causes_text(&**error), SETTINGS)),
        Error::Io(error) if is_tls_failure(error) => Some(tls_fault(&causes_text(error), SETTINGS)),
        Error::Io(error) if error.kind() == ErrorKind::NotFound => {
            let what = "a certificate, key or socket file that the store URL names cannot be read";
            let fault = Fault::stopped(what).because(error.to_string());
            Some(fault.remedy("check the paths after `?` in the store URL, such as sslrootcert"))
        }
        // A pool connects whatever the action is, but gives up before the system does: so a time limit of the
        // system ended an open connection.
        Error::Io(error) => ConnectFailure::of(error)
            .filter(|failure| action == CONNECT || !failure.can_end_connections())
            .map(|failure| failure.fault(SETTINGS)),
        Error::Protocol(why) if action == CONNECT && why.contains("auth") => {
            let what = "the account must log in with a method that is not supported";
            Some(
                Fault::stopped(what)
                    .because(why.clone())
                    .remedy("let it log in with a password: scram-sha-256 or md5 in pg_hba.conf"),
            )
        }
        // sqlx takes the end of a connection for this byte. A pooler or proxy whose server is away ends them.
        Error::Protocol(why) if why.contains("SSLRequest: 0x00") => Some(
            Fault::transient("the server closed the connection before it answered").remedy(
                "if this lasts, check the port in the store URL, and whether a pooler or proxy in between reaches the server",
            ),
        ),
        Error::Protocol(_) if action == CONNECT => {
            let fault =
                Fault::stopped("the server at this port does not speak the protocol of PostgreSQL");
            Some(fault.remedy(
                "check the host and port in the store URL: PostgreSQL usually listens on port 5432",
            ))
        }
        _ => None,
    }
}

/// The text of an error, without what may quote a row.
pub(in crate::store) fn message(error: &Error) -> String {
    match error {
        Error::Database(error) => error.message().to_owned(),
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        Error::Io(error) => causes_text(error),
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

/// Whether the data or an index of the database is damaged.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(code(error).as_str(), "XX001" | "XX002")
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

/// The remedy for a pooler that does not keep a session for each of its clients.
const POOLER: &str = "a pooler such as pgbouncer is in between: give the address of the server itself, or set pool_mode = session and ignore_startup_parameters = options in the pooler";

/// Whether a failure is transient, and what to do about it.
fn meaning(error: &Error) -> (FaultKind, Option<&'static str>) {
    use FaultKind::{Stopped, Transient};
    let check_tables =
        "check that this version of the gateway created the tables, and that nobody changed them";
    let code = code(error);
    match (error, code.as_str()) {
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
                "as an administrator, run `GRANT USAGE, CREATE ON SCHEMA name TO user` for the user in the store URL, and `ALTER TABLE name OWNER TO user` for tables of another user; with the roles of docs/rights/postgres.sql, run that file again as the owner",
            ),
        ),
        (_, "XX001" | "XX002") => (
            Stopped,
            Some(
                "the database is damaged: stop the gateway, copy the data folder of the server, and restore the last backup; if only an index is damaged, REINDEX is enough",
            ),
        ),
        (_, "42P05" | "26000") => (Stopped, Some(POOLER)),
        (_, "08P01") if message(error).contains("startup parameter") => (Stopped, Some(POOLER)),
        (_, "53300") => {
            (Transient, Some("raise max_connections of the server, or the limit of the account"))
        }
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

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn cannot_connect_is_not_said_of_a_connection_that_was_open() {
        let said =
            |action, kind: ErrorKind| fault("here", action, &Error::Io(kind.into())).to_string();
        for kind in [ErrorKind::TimedOut, ErrorKind::HostUnreachable] {
            assert!(said(CONNECT, kind).contains("cannot connect"));
            let open = said("keep an intake", kind);
            assert!(open.starts_with("here: cannot keep an intake: "), "{open}");
            assert!(!open.contains("connect"), "{open}");
        }
        // A pool connects whatever the action is.
        assert!(said("keep an intake", ErrorKind::ConnectionRefused).contains("cannot connect"));
    }

    /// A pooler whose server is away closes the connection; a web server says something.
    #[tokio::test]
    async fn a_server_that_closes_the_connection_is_tried_again_and_another_kind_of_server_is_not()
    {
        for (answer, is_transient) in [(&b""[..], true), (b"HTTP/1.1 400 Bad Request", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("postgres://me@{}/x", listener.local_addr().unwrap());
            let answering = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; 8]).await.unwrap();
                stream.write_all(answer).await.unwrap();
            };
            let ((), connected) = tokio::join!(answering, PgConnection::connect(&url));
            let fault = fault("here", CONNECT, &connected.err().unwrap());
            assert_eq!(
                (fault.is_transient(), fault.is_stopped()),
                (is_transient, !is_transient),
                "{fault}"
            );
        }
    }
}
