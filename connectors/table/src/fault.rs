//! What a database's complaint means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs hold passwords: so texts are ours, with names
//! from the settings and the database's code, and nothing the driver said of a row.

use std::time::Duration;

use contract::Fault;

use crate::{driver::Trouble, plan::Target};

/// What was asked of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Read,
    Acknowledge,
}

/// The fault for a complaint of the database at `address`.
pub(crate) fn fault(
    trouble: Trouble,
    doing: Doing,
    address: String,
    target: &Target,
    limit: Duration,
) -> Fault {
    let table = &target.table;
    let flags: Vec<&str> = target.flags.iter().map(|flag| flag.column.as_str()).collect();
    let flags = flags.join(", ");
    let is_of_connection = trouble.is_of_connection();
    let fault = match (trouble, doing) {
        (Trouble::Unreachable(why), _) => Fault::transient("cannot connect")
            .because(why)
            .remedy("check host and port in `url`, and that the database runs there"),
        (Trouble::Lost, _) => Fault::transient("the connection broke off"),
        (Trouble::Leaving, _) => Fault::transient("the server is starting or ending")
            .remedy("wait, or look into its log"),
        (Trouble::Crowded, _) => Fault::transient("the server takes no more connections").remedy(
            "lower `concurrent` under [budget], or raise the limit of the server or the account",
        ),
        (Trouble::Short, _) => Fault::transient("its disk or memory is full, or fails")
            .remedy("tell whoever runs the database"),
        (Trouble::Untrusted(why), _) => Fault::stopped("no encrypted connection came about")
            .because(why)
            .remedy("check the TLS settings and the certificate in `url`"),
        (Trouble::Foreign, _) => {
            Fault::transient("whoever listens there does not speak the protocol of this URL")
                .remedy("check scheme, host and port in `url`")
        }
        (Trouble::SignOn, _) => {
            Fault::stopped("the server wants another way to sign on than this program has").remedy(
                "let the account sign on with a password: scram-sha-256 or md5 in PostgreSQL, \
                 caching_sha2_password or mysql_native_password in MySQL",
            )
        }
        (Trouble::WrongPassword, _) => Fault::stopped("the database refused account and password")
            .remedy("check the secret that `url` names, and from where the account may connect"),
        (Trouble::Expired, _) => Fault::stopped("the password of the account has expired")
            .remedy("have a new one set, and write it into the secret that `url` names"),
        (Trouble::NoDatabase, _) => {
            Fault::stopped("there is no such database, or this account may not open it")
                .remedy("check the path or the name of the database in `url`")
        }
        (Trouble::Busy, _) => Fault::transient("somebody else has locked the table"),
        (Trouble::Late, _) => Fault::transient(format!("no answer within {limit:?}")).remedy(
            "have an index made for the columns of `changes` and `flag`, or raise `timeout`",
        ),
        (Trouble::Stale, _) => {
            Fault::transient("the table was altered: the next attempt connects again")
        }
        (Trouble::Denied, Doing::Read) => Fault::stopped("the account may not read the table")
            .remedy(format!("GRANT SELECT ON {table}")),
        (Trouble::Denied, Doing::Acknowledge) => {
            Fault::stopped(format!("the account may not set {flags}"))
                .remedy(format!("GRANT UPDATE ({flags}) ON {table}"))
        }
        (Trouble::NoTable, _) => Fault::stopped("there is no such table")
            .remedy("check `table`; capitals and small letters may differ"),
        (Trouble::NoColumn(column), _) => Fault::stopped(format!("there is no column {column}"))
            .remedy("check the name; capitals and small letters may differ"),
        (Trouble::WrongType, _) => {
            Fault::stopped("the database cannot compare two columns, or a column with a setting")
                .remedy(format!(
                    "write values of {flags} in the type of their column; the two columns that a \
                     part shares with the table need one type"
                ))
        }
        // Reading meets no constraint.
        (Trouble::Value, _) => Fault::stopped("the database refused a value"),
        (Trouble::Undecodable(column, class), _) => {
            Fault::stopped(format!("column {column} has a type that cannot be read: {class}"))
                .remedy("list the other columns in `columns`")
        }
        (Trouble::Other(code), Doing::Read) => {
            Fault::stopped(format!("the database refused the query with code {code}"))
                .remedy("look up the code in the manual of the database")
        }
        (Trouble::Other(code), Doing::Acknowledge) => {
            Fault::stopped(format!("the database refused the acknowledgement with code {code}"))
                .remedy("look up the code in the manual of the database")
        }
    };
    if is_of_connection {
        fault.at(address)
    } else {
        fault.at(format!("table {table}")).at(address)
    }
}
