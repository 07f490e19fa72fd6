//! What a database's complaint means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs hold passwords: so texts are ours, with names
//! from the settings and the database's code, and nothing the driver said.

use std::time::Duration;

use contract::Fault;

use crate::{driver::Trouble, plan::Target};

/// What was asked of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Read,
    Acknowledge,
}

/// The fault for a complaint about `target`.
pub(crate) fn fault(trouble: Trouble, doing: Doing, target: &Target, limit: Duration) -> Fault {
    let table = &target.table;
    let flags: Vec<&str> = target.flags.iter().map(|flag| flag.column.as_str()).collect();
    let flags = flags.join(", ");
    match (trouble, doing) {
        (Trouble::Busy, _) => Fault::transient("the table is locked by somebody else"),
        (Trouble::Late, _) => Fault::transient(format!("no answer within {limit:?}")),
        (Trouble::Stale, _) => Fault::transient("the table was altered; connecting anew"),
        (Trouble::Gone, _) => Fault::transient("the database cannot be reached"),
        (Trouble::NoDatabase, _) => {
            Fault::stopped("there is no such database, or it may not be opened")
                .remedy("check the path or the database name in `url`")
        }
        (Trouble::WrongPassword, _) => Fault::stopped("the database refused account and password")
            .remedy("check the secret that `url` names"),
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
        }
        (Trouble::Other(code), Doing::Acknowledge) => {
            Fault::stopped(format!("the database refused the acknowledgement with code {code}"))
        }
    }
}
