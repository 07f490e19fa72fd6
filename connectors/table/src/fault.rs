//! What an error of the database means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs contain passwords. So this module writes its own
//! messages, with names from the settings and the database's error code, but without the driver's text.

use std::time::Duration;

use contract::Fault;

use crate::{driver::DbError, plan::TablePlan};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Acknowledge,
}

/// The fault for an error of the database at `address`.
pub(crate) fn database_fault(
    error: DbError,
    operation: Operation,
    address: String,
    table: &TablePlan,
    limit: Duration,
) -> Fault {
    match connection_fault(error) {
        Ok(fault) => fault.at(address),
        Err(error) => {
            let place = format!("table {}", table.name);
            table_fault(error, operation, table, limit).at(place).at(address)
        }
    }
}

/// The fault for an error that has nothing to do with a table; returns any other error unchanged.
fn connection_fault(error: DbError) -> Result<Fault, DbError> {
    Ok(match error {
        DbError::Unreachable(why) => Fault::transient("cannot connect")
            .because(why)
            .remedy("check the host and port in `url`, and that the database is running"),
        DbError::ConnectionLost => Fault::transient("the connection was lost"),
        DbError::Restarting => Fault::transient("the server is starting or stopping")
            .remedy("wait, or look in the log of the server"),
        DbError::TooManyConnections => Fault::transient("the server accepts no more connections").remedy(
            "lower `concurrent` under [budget], or raise the limit of the server or the account",
        ),
        DbError::OutOfResources => Fault::transient("the disk of the database is full or fails, or its memory is used up")
            .remedy("inform the administrator of the database"),
        DbError::Tls(why) => Fault::stopped("no encrypted connection can be made")
            .because(why)
            .remedy("check the TLS settings and the certificate in `url`"),
        DbError::OtherProtocol => {
            Fault::transient("the server does not use the protocol that `url` names")
                .remedy("check the scheme, host and port in `url`")
        }
        DbError::LoginMethod => {
            Fault::stopped("the server requires a login method that is not supported")
                .remedy(
                    "let the account log in with a password: scram-sha-256 or md5 in PostgreSQL, \
                     caching_sha2_password or mysql_native_password in MySQL",
                )
        }
        DbError::WrongPassword => Fault::stopped("the database refused the account or its password")
            .remedy("check the secret that `url` names, and the hosts that the account may connect from"),
        DbError::PasswordExpired => Fault::stopped("the password of the account has expired")
            .remedy("set a new password, and write it into the secret that `url` names"),
        DbError::NoDatabase => {
            Fault::stopped("there is no such database, or the account has no permission to open it")
                .remedy("check the path or the name of the database in `url`")
        }
        other => return Err(other),
    })
}

fn table_fault(error: DbError, operation: Operation, table: &TablePlan, limit: Duration) -> Fault {
    let flags: Vec<&str> = table.flags.iter().map(|flag| flag.column.as_str()).collect();
    let (name, flags) = (&table.name, flags.join(", "));
    match error {
        DbError::Locked => Fault::transient("the table is locked"),
        DbError::TimedOut => Fault::transient(format!("no answer within {limit:?}"))
            .remedy("create an index on the columns of `changes` and `flag`, or raise `timeout`"),
        DbError::TableAltered => {
            Fault::transient("the table was altered; the next attempt opens a new connection")
        }
        DbError::Denied if operation == Operation::Read => {
            Fault::stopped("the account has no permission to read the table")
                .remedy(format!("GRANT SELECT ON {name}"))
        }
        DbError::Denied => Fault::stopped(format!("the account has no permission to set {flags}"))
            .remedy(format!("GRANT UPDATE ({flags}) ON {name}")),
        DbError::ReadOnly => {
            Fault::stopped(format!("the database is read only, so {flags} cannot be set")).remedy(
                "write the address of the primary server in `url`, not of a replica; or leave out \
                 `flag` and find rows by [table.changes]",
            )
        }
        DbError::NoTable => Fault::stopped("there is no such table")
            .remedy("check `table`; upper and lower case may differ"),
        DbError::NoColumn(column) => Fault::stopped(format!("there is no column {column}"))
            .remedy("check the name; upper and lower case may differ"),
        DbError::WrongType => {
            Fault::stopped("the database cannot compare a column with its setting, or two columns")
                .remedy(format!(
                    "write the values of {flags} in the types of their columns; `parent` and \
                     `column` of a part must have the same type"
                ))
        }
        DbError::UnreadableColumn(column, type_name) => {
            Fault::stopped(format!("column {column} has a type that cannot be read: {type_name}"))
                .remedy("list the other columns in `columns`")
        }
        DbError::Other(code) => {
            let what = if operation == Operation::Read { "query" } else { "acknowledgement" };
            Fault::stopped(format!("the database refused the {what} with code {code}"))
                .remedy("look up the code in the manual of the database")
        }
        // A query cannot violate a constraint.
        _ => Fault::stopped("the database refused a value"),
    }
}
