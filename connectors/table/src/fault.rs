//! What an error of the database means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs contain passwords. So messages are written here:
//! with names from the settings and the code of the database, without the words of the driver.

use std::time::Duration;

use contract::Fault;

use crate::{driver::DbError, plan::TablePlan};

/// What was done with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Acknowledge,
}

/// The fault for an error of the database at `address`.
pub(crate) fn fault(
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

/// The fault for an error that has nothing to do with a table.
fn connection_fault(error: DbError) -> Result<Fault, DbError> {
    Ok(match error {
        DbError::Unreachable(why) => Fault::transient("cannot connect")
            .because(why)
            .remedy("check host and port in `url`, and that the database runs there"),
        DbError::ConnectionLost => Fault::transient("the connection broke"),
        DbError::Restarting => Fault::transient("the server is starting or stopping")
            .remedy("wait, or look into its log"),
        DbError::TooManyConnections => Fault::transient("the server takes no more connections").remedy(
            "lower `concurrent` under [budget], or raise the limit of the server or the account",
        ),
        DbError::OutOfResources => Fault::transient("the disk or memory of the database is full, or fails")
            .remedy("tell whoever runs the database"),
        DbError::Tls(why) => Fault::stopped("no encrypted connection can be made")
            .because(why)
            .remedy("check the TLS settings and the certificate in `url`"),
        DbError::OtherProtocol => {
            Fault::transient("the server there does not use the protocol of this URL")
                .remedy("check scheme, host and port in `url`")
        }
        DbError::LoginMethod => {
            Fault::stopped("the server wants a login method that this program does not have")
                .remedy(
                    "let the account log in with a password: scram-sha-256 or md5 in PostgreSQL, \
                     caching_sha2_password or mysql_native_password in MySQL",
                )
        }
        DbError::WrongPassword => Fault::stopped("the database refused account and password")
            .remedy("check the secret that `url` names, and from where the account may connect"),
        DbError::PasswordExpired => Fault::stopped("the password of the account has expired")
            .remedy("have a new one set, and write it into the secret that `url` names"),
        DbError::NoDatabase => {
            Fault::stopped("there is no such database, or this account may not open it")
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
        DbError::TimedOut => Fault::transient(format!("no answer unfinished {limit:?}")).remedy(
            "have an index made for the columns of `changes` and `flag`, or raise `timeout`",
        ),
        DbError::TableAltered => {
            Fault::transient("the table was altered: the next attempt connects again")
        }
        DbError::Denied if operation == Operation::Read => {
            Fault::stopped("the account may not read the table")
                .remedy(format!("GRANT SELECT ON {name}"))
        }
        DbError::Denied => Fault::stopped(format!("the account may not set {flags}"))
            .remedy(format!("GRANT UPDATE ({flags}) ON {name}")),
        DbError::NoTable => Fault::stopped("there is no such table")
            .remedy("check `table`; upper and lower case may differ"),
        DbError::NoColumn(column) => Fault::stopped(format!("there is no column {column}"))
            .remedy("check the name; upper and lower case may differ"),
        DbError::WrongType => {
            Fault::stopped("the database cannot compare two columns, or a column with a setting")
                .remedy(format!(
                    "write values of {flags} in the type of their column; the two columns that a \
                     part shares with the table need one type"
                ))
        }
        DbError::UnreadableColumn(column, class) => {
            Fault::stopped(format!("column {column} has a type that cannot be read: {class}"))
                .remedy("list the other columns in `columns`")
        }
        DbError::Other(code) => {
            let what = if operation == Operation::Read { "query" } else { "acknowledgement" };
            Fault::stopped(format!("the database refused the {what} with code {code}"))
                .remedy("look up the code in the manual of the database")
        }
        // Reading meets no constraint.
        _ => Fault::stopped("the database refused a value"),
    }
}
