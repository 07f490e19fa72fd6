//! What an error of the database means for the channel, and what to do about it.
//!
//! Drivers quote values in their messages, and URLs contain passwords. So this module writes its own
//! messages, with names from the settings and the database's error code, but without the driver's text.

use std::time::Duration;

use connector_wire::reason::visible;
use contract::{Fault, tls_fault};

use crate::{
    driver::{Address, DbError},
    plan::TablePlan,
};

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
    address: &Address,
    table: &TablePlan,
    limit: Duration,
) -> Fault {
    match connection_fault(error, address).or_else(|error| login_fault(error, address)) {
        Ok(fault) => fault.at(address.place()),
        Err(error) => {
            let place = format!("table {}", table.name);
            table_fault(error, operation, table, limit).at(place).at(address.place())
        }
    }
}

/// The fault for an error before the login; returns any other error unchanged.
fn connection_fault(error: DbError, address: &Address) -> Result<Fault, DbError> {
    let settings = address.settings();
    let port = match address {
        Address::Sqlite(_) => "",
        Address::Postgres(_) => "PostgreSQL usually listens on port 5432",
        Address::MySql(_) => "MySQL and MariaDB usually listen on port 3306",
    };
    Ok(match error {
        DbError::Unconnected(failure) => failure.fault(settings),
        DbError::NoneFree => Fault::transient(
            "all connections to this database, which its channels share, were in use for too long",
        )
        .remedy("raise `timeout`, or give the channels of this database different times in [schedule]"),
        DbError::NoAnswer => {
            Fault::transient("a server accepts connections at this port, but does not answer a login")
                .remedy(format!("check the port in `url`: {port}; look in the log of the server"))
        }
        DbError::OtherServer(who) => {
            let what = match who {
                Some(who) => format!("this is the port of {who}"),
                None => "the server at this port does not speak the protocol that `url` names".to_owned(),
            };
            Fault::stopped(what).remedy(format!("check the scheme and the port in `url`: {port}"))
        }
        DbError::ConnectionLost => Fault::transient("the connection was lost"),
        DbError::Restarting => Fault::transient("the server is starting or stopping")
            .remedy("wait, or look in the log of the server"),
        DbError::TooManyConnections => Fault::transient("the server accepts no more connections").remedy(
            "lower `concurrent` under [budget], or raise the limit of the server or the account",
        ),
        DbError::OutOfResources => Fault::transient("the disk of the database is full or fails, or its memory is used up")
            .remedy("inform the administrator of the database"),
        DbError::Tls(why) => tls_fault(&why, settings),
        DbError::TlsDemanded => Fault::stopped("the server admits only encrypted connections")
            .remedy(
                "add sslmode=verify-full with sslrootcert (PostgreSQL) or ssl-mode=VERIFY_IDENTITY with ssl-ca (MySQL) \
                 to `url`",
            ),
        DbError::PasswordUnprotected => {
            Fault::stopped("the server asks for the password, and the connection is not encrypted").remedy(
                "have TLS set up in the server (MySQL does so by itself), and add ssl-mode=VERIFY_IDENTITY to `url`; \
                 if the server has TLS, somebody else answers at this address",
            )
        }
        DbError::UnreadableFile(why) => Fault::stopped("a certificate, key or socket file that `url` names cannot be read")
            .because(why)
            .remedy(format!("check the paths after `?` in `url`, such as {}", settings.ca)),
        DbError::Settings => Fault::stopped("`url` has settings that cannot be used")
            .remedy("name a client certificate and its key together; a password may not contain control characters"),
        DbError::BrokenFile => Fault::stopped("the file is not an SQLite database, or is damaged")
            .remedy("check the path in `url`, or ask for an intact copy"),
        other => return Err(other),
    })
}

/// The fault for a refused login; returns any other error unchanged.
fn login_fault(error: DbError, address: &Address) -> Result<Fault, DbError> {
    let is_mysql = matches!(address, Address::MySql(_));
    let of_kind =
        |mysql: &'static str, postgres: &'static str| if is_mysql { mysql } else { postgres };
    let (what, remedy) = match error {
        DbError::LoginMethod(method) => {
            let what = format!(
                "the account must log in with the method {}, which is not supported",
                visible(&method)
            );
            let remedy = of_kind(
                "have the account identified by a password with caching_sha2_password or mysql_native_password",
                "have the account log in with scram-sha-256 or md5; in openGauss and GaussDB set \
                 password_encryption_type = 1 and the password anew",
            );
            return Ok(Fault::stopped(what).remedy(remedy));
        }
        DbError::NoPasswordLogin => (
            "the account does not log in with a password, but only from the machine of the server",
            "have the account identified by a password, or use another account",
        ),
        DbError::WrongPassword => (
            "the database refused the account or its password",
            of_kind(
                "check the secret that `url` names, and the hosts from which the account may connect; an account that \
                 demands TLS (REQUIRE SSL) needs ssl-mode=VERIFY_IDENTITY with ssl-ca in `url` and a server with TLS, and with \
                 REQUIRE X509 also ssl-cert and ssl-key",
                "check the secret that `url` names, and whether the password is still valid (VALID UNTIL)",
            ),
        ),
        DbError::PasswordExpired => (
            "the password of the account has expired",
            "set a new password, and write it into the secret that `url` names",
        ),
        DbError::AccountLocked => (
            "the account is locked",
            "ask the administrator of the database to unlock it: ALTER USER … ACCOUNT UNLOCK",
        ),
        DbError::NoAccount => (
            "the server does not know the account, or it may not log in",
            "check the user in `url`; the account needs the right to log in (LOGIN), with a password",
        ),
        DbError::CertificateDemanded => (
            "the account logs in with a certificate, and none was sent",
            "add sslcert and sslkey with their files to `url`, or have the account log in with scram-sha-256",
        ),
        DbError::WrongIdentity => (
            "the account logs in without a password, and the server takes this client for another one",
            "name a certificate for this account in `url`, or have the account log in with scram-sha-256",
        ),
        DbError::NotFromHere => (
            "the server does not admit the account from this machine",
            of_kind(
                "ask for an account for the host of this machine: CREATE USER name@'HOST'",
                "ask for a line for this machine, account and database in pg_hba.conf; for `hostssl`, add \
                 sslmode=verify-full with sslrootcert to `url`",
            ),
        ),
        DbError::HostBlocked => (
            "the server has blocked this machine after too many failed attempts",
            "mend their cause, then have FLUSH HOSTS executed on the server",
        ),
        DbError::NoDatabase => match address {
            Address::Sqlite(_) => (
                "there is no such database file, or this account may not open it",
                "check the path in `url`, and the rights on the file and its folder",
            ),
            _ => (
                "the server has no such database",
                "check the name of the database at the end of `url`",
            ),
        },
        DbError::DatabaseDenied => (
            "the account has no permission to open the database",
            of_kind(
                "GRANT SELECT ON the database TO the account",
                "GRANT CONNECT ON DATABASE to the account",
            ),
        ),
        DbError::Refused(code) => {
            let what = format!("the server refused the connection with code {}", visible(&code));
            return Ok(Fault::stopped(what)
                .remedy("look up the code in the manual of the database, and in its log"));
        }
        other => return Err(other),
    };
    Ok(Fault::stopped(what).remedy(remedy))
}

fn table_fault(error: DbError, operation: Operation, table: &TablePlan, limit: Duration) -> Fault {
    let flags: Vec<&str> = table.flags.iter().map(|flag| flag.column.as_str()).collect();
    let (name, flags) = (&table.name, flags.join(", "));
    match error {
        DbError::Locked => Fault::transient("the table is locked"),
        DbError::TimedOut => Fault::transient(format!("no answer within {limit:?}"))
            .remedy("create an index on the columns of `changes` and `flag`, or raise `timeout`"),
        DbError::Denied if operation == Operation::Read => {
            Fault::stopped("the account has no permission to read the table").remedy(format!(
                "GRANT SELECT ON {name}, or list the columns that it may read in `columns`"
            ))
        }
        DbError::Denied => Fault::stopped(format!("the account has no permission to set {flags}"))
            .remedy(format!("GRANT UPDATE ({flags}) ON {name}")),
        DbError::SchemaDenied => {
            Fault::stopped("the account has no permission to use the schema of the table")
                .remedy(format!("GRANT USAGE ON SCHEMA to the account, and GRANT SELECT ON {name}"))
        }
        DbError::ReadOnly => {
            Fault::stopped(format!("the database is read only, so {flags} cannot be set")).remedy(
                "write the address of the primary server in `url`, not of a replica; or leave out \
                 `flag` and find rows by [table.changes]",
            )
        }
        DbError::NoTable => Fault::stopped("there is no such table")
            .remedy(
                "check `table`; upper and lower case may differ, and a name with a dot stands in double quotes, \
                 like schema.\"a.b\"",
            ),
        DbError::NoColumn(column) => {
            Fault::stopped(format!("there is no column {}", visible(&column)))
                .remedy("check the name; upper and lower case may differ")
        }
        DbError::WrongType => Fault::stopped(
            "the database cannot compare a column with its setting, or two columns",
        )
        .remedy(
            "write the values of `flag` in the types of their columns; `parent` and `column` of a part must \
             have the same type",
        ),
        DbError::UnreadableColumn(column, type_name) => {
            let (column, type_name) = (visible(&column), visible(&type_name));
            Fault::stopped(format!("column {column} has a type that cannot be read: {type_name}"))
                .remedy("list the other columns in `columns`")
        }
        DbError::Other(code) => {
            let what = if operation == Operation::Read { "query" } else { "acknowledgement" };
            Fault::stopped(format!("the database refused the {what} with code {}", visible(&code)))
                .remedy("look up the code in the manual of the database")
        }
        // A query cannot violate a constraint.
        _ => Fault::stopped("the database refused a value"),
    }
}
