//! What an error of the database means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs contain passwords. So messages are written here:
//! with names from the settings and the code of the database, without the words of the driver.

use std::time::Duration;

use contract::Fault;

use crate::{driver::Trouble, plan::Target};

/// What was done with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Acknowledge,
}

/// The fault for an error of the database at `address`.
pub(crate) fn fault(
    trouble: Trouble,
    operation: Operation,
    address: String,
    target: &Target,
    limit: Duration,
) -> Fault {
    match of_connection(trouble) {
        Ok(fault) => fault.at(address),
        Err(trouble) => {
            let place = format!("table {}", target.table);
            of_table(trouble, operation, target, limit).at(place).at(address)
        }
    }
}

/// The fault for an error that has nothing to do with a table.
fn of_connection(trouble: Trouble) -> Result<Fault, Trouble> {
    Ok(match trouble {
        Trouble::Unreachable(why) => Fault::transient("cannot connect")
            .because(why)
            .remedy("check host and port in `url`, and that the database runs there"),
        Trouble::Lost => Fault::transient("the connection broke"),
        Trouble::Leaving => Fault::transient("the server is starting or stopping")
            .remedy("wait, or look into its log"),
        Trouble::Crowded => Fault::transient("the server takes no more connections").remedy(
            "lower `concurrent` under [budget], or raise the limit of the server or the account",
        ),
        Trouble::Short => Fault::transient("the disk or memory of the database is full, or fails")
            .remedy("tell whoever runs the database"),
        Trouble::Untrusted(why) => Fault::stopped("no encrypted connection can be made")
            .because(why)
            .remedy("check the TLS settings and the certificate in `url`"),
        Trouble::Foreign => {
            Fault::transient("the server there does not use the protocol of this URL")
                .remedy("check scheme, host and port in `url`")
        }
        Trouble::SignOn => {
            Fault::stopped("the server wants a login method that this program does not have")
                .remedy(
                    "let the account log in with a password: scram-sha-256 or md5 in PostgreSQL, \
                     caching_sha2_password or mysql_native_password in MySQL",
                )
        }
        Trouble::WrongPassword => Fault::stopped("the database refused account and password")
            .remedy("check the secret that `url` names, and from where the account may connect"),
        Trouble::Expired => Fault::stopped("the password of the account has expired")
            .remedy("have a new one set, and write it into the secret that `url` names"),
        Trouble::NoDatabase => {
            Fault::stopped("there is no such database, or this account may not open it")
                .remedy("check the path or the name of the database in `url`")
        }
        other => return Err(other),
    })
}

fn of_table(trouble: Trouble, operation: Operation, target: &Target, limit: Duration) -> Fault {
    let flags: Vec<&str> = target.flags.iter().map(|flag| flag.column.as_str()).collect();
    let (table, flags) = (&target.table, flags.join(", "));
    match trouble {
        Trouble::Busy => Fault::transient("the table is locked"),
        Trouble::Late => Fault::transient(format!("no answer within {limit:?}")).remedy(
            "have an index made for the columns of `changes` and `flag`, or raise `timeout`",
        ),
        Trouble::Stale => {
            Fault::transient("the table was altered: the next attempt connects again")
        }
        Trouble::Denied if operation == Operation::Read => {
            Fault::stopped("the account may not read the table")
                .remedy(format!("GRANT SELECT ON {table}"))
        }
        Trouble::Denied => Fault::stopped(format!("the account may not set {flags}"))
            .remedy(format!("GRANT UPDATE ({flags}) ON {table}")),
        Trouble::NoTable => Fault::stopped("there is no such table")
            .remedy("check `table`; upper and lower case may differ"),
        Trouble::NoColumn(column) => Fault::stopped(format!("there is no column {column}"))
            .remedy("check the name; upper and lower case may differ"),
        Trouble::WrongType => {
            Fault::stopped("the database cannot compare two columns, or a column with a setting")
                .remedy(format!(
                    "write values of {flags} in the type of their column; the two columns that a \
                     part shares with the table need one type"
                ))
        }
        Trouble::Undecodable(column, class) => {
            Fault::stopped(format!("column {column} has a type that cannot be read: {class}"))
                .remedy("list the other columns in `columns`")
        }
        Trouble::Other(code) => {
            let what = if operation == Operation::Read { "query" } else { "acknowledgement" };
            Fault::stopped(format!("the database refused the {what} with code {code}"))
                .remedy("look up the code in the manual of the database")
        }
        // Reading meets no constraint.
        _ => Fault::stopped("the database refused a value"),
    }
}
